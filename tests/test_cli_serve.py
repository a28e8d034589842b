"""``tfstyle serve``: starts, prints its address, answers, ends; refuses unusable options."""

import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
import runs

COMMAND = [sys.executable, "-m", "tfstyle.cli.main", "serve"]


@pytest.fixture
def serve():
    """Starts servers and returns their process and address."""
    processes = []

    def start(*options):
        process = subprocess.Popen([*COMMAND, "--port", "0", *options], stderr=subprocess.PIPE, text=True)
        processes.append(process)
        for line in process.stderr:
            if found := re.search(r"tfstyle: (http://\S+)/ \(Ctrl-C ends it\)", line):
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return process, found[1]
        raise AssertionError("it did not start")

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.slow
def test_starts_answers_and_ends(serve):
    begun = time.monotonic()
    process, address = serve()
    assert time.monotonic() - begun < 60  # Ten seconds on an idle machine.
    assert httpx.get(f"{address}/healthz").json()["status"] == "ok"
    assert httpx.get(f"{address}/healthz", headers={"host": "evil.example"}).status_code == 421
    unknown = httpx.get(f"{address}/v1/nothing")  # The API answers, not the page.
    assert (unknown.status_code, list(unknown.json())) == (404, ["error"])
    assert httpx.head(f"{address}/healthz").status_code == 200
    wrong = httpx.post(f"{address}/healthz")
    assert (wrong.status_code, wrong.headers["allow"], list(wrong.json())) == (405, "GET, HEAD", ["error"])
    assert httpx.get(f"{address}/docs").status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


@pytest.mark.slow
def test_a_token_opens_the_service_to_others(serve):
    _, address = serve("--host", "0.0.0.0", "--token", "größe")
    here = address.replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{here}/v1/styles").status_code == 401
    header = {"authorization": "Bearer größe".encode()}
    assert httpx.get(f"{here}/v1/styles", headers=header).status_code == 200
    with httpx.Client(base_url=here) as browser:
        assert browser.get("/v1/styles", params={"token": "größe"}, follow_redirects=True).status_code == 200
        assert browser.get("/v1/styles").status_code == 200


@pytest.mark.slow
def test_a_killed_service_continues_its_jobs(serve, tmp_path, monkeypatch):
    """kill -9 in the middle of a job; the next process finishes it."""
    from tfstyle import images

    monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
    images.save_image(tmp_path / "photo.png", runs.photo(60, 80).rgb)
    kept = tmp_path / "state"
    process, address = serve("--state", str(kept))
    with (tmp_path / "photo.png").open("rb") as file:
        job = httpx.post(
            f"{address}/v1/jobs", files={"image": file}, data={"style": "starry_night", "size": "128"}
        ).json()
    deadline = time.monotonic() + 60
    while not httpx.get(f"{address}/v1/jobs/{job['id']}").json()["step"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    _, address = serve("--state", str(kept))
    deadline = time.monotonic() + 120
    while (state := httpx.get(f"{address}/v1/jobs/{job['id']}").json())["status"] != "done":
        assert state["status"] in ("waiting", "running")
        assert time.monotonic() < deadline
        time.sleep(0.2)
    picture = httpx.get(f"{address}/v1/jobs/{job['id']}/picture").content
    assert images.load_image(picture).size == (96, 128)


class TestErrors:
    def refused(self, capsys, *words):
        assert runs.command("serve", *words) == 2
        message = capsys.readouterr().err
        assert message.startswith("tfstyle: ")
        assert message.count("\n") == 1
        return message

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
    def test_public_host_without_a_token(self, capsys, host):
        assert "can be reached from other machines: set a --token" in self.refused(capsys, "--host", host)

    @pytest.mark.parametrize("port", ["-1", "70000"])
    def test_port_out_of_range(self, capsys, port):
        assert "use 0 to 65535" in self.refused(capsys, "--port", port)

    def test_empty_queue(self, capsys):
        assert "queue is 0: use 1 or more" in self.refused(capsys, "--queue", "0")

    def test_port_in_use(self, capsys):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            assert "choose another --host or --port" in self.refused(capsys, "--port", str(taken.getsockname()[1]))

    def test_state_that_is_not_a_folder(self, capsys, tmp_path):
        (tmp_path / "file").write_text("")
        assert "choose another --state" in self.refused(capsys, "--state", str(tmp_path / "file" / "state"))

    def test_missing_packages(self, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        assert 'pip install "tfstyle[serve]"' in self.refused(capsys)


@pytest.mark.slow
def test_under_load():
    """A short `benchmarks.load`: only 200 and 429, constant memory, a good share of the network's own speed."""
    sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
    try:
        from benchmarks import load
    finally:
        sys.path.pop(0)
    report = load.measure(load.Load(seconds=8, side=256))
    assert set(report["answers"]) <= {200, 429}
    assert report["answers"][200] > 50
    assert report["memory"]["last"] < 1.3 * report["memory"]["middle"]
    assert report["share"] > 0.3  # Small photos, a busy machine; docs/service.md has the real figures.


@pytest.mark.slow
def test_no_documented_request_causes_a_server_error(monkeypatch):
    """schemathesis invents requests from /openapi.json."""
    import hypothesis
    import schemathesis

    from tfstyle import service

    monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
    app = service.create(service.Limits(job_workers=1, job_side=64))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    counted = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/events"):
            continue  # Streams; test_service.py reads them.

        @hypothesis.settings(
            max_examples=30,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def ask(case):
            assert case.call().status_code < 500

        ask()
        counted += 1
    assert counted >= 8
    app.state.service.close()
