"""The command ``tfstyle serve``: starts, says where, answers, ends; what it refuses to start with."""

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
    """Starts servers; returns process and address."""
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
    assert time.monotonic() - begun < 30  # Ten seconds on a machine that does nothing else.
    assert httpx.get(f"{address}/healthz").json()["status"] == "ok"
    assert httpx.get(f"{address}/healthz", headers={"host": "evil.example"}).status_code == 421
    unknown = httpx.get(f"{address}/v1/nothing")  # The service's answer, not the page's.
    assert (unknown.status_code, list(unknown.json())) == (404, ["error"])
    assert httpx.get(f"{address}/docs").status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


@pytest.mark.slow
def test_a_token_for_others(serve):
    _, address = serve("--host", "0.0.0.0", "--token", "secret")
    here = address.replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{here}/v1/styles").status_code == 401
    assert httpx.get(f"{here}/v1/styles", headers={"authorization": "Bearer secret"}).status_code == 200


@pytest.mark.slow
def test_killed_and_started_again_it_goes_on(serve, tmp_path, monkeypatch):
    """kill -9 in the middle of a slow picture; the next server finishes it."""
    from tfstyle import images

    monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
    images.save_image(tmp_path / "photo.png", runs.photo(60, 80).rgb)
    state = tmp_path / "state"
    process, address = serve("--state", str(state))
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
    _, address = serve("--state", str(state))
    deadline = time.monotonic() + 120
    while (told := httpx.get(f"{address}/v1/jobs/{job['id']}").json())["status"] != "done":
        assert told["status"] in ("waiting", "running")
        assert time.monotonic() < deadline
        time.sleep(0.2)
    picture = httpx.get(f"{address}/v1/jobs/{job['id']}/picture").content
    assert images.load_image(picture).size == (96, 128)


class TestRefuses:
    def refused(self, capsys, *words):
        assert runs.command("serve", *words) == 2
        said = capsys.readouterr().err
        assert said.startswith("tfstyle: ")
        assert said.count("\n") == 1
        return said

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
    def test_to_be_open_to_all(self, capsys, host):
        assert "can be reached from other machines: give a --token" in self.refused(capsys, "--host", host)

    @pytest.mark.parametrize("port", ["-1", "70000"])
    def test_ports_that_are_none(self, capsys, port):
        assert "use 1 to 65535" in self.refused(capsys, "--port", port)

    def test_a_queue_of_nobody(self, capsys):
        assert "queue is 0: use 1 or more" in self.refused(capsys, "--queue", "0")

    def test_a_port_that_is_taken(self, capsys):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            assert "choose another --host or --port" in self.refused(capsys, "--port", str(taken.getsockname()[1]))

    def test_a_state_that_is_no_folder(self, capsys, tmp_path):
        (tmp_path / "file").write_text("")
        assert "choose another --state" in self.refused(capsys, "--state", str(tmp_path / "file" / "state"))

    def test_to_work_without_its_packages(self, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        assert 'pip install "tfstyle[serve]"' in self.refused(capsys)


@pytest.mark.slow
def test_under_load():
    """A short stretch of `benchmarks.load`: no answer but 200 and 429, memory that stays, a good share of the speed."""
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
def test_nothing_that_the_openapi_allows_is_an_error_of_the_servers_own(monkeypatch):
    """schemathesis makes requests up from what /openapi.json says."""
    import hypothesis
    import schemathesis

    from tfstyle import service

    monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
    app = service.create(service.Limits(slow=1, slow_side=64))
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
    app.state.service.jobs.close()
    app.state.service.paintings.close()
