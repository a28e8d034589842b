"""Photos to train on: where they come from, what is cut out of them, what is passed over."""

import collections
import importlib.util
import io
import os
import socket
import sys

import coco_like
import drawn
import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfstyle import errors, images
from tfstyle.training import data

SIZE = 64


class Memory:
    """Photos that lie in memory; `reads` counts them."""

    def __init__(self, *files: bytes) -> None:
        self._files, self.reads = files, collections.Counter()

    def __len__(self):
        return len(self._files)

    def __getitem__(self, index):
        self.reads[index] += 1
        return self._files[index]


def chart(height: int, width: int) -> np.ndarray:
    """A picture that tells where it was cut: red is the place along a row, green along a column, 0..255."""
    rows, columns = np.mgrid[:height, :width]
    blue = np.full((height, width), 128.0)
    image = np.stack([(columns + 0.5) / width * 255, (rows + 0.5) / height * 255, blue], axis=-1)
    return np.rint(image).astype(np.uint8)


def batches(photos, count=1, steps=range(20), seed=0, size=SIZE):
    return data.Batches(photos, size, count, steps, seed)


def crops(photos, number=20, **keywords):
    made = batches(photos, steps=range(number), **keywords)
    return [made[index][0][0] for index in range(number)]


def line(values: np.ndarray) -> tuple[float, float]:
    """Slope and value half a pixel before the first one; the ends are left out, where interpolation sees less."""
    places = np.arange(len(values)) + 0.5
    slope, start = np.polyfit(places[4:-4], values[4:-4], 1)
    assert np.abs(values[4:-4] - (slope * places[4:-4] + start)).max() < 2
    return slope, start


FORMATS = {
    "png": lambda image: drawn.file(image, "PNG"),
    "jpeg": lambda image: drawn.file(image, "JPEG", quality=98, subsampling=0),
    "webp": lambda image: drawn.file(image, "WEBP", lossless=True),
    "palette": lambda image: drawn.file(drawn.Image.fromarray(image).quantize(256, dither=0), "PNG"),
}


class TestCrops:
    @pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
    @pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 90), (100, 80), (130, 300), (700, 520)])
    def test_lie_inside_and_are_not_stretched(self, kind, height, width):
        """JPEGs are read at a half, a quarter, an eighth of their size, where that is enough: it must not show."""
        photos, lefts, tops, scales, mirrored = Memory(FORMATS[kind](chart(height, width))), [], [], [], set()
        for crop in crops(photos):
            (right, left), (down, top) = line(crop[..., 0].mean(0)), line(crop[..., 1].mean(1))
            mirrored.add(right < 0)
            if right < 0:
                right, left = -right, left + right * SIZE
            assert down > 0  # Photos do not stand on their heads.
            assert right * width == pytest.approx(down * height, rel=0.03)
            scales.append(down * height / 255)
            lefts.append((left / 255, (left + SIZE * right) / 255))
            tops.append((top / 255, (top + SIZE * down) / 255))
        assert mirrored == {True, False}
        for ends in (*lefts, *tops):
            assert min(ends) > -0.01
            assert max(ends) < 1.01
        short = min(height, width)
        assert max(scales) < short / SIZE * 1.02
        assert min(scales) > short / min(short, 1.75 * SIZE) * 0.98
        if short > 2 * SIZE:
            assert np.ptp(scales) > 0.2 * max(scales)
            assert np.ptp([left for left, _ in lefts]) > 0.2
            assert np.ptp([top for top, _ in tops]) > 0.1

    def test_a_crop_of_the_photos_own_size_is_the_photo(self):
        image = chart(SIZE, SIZE)
        for crop in crops(Memory(FORMATS["png"](image)), 4):
            mirrored = crop[0, 0, 0] > crop[0, -1, 0]
            np.testing.assert_array_equal(crop[:, ::-1] if mirrored else crop, image)

    def test_are_float32_batches_in_a_tuple_without_targets(self):
        made = batches(Memory(FORMATS["png"](chart(90, 90))), count=3)
        (batch,) = made[0]
        assert (batch.shape, batch.dtype, len(made)) == ((3, SIZE, SIZE, 3), np.float32, 20)
        assert isinstance(made, keras.utils.PyDataset)

    @pytest.mark.parametrize("mode", ["P", "RGBA", "CMYK"])
    def test_other_colour_formats(self, mode):
        kind = "JPEG" if mode == "CMYK" else "PNG"
        image = drawn.Image.fromarray(chart(70, 80))
        photos = Memory(drawn.file(image.quantize(256) if mode == "P" else image.convert(mode), kind))
        made = batches(photos)
        (batch,) = made[0]
        assert batch.std() > 20
        assert not made.unusable


@pytest.fixture(scope="module")
def photos():
    return Memory(*[drawn.file(drawn.photo(80, 90, seed), "PNG") for seed in range(6)], b"broken")


class TestOrder:
    def test_a_batch_depends_on_seed_and_step_alone(self, photos):
        whole = batches(photos, 2)
        expected = [whole[index][0] for index in range(20)]
        late = batches(photos, 2, steps=range(13, 20))
        for index in (6, 0, 3):  # In any order.
            np.testing.assert_array_equal(late[index][0], expected[13 + index])
        np.testing.assert_array_equal(batches(photos, 2, steps=range(4, 5))[0][0], expected[4])

    def test_steps_and_seeds_differ(self, photos):
        one, other = batches(photos, 2), batches(photos, 2, seed=1)
        assert np.abs(one[0][0] - one[1][0]).mean() > 1
        assert np.abs(one[0][0] - other[0][0]).mean() > 1

    def test_all_photos_are_drawn_equally_often(self):
        photos = Memory(*[drawn.file(drawn.photo(SIZE, SIZE, seed), "PNG") for seed in range(4)])
        crops(photos, 200)
        assert set(photos.reads) == {0, 1, 2, 3}
        assert min(photos.reads.values()) > 25  # Of 200; 50 are expected, with a deviation of 6.

    def test_fit_gets_them_one_by_one_as_numbered(self, photos):
        """By way of Keras' threads and queues."""
        seen = []

        class Recorder(keras.Model):
            def train_step(self, batch):
                seen.append(np.array(batch[0]))
                return {"loss": 0.0}

        model = Recorder()
        model.compile(run_eagerly=True)
        model.fit(batches(photos, 2, steps=range(5, 9)), shuffle=False, verbose=0)
        expected = batches(photos, 2)
        assert len(seen) == 4
        for index, batch in enumerate(seen):
            np.testing.assert_array_equal(batch, expected[5 + index][0])


def grey_in_colour() -> bytes:
    """A grey photo stored in three channels, with the noise of a JPEG."""
    grey = np.repeat(drawn.photo(80, 90, 5)[..., :1], 3, axis=-1)
    return drawn.file(grey, "JPEG", quality=60)


UNUSABLE = {
    "empty": b"",
    "text": b"hello\n" * 100,
    "cut": drawn.file(drawn.photo(200, 200, 1), "JPEG")[:1500],
    "cut png": drawn.file(drawn.photo(80, 90, 1), "PNG")[:900],
    "grey": drawn.file(drawn.photo(80, 90, 1)[..., 0], "JPEG"),
    "grey png": drawn.file(drawn.photo(80, 90, 1)[..., 0], "PNG"),
    "grey 16 bit": drawn.png(np.arange(6400).reshape(80, 80) * 10, 16, 0),
    "grey in colour": grey_in_colour(),
    "one tone": drawn.file(np.full((80, 80, 3), 90, np.uint8), "PNG"),
    "black and white": drawn.file(drawn.Image.fromarray(drawn.photo(80, 90, 1)).convert("1"), "PNG"),
    "small": drawn.file(drawn.photo(SIZE - 1, 300, 1), "PNG"),
    "one pixel": drawn.file(np.uint8([[[1, 99, 200]]]), "PNG"),
    "targa": drawn.file(drawn.photo(80, 90, 1), "TGA"),
}


class TestUnusable:
    @pytest.mark.parametrize("name", UNUSABLE)
    def test_is_passed_over_and_counted(self, name):
        good = drawn.photo(SIZE, SIZE, 2)
        made = batches(Memory(UNUSABLE[name], drawn.file(good, "PNG")))
        for index in range(20):
            crop = made[index][0][0]
            assert np.abs(crop - good).max() == 0 or np.abs(crop[:, ::-1] - good).max() == 0
        assert made.unusable == {0}

    def test_unreadable_photo(self):
        class Vanishing(Memory):
            def __getitem__(self, index):
                if index == 0:
                    raise FileNotFoundError("gone")
                return super().__getitem__(index)

        made = batches(Vanishing(b"", drawn.file(drawn.photo(SIZE, SIZE, 2), "PNG")))
        assert [made[index][0].shape for index in range(20)] == [(1, SIZE, SIZE, 3)] * 20
        assert made.unusable == {0}

    def test_hundreds_in_a_row_are_an_error(self):
        photos = Memory(*UNUSABLE.values())
        with pytest.raises(
            errors.InputError, match="500 photos in a row are damaged, grayscale or smaller than 64 pixels"
        ):
            batches(photos)[0]
        assert sum(photos.reads.values()) == 500

    def test_the_error_comes_through_fit(self):
        model = keras.Sequential([keras.layers.Rescaling(1.0)])
        model.compile(loss=None)
        with pytest.raises(errors.InputError, match="500 photos in a row"):
            model.fit(batches(Memory(b"")), shuffle=False, verbose=0)


class TestFolder:
    def test_pictures_by_name_in_subfolders_too(self, tmp_path):
        (tmp_path / "more" / "deep").mkdir(parents=True)
        names = ["b.JPG", "a.jpeg", "more/c.png", "more/deep/d.avif"]
        (tmp_path / ".trash").mkdir()
        hidden = ["more/.hidden", "more/._c.png", ".trashed-1.jpg", ".trash/e.jpg"]
        for name in [*names, *hidden, "notes.txt", "clip.mp4"]:
            (tmp_path / name).write_bytes(name.encode())
        with pytest.warns(images.SkippedFilesWarning, match=r"clip\.mp4 \(not a supported image format.*notes\.txt"):
            photos = data.open_photos(str(tmp_path))
        assert [photos[index] for index in range(len(photos))] == [
            b"a.jpeg",
            b"b.JPG",
            b"more/c.png",
            b"more/deep/d.avif",
        ]
        with pytest.warns(images.SkippedFilesWarning):
            assert len(data.open_photos(str(tmp_path), exclude=tmp_path / "more")) == 2

    def test_folder_named_like_a_picture(self, tmp_path):
        (tmp_path / "album.jpg").mkdir()
        (tmp_path / "good.png").write_bytes(drawn.file(drawn.photo(80, 90, 1), "PNG"))
        made = batches(data.open_photos(str(tmp_path)))
        assert len([made[index] for index in range(20)]) == 20
        assert made.unusable == set()

    def test_without_pictures(self, tmp_path):
        (tmp_path / "notes.txt").write_text("nothing")
        with pytest.raises(errors.InputError, match="no photos found in .*: use a folder with JPEG, PNG, "):
            data.open_photos(str(tmp_path))


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """The name of a dataset that is not prepared yet, in the folder that TFDS_DATA_DIR would name."""
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    return "coco_like/2017"


class TestDataset:
    def test_is_prepared_and_read(self, dataset, tmp_path):
        photos = data.open_photos(dataset)
        assert (tmp_path / "coco_like" / "2017" / "1.1.0").is_dir()
        assert len(photos) == coco_like.COUNT
        widths = set()
        for index in range(len(photos)):
            assert isinstance(photos[index], bytes)
            with drawn.Image.open(io.BytesIO(photos[index])) as image:
                widths.add(image.width)
        assert widths == set(range(100, 105))
        made = batches(photos, 2)
        assert made[0][0].shape == (2, SIZE, SIZE, 3)
        for index in range(20):
            made[index]
        assert len(made.unusable) == 1  # The grey one.

    def test_is_not_prepared_again(self, dataset, monkeypatch):
        data.open_photos(dataset)
        monkeypatch.setattr(coco_like.CocoLike, "_split_generators", lambda *_: pytest.fail("prepared again"))
        assert len(data.open_photos(dataset)) == coco_like.COUNT

    @pytest.mark.parametrize(
        "failure",
        [
            ConnectionError("Max retries exceeded\nwith url: /train2017.zip"),
            OSError(28, "No space left on device"),
            AssertionError(),
        ],
    )
    def test_failed_download(self, dataset, monkeypatch, failure):
        def fail(*_):
            raise failure

        monkeypatch.setattr(coco_like.CocoLike, "_split_generators", fail)
        with pytest.raises(errors.InputError) as caught:
            data.open_photos(dataset)
        message = str(caught.value)
        assert message.startswith("coco_like/2017: could not be downloaded or read (")
        assert message.endswith("try again, or use a folder of photos")
        assert "\n" not in message
        assert " ".join(str(failure).split()) in message

    @pytest.mark.parametrize(
        "name", ["nosuchdata", "no/such_folder", "./photos", "/nowhere/photos", "my photos", "photos.zip", "x" * 5000]
    )
    def test_neither_a_folder_nor_a_dataset(self, dataset, name):
        with pytest.raises(errors.InputError, match="neither a folder nor a TensorFlow dataset") as caught:
            data.open_photos(name)
        assert "\n" not in str(caught.value)

    @pytest.fixture
    def server(self, dataset, monkeypatch):
        """Names an address that the dataset would be downloaded from; tfds must not start to download."""

        def download_from(url):
            monkeypatch.setattr(coco_like.CocoLike, "url_infos", {url: None})
            monkeypatch.setattr(coco_like.CocoLike, "_split_generators", lambda *_: pytest.fail("tried to download"))

        return download_from

    @pytest.mark.parametrize("answers", [False, True])
    def test_unreachable_server_is_named_at_once(self, dataset, server, monkeypatch, answers):
        """Refused connections, and connections that stay silent."""
        monkeypatch.setattr(data, "_TIMEOUT", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            if not answers:
                silent.close()
            server(f"http://127.0.0.1:{silent.getsockname()[1] if answers else 9}/train2017.zip")
            with pytest.raises(errors.InputError) as caught:
                data.open_photos(dataset)
        message = str(caught.value)
        assert message.startswith("coco_like/2017 is not downloaded yet, and 127.0.0.1 cannot be reached (")
        assert message.endswith("check your network connection, or use a folder of photos")
        assert "\n" not in message

    def test_a_prepared_dataset_needs_no_server(self, dataset, server):
        data.open_photos(dataset)
        server("http://127.0.0.1:9/train2017.zip")
        assert len(data.open_photos(dataset)) == coco_like.COUNT

    def test_folders_do_without_tensorflow_datasets(self, tmp_path, monkeypatch):
        (tmp_path / "a.png").write_bytes(b"")
        monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
        assert len(data.open_photos(str(tmp_path))) == 1
        assert os.listdir(tmp_path) == ["a.png"]


def test_what_a_real_download_of_coco_imports_is_installed():
    """tensorflow-datasets imports it at the first download only, and does not depend on it."""
    assert importlib.util.find_spec("importlib_resources")
