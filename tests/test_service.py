"""The service as its clients see it: photos, jobs, limits, refusals."""

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

import numpy as np
import pytest
import runs
from fastapi import testclient
from PIL import Image

from tfstyle import errors, files, stylebook, stylizer
from tfstyle.optimization import plan
from tfstyle.service import app, guard, job_queue, job_routes, limits, optimize_job, painting_queue

STYLE = "starry_night"


def picture(height=40, width=56, kind="JPEG", mode="RGB"):
    buffer = io.BytesIO()
    Image.fromarray(runs.photo(height, width).rgb.astype(np.uint8)).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.fixture(autouse=True)
def _compact(monkeypatch):
    """The slow path looks through compact, whose weights are in the package."""
    monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", "/nowhere")


@pytest.fixture
def make():
    """Starts services; all are ended."""
    clients = []

    def start(state=None, **bounds):
        application = app.create(limits.Limits(**{"slow": 1, "slow_side": 256, **bounds}), state)
        client = testclient.TestClient(
            guard.Guard(application, upload=bounds.get("upload", 10**6)), base_url="http://localhost"
        )
        client.__enter__()
        clients.append(client)
        client.service = application.state.service
        return client

    yield start
    for client in clients:
        client.__exit__()


@pytest.fixture
def client(make):
    return make()


def stylize(client, data=None, **fields):
    file = picture() if data is None else data
    return client.post("/v1/stylize", files={"image": ("anything.txt", file)}, data={"style": STYLE, **fields})


def refused(response, status, *words):
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    for word in words:
        assert word in response.json()["error"]


class TestPhotos:
    def test_what_is_painted_is_what_the_network_paints(self, client):
        photo = picture(kind="PNG")
        response = stylize(client, photo, format="png")
        assert response.status_code == 200
        assert response.headers["content-type"] == "image/png"
        expected = stylizer.Stylizer(stylebook.trained()[STYLE], runtime="savedmodel")(np.asarray(opened(photo)))
        np.testing.assert_array_equal(np.asarray(opened(response.content)), expected)

    @pytest.mark.parametrize(("kind", "name"), [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
    def test_kind_of_answer(self, client, kind, name):
        response = stylize(client, format=kind)
        assert response.headers["content-type"] == f"image/{kind}"
        assert opened(response.content).format == name

    @pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 70), (41, 57)])
    def test_size_is_kept(self, client, height, width):
        assert opened(stylize(client, picture(height, width)).content).size == (width, height)

    def test_another_size(self, client):
        assert opened(stylize(client, size=28).content).size == (28, 20)

    def test_alpha_is_kept(self, client):
        buffer = io.BytesIO()
        Image.new("RGBA", (16, 16), (200, 50, 50, 99)).save(buffer, "PNG")
        assert np.asarray(opened(stylize(client, buffer.getvalue(), format="png").content))[0, 0, 3] == 99

    def test_no_strength_is_the_photo(self, client):
        photo = picture(kind="PNG")
        painted = stylize(client, photo, format="png", strength=0)
        np.testing.assert_array_equal(np.asarray(opened(painted.content)), np.asarray(opened(photo)))

    def test_colours_can_be_kept(self, client):
        grey = picture(kind="PNG", mode="L")
        painted = np.asarray(opened(stylize(client, grey, format="png", keep_colors="true").content)).astype(int)
        assert np.abs(painted - painted.mean(2, keepdims=True)).max() <= 1

    def test_json_in_and_out(self, client):
        photo = picture(kind="PNG")
        body = {"image": base64.b64encode(photo).decode(), "style": STYLE, "format": "png"}
        answer = client.post("/v1/stylize", json=body).json()
        assert (answer["width"], answer["height"]) == (56, 40)
        assert answer["seconds"] > 0
        assert base64.b64decode(answer["image"]) == stylize(client, photo, format="png").content

    def test_styles_are_listed(self, client):
        names = [each["name"] for each in client.get("/v1/styles").json()]
        assert names == list(stylebook.trained())


class TestRefusals:
    @pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"0" * 50, picture()[:300]])
    def test_no_picture(self, client, data):
        refused(stylize(client, data), 400, "the picture")

    def test_a_bomb_is_not_decoded(self, client):
        """12,000 x 9,000 pixels in 100 kB."""
        buffer = io.BytesIO()
        Image.new("1", (12_000, 9_000)).save(buffer, "PNG")
        begun = time.monotonic()
        refused(stylize(client, buffer.getvalue()), 413, "too many pixels: send one of at most 40 million")
        assert time.monotonic() - begun < 1

    def test_a_large_upload(self, client):
        refused(stylize(client, b"0" * 2_000_000), 413, "too large: send 0.95")

    def test_a_large_upload_that_does_not_say_so(self, client):
        def chunks():
            for _ in range(30):
                yield b"0" * 100_000

        response = client.post("/v1/stylize", content=chunks(), headers={"content-type": "application/json"})
        refused(response, 413, "too large")

    def test_unknown_style(self, client):
        refused(stylize(client, style="nobody"), 404, "there is no style 'nobody'", STYLE)

    @pytest.mark.parametrize("style", ["../../etc", "/etc", "", "a" * 200])
    def test_no_paths(self, client, style):
        assert stylize(client, style=style).status_code in (404, 422)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("strength", 2), ("strength", "nan"), ("size", 0), ("size", 10**6), ("format", "gif"), ("colour", "red")],
    )
    def test_wishes_out_of_range(self, client, name, value):
        refused(stylize(client, **{name: value}), 422, name)

    def test_no_file(self, client):
        refused(client.post("/v1/stylize", data={"style": STYLE, "image": "text"}, files={"x": b""}), 422, "image")

    def test_neither_form_nor_json(self, client):
        refused(client.post("/v1/stylize", content=b"x", headers={"content-type": "text/plain"}), 415)

    @pytest.mark.parametrize(
        "body", [b"{", b"[]", b'{"style": "starry_night"}', b'{"style": "starry_night", "image": "*"}']
    )
    def test_broken_json(self, client, body):
        headers = {"content-type": "application/json"}
        refused(client.post("/v1/stylize", content=body, headers=headers), 422)

    def test_unknown_address(self, client):
        refused(client.get("/v2"), 404)

    def test_wrong_method(self, client):
        refused(client.get("/v1/stylize"), 405)

    def test_a_machine_without_memory(self, client, monkeypatch):
        def short(*_):
            raise errors.ShortageError("too little memory")

        monkeypatch.setattr(client.service.paintings, "_painted", short)
        refused(stylize(client), 503, "too little memory")


class TestQueue:
    def test_too_many_at_once(self, make, monkeypatch):
        """Four clients, room for two: the others are told when to come again."""
        client = make(queue=2)
        painted, service = client.service.paintings._painted, client.service
        stylize(client)
        monkeypatch.setattr(service.paintings, "_painted", lambda *given: (time.sleep(0.5), painted(*given))[1])
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

    def test_failures_leave_no_one_waiting(self, client):
        for _ in range(40):
            stylize(client, style="nobody")
        assert stylize(client).status_code == 200


class TestMetrics:
    def test_requests_are_counted_by_route(self, client):
        stylize(client)
        client.get("/v1/jobs/none")
        client.get("/made/up")
        text = client.get("/metrics").text
        assert 'tfstyle_requests_total{method="POST",route="/v1/stylize",status="200"} 1.0' in text
        assert 'route="/v1/jobs/{name}",status="404"' in text
        assert "made" not in text
        assert "tfstyle_photos_waiting 0.0" in text
        assert 'tfstyle_jobs{status="running"} 0.0' in text

    def test_health(self, client):
        assert client.get("/healthz").json()["status"] == "ok"


def job(client, size=32, **fields):
    sent = {"image": picture(), **({"painting": fields.pop("painting")} if "painting" in fields else {})}
    style = {} if "painting" in sent else {"style": STYLE}
    return client.post("/v1/jobs", files=sent, data={"size": size, **style, **fields})


def waited(client, name, *statuses, seconds=60):
    deadline = time.monotonic() + seconds
    while (told := client.get(f"/v1/jobs/{name}").json())["status"] not in statuses:
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
    return told


def events(text):
    """Names and data of server-sent events."""
    for block in filter(None, text.split("\n\n")):
        if block.startswith("event: "):
            name, data = block.split("\n")
            yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


class TestJobs:
    @pytest.fixture(autouse=True)
    def _few_steps(self, monkeypatch):
        """At the last scale: pictures of 32 pixels, which have no other, are soon done; those of 256 are not."""
        monkeypatch.setattr(plan, "_FINE_STEPS", 8)

    def test_from_start_to_picture(self, client):
        started = job(client)
        assert started.status_code == 202
        name = started.json()["id"]
        told = list(events(client.get(f"/v1/jobs/{name}/events").text))
        assert told[-1][0] == "done"
        assert told[-1][1]["step"] == told[-1][1]["steps"] > 5
        steps = [data["step"] for _, data in told if data["step"] is not None]
        assert steps == sorted(steps)
        result = client.get(f"/v1/jobs/{name}/picture")
        assert result.headers["content-type"] == "image/png"
        assert opened(result.content).size == (32, 23)

    def test_any_painting(self, client):
        name = job(client, painting=picture(64, 64, "PNG")).json()["id"]
        assert waited(client, name, "done", "failed")["status"] == "done"

    def test_stopped_and_gone_on_with(self, client):
        name = job(client, size=256).json()["id"]
        waited(client, name, "running")
        client.post(f"/v1/jobs/{name}/stop")
        stopped = waited(client, name, "stopped")
        assert client.get(f"/v1/jobs/{name}/picture").headers["content-type"] == "image/jpeg"
        assert client.post(f"/v1/jobs/{name}/continue").json()["status"] in ("waiting", "running")
        going = waited(client, name, "running")
        while going["step"] == stopped["step"]:
            going = client.get(f"/v1/jobs/{name}").json()
        assert going["step"] == stopped["step"] + 1
        client.post(f"/v1/jobs/{name}/stop")
        waited(client, name, "stopped", "done")

    def test_stops_when_nobody_looks_any_more(self, make):
        client = make(grace=0.2)
        name = job(client, size=256).json()["id"]
        picture = client.service.jobs.get(name)
        waited(client, name, "running")
        with client.service.jobs.watched(picture):
            pass
        assert waited(client, name, "stopped", "done")["status"] == "stopped"

    def test_goes_on_while_somebody_looks(self, make):
        client = make(grace=0.0)
        name = job(client).json()["id"]
        assert list(events(client.get(f"/v1/jobs/{name}/events").text))[-1][0] == "done"

    def test_outlives_the_server(self, make, tmp_path):
        first = make(tmp_path)
        name = job(first, size=256).json()["id"]
        waited(first, name, "running")
        while not first.get(f"/v1/jobs/{name}").json()["step"]:
            time.sleep(0.01)
        first.service.jobs.close()
        stopped = first.get(f"/v1/jobs/{name}").json()
        assert stopped["status"] == "waiting"
        second = make(tmp_path)
        going = waited(second, name, "running")
        while going["step"] is None:
            going = second.get(f"/v1/jobs/{name}").json()
        assert going["step"] >= stopped["step"]
        second.post(f"/v1/jobs/{name}/stop")
        waited(second, name, "stopped", "done")

    def test_finished_ones_outlive_it_too(self, make, tmp_path):
        first = make(tmp_path)
        name = job(first).json()["id"]
        waited(first, name, "done")
        second = make(tmp_path)
        assert second.get(f"/v1/jobs/{name}/picture").content == first.get(f"/v1/jobs/{name}/picture").content

    def test_stopped_ones_keep_what_was_seen_of_them(self, make, tmp_path):
        first = make(tmp_path)
        name = job(first, size=256).json()["id"]
        while not first.get(f"/v1/jobs/{name}").json()["step"]:
            time.sleep(0.01)
        first.post(f"/v1/jobs/{name}/stop")
        stopped = waited(first, name, "stopped")
        second = make(tmp_path)
        assert second.get(f"/v1/jobs/{name}").json() == stopped
        assert second.get(f"/v1/jobs/{name}/picture").content == first.get(f"/v1/jobs/{name}/picture").content

    @pytest.mark.parametrize(("attempts", "status"), [(2, "done"), (3, "failed")])
    def test_what_ends_the_program_is_not_tried_for_ever(self, make, tmp_path, attempts, status):
        first = make(tmp_path)
        name = job(first).json()["id"]
        waited(first, name, "done")
        first.service.jobs.close()
        request = json.loads((tmp_path / name / "request.json").read_text())
        request |= {"status": "running", "attempts": attempts}  # As a process leaves it that is killed.
        (tmp_path / name / "request.json").write_text(json.dumps(request))
        told = waited(make(tmp_path), name, "done", "failed")
        assert told["status"] == status
        assert status == "done" or "ended 3 times" in told["error"]

    def test_beginnings_are_counted_until_a_checkpoint(self, make, tmp_path, monkeypatch):
        client, counted = make(tmp_path), []
        shown = optimize_job.Job._show

        def show(picture, iterate):
            counted.append(json.loads((picture.folder / "request.json").read_text())["attempts"])
            shown(picture, iterate)
            picture.stop()

        monkeypatch.setattr(optimize_job.Job, "_show", show)
        name = job(client).json()["id"]
        waited(client, name, "stopped")
        counted.append(json.loads((tmp_path / name / "request.json").read_text())["attempts"])
        assert counted == [1, 0]

    def test_a_stop_is_not_lost_before_the_first_step(self, client, monkeypatch):
        """It comes when the picture has left the queue and is not being painted yet."""
        paint = optimize_job.Job.paint
        monkeypatch.setattr(optimize_job.Job, "paint", lambda picture: (picture.stop(), paint(picture)))
        told = waited(client, job(client, size=256).json()["id"], "stopped", "done")
        assert (told["status"], told["step"]) == ("stopped", 0)

    def test_a_full_disk(self, client, monkeypatch, tmp_path):
        def full(*_):
            raise errors.ShortageError("no space left")

        monkeypatch.setattr(files, "atomic_write", full)
        refused(job(client), 507, "cannot be stored")
        assert not list(client.service.jobs._folder.iterdir())

    def test_others_wait_and_then_are_refused(self, make):
        client = make(slow_queue=1)
        first, second, third = (job(client, size=256) for _ in range(3))
        waited(client, first.json()["id"], "running")
        codes = [each.status_code for each in (first, second, third)]
        if codes == [202, 202, 202]:  # The first had begun before the third came.
            third = job(client, size=256)
        elif codes[1] == 429:
            third = second
        refused(third, 429, "too many pictures are waiting")
        assert int(third.headers["retry-after"]) > 0
        for each in (first, second):
            if each.status_code == 202:
                client.post(f"/v1/jobs/{each.json()['id']}/stop")

    def test_old_ones_are_cleared_away(self, make, tmp_path):
        client = make(tmp_path, kept=1)
        names = []
        for _ in range(3):
            names.append(job(client, size=32).json()["id"])
            waited(client, names[-1], "done")
        refused(client.get(f"/v1/jobs/{names[0]}"), 404, "no such picture")
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])

    def test_a_failure_is_told_and_stops_no_worker(self, client, monkeypatch):
        monkeypatch.setattr(optimize_job.Job, "_show", lambda *_: 1 / 0)
        told = waited(client, job(client).json()["id"], "failed")
        assert told["error"] == "an error of the program's own: please report it"
        monkeypatch.undo()
        monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
        waited(client, job(client).json()["id"], "done")

    def test_refusals(self, client):
        refused(job(client, painting=picture(), style=STYLE), 422, "one of the two")
        refused(job(client, style=""), 422, "one of the two")
        refused(job(client, style="nobody"), 404)
        refused(job(client, painting=b"no picture"), 400)
        refused(job(client, size=300), 413, "use 256 or less")
        refused(job(client, strength=7), 422, "strength")
        for path in ("", "/events", "/picture"):
            refused(client.get(f"/v1/jobs/none{path}"), 404)
        name = job(client, size=32).json()["id"]
        waited(client, name, "done")
        refused(client.post(f"/v1/jobs/{name}/continue"), 409, "only a stopped one")


class TestEvents:
    """Of a picture whose worker the test plays."""

    @pytest.fixture
    def picture(self):
        return types.SimpleNamespace(version=5, status="running", described=dict, watchers=0, deserted_at=0.0)

    @pytest.fixture
    def stream(self, picture, monkeypatch):
        monkeypatch.setattr(job_queue, "_LOOK_EVERY", 0.01)
        pictures = job_queue.JobQueue(limits.Limits(slow=1))
        yield job_routes._events(types.SimpleNamespace(jobs=pictures), picture)
        pictures.close()

    def test_the_last_one_is_told_even_if_its_status_is_seen_late(self, picture, stream):
        """A worker changes number and status one after the other; a look may fall between the two."""

        async def told():
            first = await anext(stream)
            picture.status = "done"
            return [first, *[event async for event in stream]]

        assert [event.partition("\n")[0] for event in asyncio.run(told())] == ["event: running", "event: done"]

    def test_a_word_now_and_then_keeps_the_connection(self, picture, stream, monkeypatch):
        monkeypatch.setattr(job_queue, "_ALIVE_EVERY", 0.03)

        async def told():
            words = [await anext(stream) for _ in range(3)]
            picture.version += 1
            return [*words, await anext(stream)]

        begun = time.monotonic()
        first, *alive, last = asyncio.run(told())
        assert alive == [":\n\n"] * 2
        assert first.startswith("event: running\n")
        assert last.startswith("event: running\n")
        assert time.monotonic() - begun >= 0.06

    def test_who_hangs_up_watches_no_more(self, picture, stream):
        async def left():
            await anext(stream)
            assert picture.watchers == 1
            await stream.aclose()

        asyncio.run(left())
        assert picture.watchers == 0
        assert picture.deserted_at > time.monotonic()


class TestGuard:
    @pytest.fixture
    def guarded(self, client):
        def made(**options):
            return testclient.TestClient(
                guard.Guard(client.app._app, upload=10**6, **options), base_url="http://localhost"
            )

        return made

    def test_token(self, guarded):
        client = guarded(token="secret")
        refused(client.get("/v1/styles"), 401, "a token is needed")
        for wrong in ("Bearer wrong", "Basic secret", "Bearer ", "secret"):
            assert client.get("/v1/styles", headers={"authorization": wrong}).status_code == 401
        assert client.get("/v1/styles", headers={"authorization": "Bearer secret"}).status_code == 200
        assert client.get("/v1/styles", headers={"cookie": f"{guard.COOKIE}=secret"}).status_code == 200
        assert client.get("/healthz").status_code == 200

    def test_a_browser_is_let_in_by_its_first_visit(self, guarded):
        client = guarded(token="secret")
        assert client.get("/v1/styles?token=wrong").status_code == 401
        visit = client.get("/v1/styles?token=secret", follow_redirects=False)
        assert (visit.status_code, visit.headers["location"]) == (303, "/v1/styles")
        assert "HttpOnly" in visit.headers["set-cookie"]
        assert "samesite=strict" in visit.headers["set-cookie"].lower()
        assert client.get("/v1/styles").status_code == 200  # The cookie is kept.

    def test_foreign_names(self, guarded):
        client = guarded(hosts=("localhost", "127.0.0.1", "::1"))
        for name, status in (("localhost", 200), ("127.0.0.1:7860", 200), ("[::1]:7860", 200), ("evil.example", 421)):
            assert client.get("/healthz", headers={"host": name}).status_code == status

    def test_foreign_pages(self, guarded):
        client = guarded()
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 415), ("none", 415)):
            headers = {"sec-fetch-site": site, "content-type": "text/plain"}
            assert client.post("/v1/stylize", content=b"x", headers=headers).status_code == status

    def test_browsers_are_told_to_be_careful(self, guarded):
        for response in (guarded().get("/healthz"), guarded(token="x").get("/v1/styles")):
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


def test_a_picture_that_nobody_wants_is_not_painted(client, monkeypatch):
    """Two have their turn to come; one of their makers goes."""
    work, seen = client.service.paintings, []
    monkeypatch.setattr(work, "_threads", concurrent.futures.ThreadPoolExecutor(1))
    monkeypatch.setattr(
        work, "_painted", lambda _, photo: (time.sleep(0.3), seen.append(int(photo[0, 0, 0])), photo)[2]
    )

    async def asked():
        async def gone():
            await asyncio.sleep(0.1)

        photos = [np.full((4, 4, 3), number, np.uint8) for number in range(3)]
        wishes = [work.paint(STYLE, photos[0]), work.paint(STYLE, photos[1], gone), work.paint(STYLE, photos[2])]
        return await asyncio.gather(*wishes, return_exceptions=True)

    first, second, third = asyncio.run(asked())
    assert (first[0, 0, 0], second.status, third[0, 0, 0]) == (0, 499, 2)
    assert seen == [0, 2]
    assert work.waiting == 0


def test_two_threads_load_a_style_once(monkeypatch):
    loaded = []
    monkeypatch.setattr(stylizer, "Stylizer", lambda folder, **_: (time.sleep(0.1), loaded.append(folder), folder)[2])
    folder = pathlib.Path("/nowhere")
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        assert list(threads.map(painting_queue._loaded, [folder, folder])) == [folder, folder]
    assert loaded == [folder]
    painting_queue._kept.cache_clear()


def test_openapi_names_every_route(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/stylize", "/v1/styles", "/v1/jobs", "/v1/jobs/{name}/events", "/healthz", "/metrics"} <= set(paths)


def test_the_page_about_the_routes_needs_no_other_machine(client):
    page = client.get("/docs")
    assert page.status_code == 200
    places = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(places) >= 3
    for place in places:
        assert place.startswith("/")
        assert client.get(place).status_code == 200
    assert "://" not in re.sub(r'"[^"]*w3\.org[^"]*"', "", page.text)
