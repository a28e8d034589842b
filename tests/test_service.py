"""The service as its clients see it: photos, jobs, limits, errors, access control."""

import asyncio
import base64
import concurrent.futures
import io
import json
import pathlib
import re
import threading
import time
import types
import urllib.parse

import numpy as np
import pytest
import runs
from fastapi import testclient
from PIL import Image

from tfstyle import errors, files, images, runtime, stylebook, stylizer
from tfstyle.optimization import plan
from tfstyle.service import app, guard, job_queue, job_routes, limits, memory, optimize_job, painting_queue
from tfstyle.stylizer import any_painting

STYLE, OTHER = "starry_night", "great_wave"
MIXTURE = f"{STYLE}:2,{OTHER}:1"


def picture(height=40, width=56, kind="JPEG", mode="RGB"):
    buffer = io.BytesIO()
    Image.fromarray(runs.photo(height, width).rgb.astype(np.uint8)).convert(mode).save(buffer, kind)
    return buffer.getvalue()


PAINTING = picture(64, 48, "PNG")


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.fixture(autouse=True)
def _compact(monkeypatch):
    """Jobs use the compact network, whose weights are in the package."""
    monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", "/nowhere")


def started(state=None, **bounds):
    application = app.create(limits.Limits(**{"job_workers": 1, "job_side": 256, **bounds}), state)
    client = testclient.TestClient(guard.Guard(application, upload=10**6), base_url="http://localhost")
    client.__enter__()
    client.service = application.state.service
    return client


@pytest.fixture
def make():
    """Starts services and ends them."""
    clients = []

    def start(state=None, **bounds):
        clients.append(started(state, **bounds))
        return clients[-1]

    yield start
    for client in clients:
        client.__exit__()


@pytest.fixture(scope="module")
def shared():
    """One service for tests that leave nothing behind."""
    client = started()
    yield client
    client.__exit__()


@pytest.fixture
def client(make):
    return make()


@pytest.fixture
def vectors(monkeypatch):
    """Style vectors of three paintings, one of which has no network of its own."""
    packed = {name: vector(seed).packed() for seed, name in enumerate((STYLE, OTHER, "unknown_lake"))}
    monkeypatch.setattr(stylizer.vectors, "named", lambda: packed)
    return {name: stylebook.StyleVector.unpack(each, any_painting.WIDTHS) for name, each in packed.items()}


def vector(seed):
    generator = np.random.default_rng(seed)
    maps = [generator.normal(size=(12, 12, width)).astype(np.float32) for width in any_painting.WIDTHS]
    return stylebook.StyleVector.measure(maps)


@pytest.fixture
def looked(monkeypatch):
    """Style vectors that the network for all paintings has painted with."""
    seen, paint = [], any_painting.EncodedPhoto.paint
    monkeypatch.setattr(
        any_painting.EncodedPhoto,
        "paint",
        lambda photo, vector, strength: (seen.append(vector), paint(photo, vector, strength))[1],
    )
    return seen


def stylize(client, data=None, painting=None, **fields):
    sent = {"image": ("anything.txt", picture() if data is None else data)}
    if painting is not None:
        sent["painting"] = ("anything.txt", painting)
    return client.post("/v1/stylize", files=sent, data={"style": STYLE, **fields})


def refused(response, status, *words):
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    for word in words:
        assert word in response.json()["error"]


class TestPhotos:
    def test_equals_the_stylizer(self, shared):
        photo = picture(kind="PNG")
        response = stylize(shared, photo, format="png")
        assert response.status_code == 200
        assert response.headers["content-type"] == "image/png"
        expected = stylizer.Stylizer(stylebook.trained()[STYLE], runtime="savedmodel")(np.asarray(opened(photo)))
        np.testing.assert_array_equal(np.asarray(opened(response.content)), expected)

    @pytest.mark.parametrize(("kind", "name"), [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
    def test_formats(self, shared, kind, name):
        response = stylize(shared, format=kind)
        assert response.headers["content-type"] == f"image/{kind}"
        assert opened(response.content).format == name

    @pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 70)])
    def test_size_is_kept(self, shared, height, width):
        assert opened(stylize(shared, picture(height, width)).content).size == (width, height)

    def test_resized(self, shared):
        assert opened(stylize(shared, size=28).content).size == (28, 20)

    def test_alpha_is_kept(self, shared):
        buffer = io.BytesIO()
        Image.new("RGBA", (16, 16), (200, 50, 50, 99)).save(buffer, "PNG")
        assert np.asarray(opened(stylize(shared, buffer.getvalue(), format="png").content))[0, 0, 3] == 99

    def test_strength_zero_returns_the_photo(self, shared):
        photo = picture(kind="PNG")
        painted = stylize(shared, photo, format="png", strength=0)
        np.testing.assert_array_equal(np.asarray(opened(painted.content)), np.asarray(opened(photo)))

    def test_keeps_colors(self, shared):
        grey = picture(kind="PNG", mode="L")
        painted = np.asarray(opened(stylize(shared, grey, format="png", keep_colors="true").content)).astype(int)
        assert np.abs(painted - painted.mean(2, keepdims=True)).max() <= 1

    def test_json(self, shared):
        photo = picture(kind="PNG")
        body = {"image": base64.b64encode(photo).decode(), "style": STYLE, "format": "png"}
        answer = shared.post("/v1/stylize", json=body).json()
        assert (answer["width"], answer["height"]) == (56, 40)
        assert answer["seconds"] > 0
        assert base64.b64decode(answer["image"]) == stylize(shared, photo, format="png").content

    def test_lists_styles(self, shared, vectors):
        styles = shared.get("/v1/styles").json()
        trained = list(stylebook.trained())
        assert [each["name"] for each in styles] == [*trained, "unknown_lake"]
        assert [each["trained"] for each in styles] == [True] * len(trained) + [False]
        assert [each["name"] for each in styles if each["mixable"]] == [*sorted({STYLE, OTHER}), "unknown_lake"]
        known = next(each for each in styles if each["name"] == STYLE)
        assert (known["title"], known["artist"], known["year"]) == ("The Starry Night", "Vincent van Gogh", "1889")
        assert styles[-1]["title"] == "Unknown Lake"


class TestAnyPainting:
    def test_a_stored_painting_equals_the_stylizer(self, shared, vectors):
        photo = picture(kind="PNG")
        for strength in (1, 0.6):
            response = stylize(shared, photo, style="unknown_lake", format="png", strength=strength)
            encoded = any_painting.EncodedPhoto(np.asarray(opened(photo)), any_painting.load("savedmodel"))
            expected = encoded.paint(vectors["unknown_lake"], strength)
            np.testing.assert_array_equal(np.asarray(opened(response.content)), expected)

    def test_strength_zero_returns_the_photo(self, shared, vectors):
        photo = picture(kind="PNG")
        painted = stylize(shared, photo, style=MIXTURE, format="png", strength=0)
        np.testing.assert_array_equal(np.asarray(opened(painted.content)), np.asarray(opened(photo)))

    def test_a_mixture(self, shared, vectors, looked):
        assert stylize(shared, style=f"{STYLE}:3,{OTHER}").status_code == 200
        expected = stylebook.StyleVector.mix([vectors[STYLE], vectors[OTHER]], [3, 1])
        np.testing.assert_allclose(looked[-1].means[0], expected.means[0], rtol=1e-5)

    def test_a_style_of_all_the_weight_has_its_own_network(self, shared, vectors, looked):
        photo = picture(kind="PNG")
        alone = stylize(shared, photo, format="png").content
        assert stylize(shared, photo, style=f"{STYLE}:2,{OTHER}:0", format="png").content == alone
        assert looked == []

    def test_an_uploaded_painting(self, shared, looked):
        assert stylize(shared, style="", painting=PAINTING).status_code == 200
        photo = images.load_image(PAINTING, size=any_painting.PAINTING_SIZE)
        expected = any_painting.style_vector(photo, any_painting.load("savedmodel"))
        np.testing.assert_allclose(looked[-1].means[0], expected.means[0], rtol=1e-5)

    def test_an_uploaded_painting_in_a_mixture(self, shared, vectors, looked):
        stylize(shared, style="painting", painting=PAINTING)
        assert stylize(shared, style=f"{STYLE}:3,painting:1", painting=PAINTING).status_code == 200
        expected = stylebook.StyleVector.mix([vectors[STYLE], looked[0]], [3, 1])
        np.testing.assert_allclose(looked[1].means[0], expected.means[0], rtol=1e-5)

    def test_json(self, shared, looked):
        image, painting = (base64.b64encode(each).decode() for each in (picture(), PAINTING))
        answer = shared.post("/v1/stylize", json={"image": image, "painting": painting})
        assert (answer.status_code, answer.json()["width"], len(looked)) == (200, 56, 1)

    def test_a_painting_is_measured_once(self, make, monkeypatch):
        client, measured = make(), []
        style_vector = any_painting.style_vector
        monkeypatch.setattr(any_painting, "style_vector", lambda *given: (measured.append(1), style_vector(*given))[1])
        for painting in (PAINTING, PAINTING, picture(50, 50)):
            assert stylize(client, style="", painting=painting).status_code == 200
        assert len(measured) == 2

    def test_keeps_colors(self, shared):
        grey = picture(kind="PNG", mode="L")
        answer = stylize(shared, grey, style="", painting=PAINTING, format="png", keep_colors="true")
        painted = np.asarray(opened(answer.content)).astype(int)
        assert np.abs(painted - painted.mean(2, keepdims=True)).max() <= 1

    def test_unusable_paintings(self, shared):
        buffer = io.BytesIO()
        Image.new("1", (12_000, 9_000)).save(buffer, "PNG")
        refused(stylize(shared, style="", painting=buffer.getvalue()), 413, "too many pixels")
        refused(stylize(shared, style="", painting=b"no picture"), 400, "the picture")
        buffer = io.BytesIO()
        Image.new("RGBA", (16, 16)).save(buffer, "PNG")
        refused(stylize(shared, style="", painting=buffer.getvalue()), 400, "transparent everywhere")
        answer = shared.post("/v1/stylize", json={"image": "", "painting": "*"})
        refused(answer, 422, "painting is not base64")

    def test_what_does_not_fit_together(self, shared, vectors):
        refused(stylize(shared, style=""), 422, "style is missing")
        refused(stylize(shared, style="painting"), 422, "painting is missing")
        refused(stylize(shared, style=f"{STYLE}:1,painting:1"), 422, "painting is missing")
        refused(stylize(shared, painting=PAINTING), 422, "does not mention the painting", f"{STYLE}:2,painting:1")
        refused(stylize(shared, style=f"{STYLE}:two"), 422, "'two' is not a weight")
        refused(stylize(shared, style=f"{STYLE}:-1"), 422, "'-1' is not a weight")
        refused(stylize(shared, style=f"{STYLE}:0"), 422, "all weights are 0")
        refused(stylize(shared, style=f"{STYLE},nobody"), 404, "there is no style 'nobody'")

    def test_a_trained_style_without_a_vector_cannot_be_mixed(self, shared, vectors):
        name = next(name for name in stylebook.trained() if name not in vectors)
        refused(stylize(shared, style=f"{STYLE}:1,{name}:1"), 422, f"{name} cannot be mixed")
        assert stylize(shared, style=f"{name}:1").status_code == 200

    def test_unknown_files(self, shared):
        sent = {"image": picture(), "drawing": PAINTING}
        refused(shared.post("/v1/stylize", files=sent, data={"style": STYLE}), 422, "drawing: send files as")

    def test_memory_is_claimed(self, shared, vectors, monkeypatch):
        monkeypatch.setattr(runtime, "available_memory", lambda: 10**7)
        monkeypatch.setattr(memory.Budget, "_total", lambda _: 10**8)
        monkeypatch.setattr(images, "load_image", lambda *_, **__: 1 / 0)
        refused(stylize(shared, picture(400, 400), style=MIXTURE), 503, "GB of memory", "use a smaller size")


class TestErrors:
    @pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"0" * 50, picture()[:300]])
    def test_not_a_picture(self, shared, data):
        refused(stylize(shared, data), 400, "the picture")

    def test_decompression_bomb_is_not_decoded(self, shared):
        """12,000 x 9,000 pixels in 100 kB."""
        buffer = io.BytesIO()
        Image.new("1", (12_000, 9_000)).save(buffer, "PNG")
        begun = time.monotonic()
        refused(stylize(shared, buffer.getvalue()), 413, "too many pixels: send one with at most 40 million")
        assert time.monotonic() - begun < 1

    def test_large_upload(self, shared):
        refused(stylize(shared, b"0" * 2_000_000), 413, "too large: send at most 0.95")

    def test_large_upload_without_a_length(self, shared):
        def chunks():
            for _ in range(30):
                yield b"0" * 100_000

        response = shared.post("/v1/stylize", content=chunks(), headers={"content-type": "application/json"})
        refused(response, 413, "too large")

    def test_unknown_style(self, shared):
        refused(stylize(shared, style="nobody"), 404, "there is no style 'nobody'", STYLE)

    @pytest.mark.parametrize("style", ["../../etc", "/etc", "a" * 200, "photo.png", "C:\\photo.png", "/a:b.jpg"])
    def test_paths_are_not_styles(self, shared, folder, style):
        refused(stylize(shared, style=style), 404, "there is no style")

    @pytest.mark.parametrize("style", ["photo.png:1", "starry_night:2,photo.png", "./photo.png,starry_night"])
    def test_no_part_of_a_mixture_is_a_path(self, shared, folder, vectors, monkeypatch, style):
        """Whether a file exists makes no difference."""
        monkeypatch.setattr("os.path.lexists", lambda _: 1 / 0)
        refused(stylize(shared, style=style), 404, "there is no style", "photo.png")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("strength", 2), ("strength", "nan"), ("size", 0), ("size", 10**6), ("format", "gif"), ("colour", "red")],
    )
    def test_options_out_of_range(self, shared, name, value):
        refused(stylize(shared, **{name: value}), 422, name)

    def test_missing_file(self, shared):
        refused(shared.post("/v1/stylize", data={"style": STYLE, "image": "text"}, files={"x": b""}), 422, "image")

    def test_neither_form_nor_json(self, shared):
        refused(shared.post("/v1/stylize", content=b"x", headers={"content-type": "text/plain"}), 415)

    @pytest.mark.parametrize(
        "body", [b"{", b"[]", b'{"style": "starry_night"}', b'{"style": "starry_night", "image": "*"}']
    )
    def test_broken_json(self, shared, body):
        headers = {"content-type": "application/json"}
        refused(shared.post("/v1/stylize", content=body, headers=headers), 422)

    def test_unknown_path(self, shared):
        refused(shared.get("/v2"), 404)

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("GET", "/v1/stylize", "POST"),
            ("POST", "/healthz", "GET, HEAD"),
            ("DELETE", "/v1/jobs/name", "GET, HEAD"),
            ("HEAD", "/v1/jobs", "POST"),
            ("POST", "/v1/jobs/name/events", "GET"),
        ],
    )
    def test_wrong_method(self, shared, method, path, allowed):
        response = shared.request(method, path)
        assert response.headers["allow"] == allowed
        if method != "HEAD":
            refused(response, 405, allowed)
        assert response.status_code == 405

    @pytest.mark.parametrize("path", ["/healthz", "/v1/styles", "/metrics", "/openapi.json"])
    def test_head(self, shared, path):
        head, full = shared.head(path), shared.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == full.headers["content-type"]

    @pytest.mark.parametrize(("width", "height"), [(1, 90_000), (90_000, 1), (40_000, 1000), (150, 1)])
    def test_thin_or_long_pictures_are_not_decoded(self, shared, monkeypatch, width, height):
        buffer = io.BytesIO()
        Image.new("1", (width, height)).save(buffer, "PNG")
        monkeypatch.setattr(images, "load_image", lambda *_, **__: 1 / 0)
        refused(stylize(shared, buffer.getvalue()), 413, f"the picture is {width}x{height} pixels: no side may be")

    def test_pictures_of_millions_of_rows_are_not_decoded(self, shared, monkeypatch):
        """A 5 kB file of 1 x 2,500,000 pixels took 4.2 GB."""
        buffer = io.BytesIO()
        Image.new("1", (1, 2_500_000)).save(buffer, "PNG")
        monkeypatch.setattr(images, "load_image", lambda *_, **__: 1 / 0)
        refused(stylize(shared, buffer.getvalue()), 400, "1x2500000 pixels")

    def test_a_side_that_the_format_cannot_hold(self, shared, monkeypatch):
        buffer = io.BytesIO()
        Image.new("1", (17_000, 200)).save(buffer, "PNG")
        monkeypatch.setattr(images, "load_image", lambda *_, **__: 1 / 0)
        refused(stylize(shared, buffer.getvalue(), format="webp"), 422, "webp holds at most 16383 pixels per side")

    def test_a_photo_that_memory_cannot_hold_is_not_decoded(self, shared, monkeypatch):
        monkeypatch.setattr(runtime, "available_memory", lambda: 10**6)
        monkeypatch.setattr(images, "load_image", lambda *_, **__: 1 / 0)
        refused(stylize(shared, picture(400, 400)), 503, "GB of memory", "use a smaller size")

    def test_base64_with_line_breaks_and_data_urls(self, shared):
        encoded = base64.encodebytes(picture(3, 4, "PNG")).decode()
        for text in (encoded, encoded.replace("\n", "\r\n"), f"data:image/png;base64,{encoded}"):
            answer = shared.post("/v1/stylize", json={"image": text, "style": STYLE})
            assert (answer.status_code, answer.json()["width"]) == (200, 4)

    def test_too_little_memory(self, shared, monkeypatch):
        def short(*_):
            raise errors.ShortageError("too little memory")

        monkeypatch.setattr(shared.service.paintings, "_work", short)
        refused(stylize(shared), 503, "too little memory")


class TestQueue:
    def test_full_queue(self, make, monkeypatch):
        """Four clients, room for two: the others learn when to try again."""
        client = make(queue=2)
        work, service = client.service.paintings._work, client.service
        stylize(client)
        monkeypatch.setattr(service.paintings, "_work", lambda *given: (time.sleep(0.5), work(*given))[1])
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(stylize(client))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429]
        for answer in answers:
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1
        assert service.paintings.waiting == 0

    def test_failures_free_their_places(self, client):
        for _ in range(20):
            stylize(client, style="nobody")
        assert stylize(client).status_code == 200


class TestMetrics:
    def test_counts_requests_by_route(self, client):
        stylize(client)
        client.get("/v1/jobs/none")
        client.get("/made/up")
        text = client.get("/metrics").text
        assert 'tfstyle_requests_total{method="POST",route="/v1/stylize",status="200"} 1.0' in text
        assert 'route="/v1/jobs/{name}",status="404"' in text
        assert "made" not in text
        assert "tfstyle_photos_waiting 0.0" in text
        assert 'tfstyle_jobs{status="running"} 0.0' in text

    def test_a_client_that_leaves_while_sending(self, client):
        """Counted as 499, and no error reaches the log."""
        application = client.app._app
        messages = [{"type": "http.request", "body": b"--x", "more_body": True}, {"type": "http.disconnect"}]
        headers = [(b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"1000")]
        for path in ("/v1/stylize", "/v1/jobs"):
            scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
            asyncio.run(application(scope, receiver(messages), sink))
        text = client.get("/metrics").text
        assert 'tfstyle_requests_total{method="POST",route="/v1/stylize",status="499"} 1.0' in text
        assert 'tfstyle_requests_total{method="POST",route="/v1/jobs",status="499"} 1.0' in text
        assert 'status="500"' not in text

    def test_health(self, client):
        assert client.get("/healthz").json()["status"] == "ok"


def receiver(messages):
    remaining = iter(messages)

    async def receive():
        return next(remaining)

    return receive


async def sink(message):
    """Takes a response and drops it."""


def job(client, size=32, **fields):
    sent = {"image": picture(), **({"painting": fields.pop("painting")} if "painting" in fields else {})}
    style = {} if "painting" in sent else {"style": STYLE}
    return client.post("/v1/jobs", files=sent, data={"size": size, **style, **fields})


def wait_for(client, name, *statuses, seconds=60):
    deadline = time.monotonic() + seconds
    while (state := client.get(f"/v1/jobs/{name}").json())["status"] not in statuses:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


def events(text):
    """Names and data of server-sent events."""
    for block in filter(None, text.split("\n\n")):
        if block.startswith("event: "):
            name, data = block.split("\n")
            yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


class TestJobs:
    @pytest.fixture(autouse=True)
    def _few_steps(self, monkeypatch):
        """Few steps at the last scale: pictures of 32 pixels have no other and are done soon; those of 256 are not."""
        monkeypatch.setattr(plan, "_FINE_STEPS", 8)

    def test_from_start_to_picture(self, client):
        started = job(client)
        assert started.status_code == 202
        name = started.json()["id"]
        state = list(events(client.get(f"/v1/jobs/{name}/events").text))
        assert state[-1][0] == "done"
        assert state[-1][1]["step"] == state[-1][1]["steps"] > 5
        steps = [data["step"] for _, data in state if data["step"] is not None]
        assert steps == sorted(steps)
        result = client.get(f"/v1/jobs/{name}/picture")
        assert result.headers["content-type"] == "image/png"
        assert opened(result.content).size == (32, 23)

    def test_any_painting(self, client):
        name = job(client, painting=picture(64, 64, "PNG")).json()["id"]
        assert wait_for(client, name, "done", "failed")["status"] == "done"

    def test_stops_and_continues(self, client):
        name = job(client, size=256).json()["id"]
        wait_for(client, name, "running")
        client.post(f"/v1/jobs/{name}/stop")
        stopped = wait_for(client, name, "stopped")
        assert client.get(f"/v1/jobs/{name}/picture").headers["content-type"] == "image/jpeg"
        assert client.post(f"/v1/jobs/{name}/continue").json()["status"] in ("waiting", "running")
        going = wait_for(client, name, "running")
        while going["step"] == stopped["step"]:
            going = client.get(f"/v1/jobs/{name}").json()
        assert going["step"] == stopped["step"] + 1
        client.post(f"/v1/jobs/{name}/stop")
        wait_for(client, name, "stopped", "done")

    def test_stops_when_the_last_watcher_leaves(self, make):
        client = make()
        name = job(client, size=256).json()["id"]
        running = client.service.jobs.get(name)
        wait_for(client, name, "running")
        running.watch()
        running.unwatch(grace=0.2)
        assert wait_for(client, name, "stopped", "done")["status"] == "stopped"

    def test_runs_while_watched(self, make):
        client = make(grace=0.0)
        name = job(client).json()["id"]
        assert list(events(client.get(f"/v1/jobs/{name}/events").text))[-1][0] == "done"

    def test_survives_a_restart(self, make, tmp_path):
        first = make(tmp_path)
        name = job(first, size=256).json()["id"]
        wait_for(first, name, "running")
        while not first.get(f"/v1/jobs/{name}").json()["step"]:
            time.sleep(0.01)
        first.service.jobs.close()
        stopped = first.get(f"/v1/jobs/{name}").json()
        assert stopped["status"] == "waiting"
        second = make(tmp_path)
        going = wait_for(second, name, "running")
        while going["step"] is None:
            going = second.get(f"/v1/jobs/{name}").json()
        assert going["step"] >= stopped["step"]
        second.post(f"/v1/jobs/{name}/stop")
        wait_for(second, name, "stopped", "done")

    def test_finished_jobs_survive_a_restart(self, make, tmp_path):
        first = make(tmp_path)
        name = job(first).json()["id"]
        wait_for(first, name, "done")
        second = make(tmp_path)
        assert second.get(f"/v1/jobs/{name}/picture").content == first.get(f"/v1/jobs/{name}/picture").content

    def test_stopped_jobs_keep_their_preview(self, make, tmp_path):
        first = make(tmp_path)
        name = job(first, size=256).json()["id"]
        while not first.get(f"/v1/jobs/{name}").json()["step"]:
            time.sleep(0.01)
        first.post(f"/v1/jobs/{name}/stop")
        stopped = wait_for(first, name, "stopped")
        second = make(tmp_path)
        assert second.get(f"/v1/jobs/{name}").json() == stopped
        assert second.get(f"/v1/jobs/{name}/picture").content == first.get(f"/v1/jobs/{name}/picture").content

    @pytest.mark.parametrize(("attempts", "status"), [(2, "done"), (3, "failed")])
    @pytest.mark.slow
    def test_a_job_that_ends_the_process_is_given_up(self, make, tmp_path, attempts, status):
        first = make(tmp_path)
        name = job(first).json()["id"]
        wait_for(first, name, "done")
        first.service.jobs.close()
        request = json.loads((tmp_path / name / "request.json").read_text())
        request |= {"status": "running", "attempts": attempts}  # As a process leaves it that is killed.
        (tmp_path / name / "request.json").write_text(json.dumps(request))
        state = wait_for(make(tmp_path), name, "done", "failed")
        assert state["status"] == status
        assert status == "done" or "ended 3 times" in state["error"]

    def test_attempts_are_counted_until_a_checkpoint(self, make, tmp_path, monkeypatch):
        client, counted = make(tmp_path), []
        shown = optimize_job.Job._show

        def show(picture, iterate):
            counted.append(json.loads((picture.folder / "request.json").read_text())["attempts"])
            shown(picture, iterate)
            picture.stop()

        monkeypatch.setattr(optimize_job.Job, "_show", show)
        name = job(client).json()["id"]
        wait_for(client, name, "stopped")
        counted.append(json.loads((tmp_path / name / "request.json").read_text())["attempts"])
        assert counted == [1, 0]

    def test_stop_before_the_first_step(self, client, monkeypatch):
        """It arrives when the job has left the queue and does not run yet."""
        paint = optimize_job.Job.paint
        monkeypatch.setattr(optimize_job.Job, "paint", lambda picture: (picture.stop(), paint(picture)))
        state = wait_for(client, job(client, size=256).json()["id"], "stopped", "done")
        assert (state["status"], state["step"]) == ("stopped", 0)

    @pytest.mark.parametrize("content", [b"", b"garbage", b"[]", b'{"style": 1}', b"\xff", None])
    def test_a_damaged_job_is_deleted_at_start(self, make, tmp_path, content):
        damaged, foreign = tmp_path / ("a" * 22), tmp_path / "not a job"
        damaged.mkdir()
        foreign.mkdir()
        if content is not None:
            (damaged / "request.json").write_bytes(content)
        assert make(tmp_path).get(f"/v1/jobs/{damaged.name}").status_code == 404
        assert [path.name for path in tmp_path.iterdir()] == [foreign.name]

    def test_jobs_wait_for_memory(self, make, monkeypatch):
        """Two workers, memory for one job."""
        monkeypatch.setattr(memory.Budget, "_total", lambda _: 10**9)
        monkeypatch.setattr(job_queue, "_LEAST_BYTES", 6 * 10**8)
        running, most = [], []

        def paint(job):
            running.append(job)
            most.append(len(running))
            time.sleep(0.3)
            running.remove(job)
            job.change(optimize_job.Status.DONE)

        monkeypatch.setattr(optimize_job.Job, "paint", paint)
        client = make(job_workers=2)
        for name in [job(client).json()["id"] for _ in range(2)]:
            wait_for(client, name, "done")
        assert most == [1, 1]

    def test_full_disk(self, client, monkeypatch, tmp_path):
        def full(*_):
            raise errors.ShortageError("no space left")

        monkeypatch.setattr(files, "atomic_write", full)
        refused(job(client), 507, "cannot be stored")
        assert not list(client.service.jobs._folder.iterdir())

    def test_full_job_queue(self, make):
        client = make(job_queue=1)
        first, second, third = (job(client, size=256) for _ in range(3))
        wait_for(client, first.json()["id"], "running")
        codes = [each.status_code for each in (first, second, third)]
        if codes == [202, 202, 202]:  # The first had begun before the third came.
            third = job(client, size=256)
        elif codes[1] == 429:
            third = second
        refused(third, 429, "too many jobs are waiting")
        assert int(third.headers["retry-after"]) > 0
        for each in (first, second):
            if each.status_code == 202:
                client.post(f"/v1/jobs/{each.json()['id']}/stop")

    @pytest.mark.slow
    def test_old_jobs_are_deleted(self, make, tmp_path):
        client = make(tmp_path, kept_jobs=1)
        names = []
        for _ in range(3):
            names.append(job(client, size=32).json()["id"])
            wait_for(client, names[-1], "done")
        refused(client.get(f"/v1/jobs/{names[0]}"), 404, "no such job")
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])

    def test_a_failure_is_reported_and_the_worker_goes_on(self, client, monkeypatch):
        monkeypatch.setattr(optimize_job.Job, "_show", lambda *_: 1 / 0)
        state = wait_for(client, job(client).json()["id"], "failed")
        assert state["error"] == "an internal error: please report it"
        monkeypatch.undo()
        monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
        wait_for(client, job(client).json()["id"], "done")

    def test_refusals(self, client):
        refused(job(client, painting=picture(), style=STYLE), 422, "not both")
        refused(job(client, style=""), 422, "not both")
        refused(job(client, style="nobody"), 404)
        refused(job(client, painting=b"no picture"), 400)
        refused(job(client, size=300), 413, "use 256 or less")
        refused(job(client, strength=7), 422, "strength")
        for path in ("", "/events", "/picture"):
            refused(client.get(f"/v1/jobs/none{path}"), 404)
        name = job(client, size=32).json()["id"]
        wait_for(client, name, "done")
        refused(client.post(f"/v1/jobs/{name}/continue"), 409, "only a stopped job")


class FakeJob:
    version, status, watchers, grace, described = 5, "running", 0, None, dict

    def watch(self):
        self.watchers += 1

    def unwatch(self, grace):
        self.watchers -= 1
        self.grace = grace


class TestEvents:
    """Events of a job whose worker the test plays."""

    @pytest.fixture
    def picture(self):
        return FakeJob()

    @pytest.fixture
    def stream(self, picture, monkeypatch):
        monkeypatch.setattr(job_queue, "_POLL_SECONDS", 0.01)
        pictures = job_queue.JobQueue(limits.Limits(job_workers=1), memory.Budget())
        yield job_routes._events(types.SimpleNamespace(jobs=pictures), picture)
        pictures.close()

    def test_the_last_event_is_sent_even_if_the_status_follows_late(self, picture, stream):
        """A worker changes version and status one after the other; a poll may fall in between."""

        async def collect():
            first = await anext(stream)
            picture.status = "done"
            return [first, *[event async for event in stream]]

        assert [event.partition("\n")[0] for event in asyncio.run(collect())] == ["event: running", "event: done"]

    def test_heartbeats_keep_the_connection(self, picture, stream, monkeypatch):
        monkeypatch.setattr(job_queue, "_HEARTBEAT_SECONDS", 0.03)

        async def collect():
            words = [await anext(stream) for _ in range(3)]
            picture.version += 1
            return [*words, await anext(stream)]

        begun = time.monotonic()
        first, *alive, last = asyncio.run(collect())
        assert alive == [":\n\n"] * 2
        assert first.startswith("event: running\n")
        assert last.startswith("event: running\n")
        assert time.monotonic() - begun >= 0.06

    def test_a_closed_stream_watches_no_more(self, picture, stream):
        async def left():
            await anext(stream)
            assert picture.watchers == 1
            await stream.aclose()

        asyncio.run(left())
        assert (picture.watchers, picture.grace) == (0, limits.Limits().grace)


class TestGuard:
    @pytest.fixture
    def guarded(self, shared):
        def made(**options):
            return testclient.TestClient(
                guard.Guard(shared.app._app, upload=10**6, **options), base_url="http://localhost"
            )

        return made

    def test_token(self, guarded):
        client = guarded(token="secret")
        refused(client.get("/v1/styles"), 401, "a token is required")
        for wrong in ("Bearer wrong", "Basic secret", "Bearer ", "secret"):
            assert client.get("/v1/styles", headers={"authorization": wrong}).status_code == 401
        assert client.get("/v1/styles", headers={"authorization": "Bearer secret"}).status_code == 200
        assert client.get("/v1/styles", headers={"cookie": f"{guard.COOKIE}=secret"}).status_code == 401
        assert client.get("/healthz").status_code == 200

    def test_first_visit_sets_a_cookie(self, guarded):
        client = guarded(token="secret")
        assert client.get("/v1/styles?token=wrong").status_code == 401
        visit = client.get("/v1/styles?token=secret", follow_redirects=False)
        assert (visit.status_code, visit.headers["location"]) == (303, "/v1/styles")
        assert "HttpOnly" in visit.headers["set-cookie"]
        assert "samesite=strict" in visit.headers["set-cookie"].lower()
        assert client.get("/v1/styles").status_code == 200  # The cookie is kept.

    @pytest.mark.parametrize("token", ["größe", "密码", "s cret;=,"])
    def test_tokens_of_any_characters(self, guarded, token):
        client, quoted = guarded(token=token), urllib.parse.quote(token)
        header = {"authorization": b"Bearer " + token.encode()}
        assert client.get("/v1/styles", headers=header).status_code == 200
        assert client.get("/v1/styles", headers={"authorization": "Bearer other"}).status_code == 401
        assert client.get("/v1/styles").status_code == 401
        assert client.get(f"/v1/styles?token={quoted}").status_code == 200  # Redirected, with the cookie.
        assert client.get("/v1/styles").status_code == 200

    def test_foreign_host_names(self, guarded):
        client = guarded(hosts=("localhost", "127.0.0.1", "::1"))
        for name, status in (
            ("localhost", 200),
            ("127.0.0.1:7860", 200),
            ("[::1]:7860", 200),
            ("LocalHost:80", 200),
            ("evil.example", 421),
        ):
            assert client.get("/healthz", headers={"host": name}).status_code == status

    def test_foreign_pages(self, guarded):
        client = guarded()
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 415), ("none", 415)):
            headers = {"sec-fetch-site": site, "content-type": "text/plain"}
            assert client.post("/v1/stylize", content=b"x", headers=headers).status_code == status

    def test_security_headers(self, guarded):
        for response in (guarded().get("/healthz"), guarded(token="x").get("/v1/styles")):
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


def test_a_photo_whose_client_has_gone_is_not_stylized(client, monkeypatch):
    """Two photos wait; the client of one leaves."""
    work, seen, folder = client.service.paintings, [], stylebook.trained()[STYLE]
    monkeypatch.setattr(work, "_workers", concurrent.futures.ThreadPoolExecutor(1))
    monkeypatch.setattr(
        painting_queue,
        "_load",
        lambda _: lambda photo: (time.sleep(0.3), seen.append(int(photo[0, 0, 0])), photo)[2],
    )

    async def asked():
        async def leaves():
            await asyncio.sleep(0.1)

        photos = [np.full((4, 4, 3), number, np.uint8) for number in range(3)]
        tasks = [work.paint(folder, photos[0]), work.paint(folder, photos[1], leaves), work.paint(folder, photos[2])]
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(asked())
    assert (first[0, 0, 0], second.status, third[0, 0, 0]) == (0, 499, 2)
    assert seen == [0, 2]
    assert work.waiting == 0


def test_two_threads_load_a_style_once(monkeypatch):
    loaded = []
    monkeypatch.setattr(stylizer, "Stylizer", lambda folder, **_: (time.sleep(0.1), loaded.append(folder), folder)[2])
    folder = pathlib.Path("/nowhere")
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        assert list(threads.map(painting_queue._load, [folder, folder])) == [folder, folder]
    assert loaded == [folder]
    painting_queue._cached.cache_clear()


def test_openapi_lists_every_route(shared):
    paths = shared.get("/openapi.json").json()["paths"]
    assert {"/v1/stylize", "/v1/styles", "/v1/jobs", "/v1/jobs/{name}/events", "/healthz", "/metrics"} <= set(paths)


def test_openapi_describes_the_painting(shared):
    bodies = shared.get("/openapi.json").json()["paths"]["/v1/stylize"]["post"]["requestBody"]["content"]
    form, data = (bodies[kind]["schema"] for kind in ("multipart/form-data", "application/json"))
    assert form["properties"]["painting"]["format"] == "binary"
    assert (form["required"], data["required"]) == (["image"], ["image"])
    assert "starry_night:2,great_wave:1" in data["properties"]["style"]["description"]


def test_docs_load_nothing_from_other_hosts(shared):
    page = shared.get("/docs")
    assert page.status_code == 200
    places = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(places) >= 3
    for place in places:
        assert place.startswith("/")
        assert shared.get(place).status_code == 200
    assert "://" not in re.sub(r'"[^"]*w3\.org[^"]*"', "", page.text)
