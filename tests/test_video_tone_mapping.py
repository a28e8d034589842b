"""HDR films become SDR: neither gray and flat nor clipped."""

import filmed
import numpy as np
import pytest

from tfstyle import errors
from tfstyle.video import reader, tone_mapping


def pq_luminance(code):
    """SMPTE ST 2084, equation 4.1: cd/m2 of a signal in 0..1."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = code ** (1 / m2)
    return 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


@pytest.mark.parametrize(
    ("transfer", "name"),
    [(16, "PQ"), pytest.param(18, "HLG", marks=pytest.mark.slow)],  # FFmpeg makes a table for each, in seconds.
)
@pytest.mark.slow
def test_ramp_is_mapped_smoothly_from_black_to_white(tmp_path, transfer, name):
    film = reader.open_film(filmed.write_hdr(tmp_path / "film.mp4", transfer))
    assert film.hdr == name
    frame = next(iter(film.frames((32, 256))))
    assert frame.pixels.shape == (32, 256, 3)
    ramp = frame.pixels[16].astype(int)
    assert ramp[0].max() <= 2
    assert ramp[-1].min() >= 230
    assert np.ptp(ramp, axis=1).max() <= 2  # Gray stays gray.
    steps = np.diff(ramp[:, 0])
    assert steps.min() >= -1
    assert steps.max() <= 4
    assert len(np.unique(ramp[192:, 0])) > 20  # Highlights are compressed, not clipped.
    if name == "PQ":  # At 26 cd/m2, middle gray where white is 203 (ITU-R BT.2408), SDR is middle gray as well.
        middle = np.argmin(np.abs(pq_luminance(np.linspace(0, 1, 256)) - 26))
        assert ramp[middle, 0] / 255 == pytest.approx((26 / 203) ** (1 / 2.4), abs=0.12)


def test_sdr_is_left_alone(tmp_path):
    assert reader.open_film(filmed.write(tmp_path / "film.mp4", filmed.pan(1))).hdr == ""


def test_without_ffmpegs_tone_mapping_names_a_command(tmp_path, monkeypatch):
    monkeypatch.setattr(tone_mapping, "_OPTIONS", "out_primaries=unknown_to_old_versions")
    path = filmed.write_hdr(tmp_path / "film.mp4", 16)
    with pytest.raises(errors.InputError, match=r"film\.mp4 is HDR: update PyAV .* convert it: ffmpeg -i IN") as caught:
        reader.open_film(path)
    assert "\n" not in str(caught.value)
