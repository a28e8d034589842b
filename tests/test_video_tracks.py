"""What an MP4 keeps besides the picture: sound, subtitles, chapters, title, date."""

import av
import filmed
import pytest

from tfstyle.video import outputs, reader


def rewritten(source, path, count=None):
    """Writes a film anew; returns what the writer says about it."""
    film = reader.open_film(source)
    writer = outputs.open_writer(path, film, (film.height, film.width))
    for frame in list(film.frames())[:count]:
        writer.add(frame)
    writer.finish()
    writer.clear()
    return writer.notes


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """An MKV with everything, and the same as MP4."""
    folder = tmp_path_factory.mktemp("films")
    source = filmed.write_many_tracks(folder / "in.mkv")
    notes = rewritten(source, folder / "out.mp4")
    with av.open(str(folder / "out.mp4")) as container:
        yield container, notes


def test_default_sound_comes_first_with_its_title_and_languages(film):
    container, _ = film
    assert [stream.metadata["language"] for stream in container.streams.audio] == ["eng", "deu"]
    assert container.streams.audio[0].metadata["handler_name"] == "Original"
    assert {stream.codec_context.name for stream in container.streams.audio} == {"aac"}
    for stream in container.streams.audio:
        assert float(stream.duration * stream.time_base) == pytest.approx(1.2, abs=0.05)


def test_subtitles(film):
    container, _ = film
    (texts,) = container.streams.subtitles
    assert (texts.codec_context.name, texts.metadata["language"]) == ("mov_text", "fra")
    container.seek(0)
    shown = [
        (float(packet.pts * packet.time_base), float(packet.duration * packet.time_base), bytes(packet)[2:])
        for packet in container.demux(texts)
        if packet.size > 2  # Others clear the screen.
    ]
    assert shown == [(0.1, 0.3, b"Bonjour"), (0.6, 0.3, b"Adieu")]


def test_chapters(film):
    container, _ = film
    chapters = [
        (each["metadata"]["title"], float(each["start"] * each["time_base"]), float(each["end"] * each["time_base"]))
        for each in container.chapters()
    ]
    assert chapters == [("One", 0.0, 0.5), ("Two", 0.5, 1.2)]


def test_title_and_date_but_not_the_place(film):
    container, notes = film
    assert (container.metadata["title"], container.metadata["date"]) == ("The sea", "2019")
    assert not [name for name in container.metadata if name.startswith("location")]
    assert notes == ("not kept: the recording location",)


def test_everything_survives_a_second_time(film, tmp_path):
    container, _ = film
    assert rewritten(container.name, tmp_path / "again.mp4") == ()
    with av.open(str(tmp_path / "again.mp4")) as again:
        assert [stream.type for stream in again.streams] == [stream.type for stream in container.streams]
        assert again.chapters() == container.chapters()


def test_tracks_end_with_an_interrupted_video(tmp_path):
    rewritten(filmed.write_many_tracks(tmp_path / "in.mkv"), tmp_path / "out.mp4", count=5)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.duration / 1e6 == pytest.approx(0.2, abs=0.1)  # FLAC has blocks of 0.096 s.
        assert [(each["start"], each["end"]) for each in container.chapters()] == [(0, 200)]


def test_gif_and_folder_report_the_lost_audio(tmp_path):
    source = filmed.write(tmp_path / "in.mp4", filmed.pan(2), sound="aac")
    for name in ("out.gif", "frames"):
        assert rewritten(source, tmp_path / name) == ("not kept: the audio",)


def test_cover_picture_of_a_video_is_named(tmp_path):
    """The film is painted, its cover is not."""
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 64, 96, "yuv420p"
        cover = container.add_stream("png", rate=1)
        cover.height, cover.width, cover.pix_fmt = 64, 96, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(filmed.pan(1)[0])
        container.mux([*cover.encode(frame), *cover.encode()])
        container.mux([*video.encode(frame), *video.encode()])
    assert rewritten(tmp_path / "in.mp4", tmp_path / "out.mp4") == ("not kept: 1 cover picture",)
