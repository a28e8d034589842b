"""Measures the service under load: ``python -m benchmarks.load`` starts a server, sends photos, and stops it.

Every client sends one photo after the other, each as soon as the last response is there (or after ``Retry-After``). The
report has responses by status, latency, photos per second beside the bare network's, and the server's memory.
"""

import argparse
import collections
import contextlib
import dataclasses
import io
import json
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import numpy as np
import psutil
from PIL import Image

__all__ = ["Load", "main", "measure", "server"]

_STYLE = "starry_night"
# Duration of the bare network's measurement.
_BARE = 5.0


@dataclasses.dataclass(frozen=True)
class Load:
    """The load.

    Attributes:
        clients: concurrent clients.
        seconds: duration.
        side: side of the square photos in pixels.
    """

    clients: int = 32
    seconds: float = 60.0
    side: int = 512


@contextlib.contextmanager
def server(*options: str) -> Iterator[tuple[str, psutil.Process]]:
    """Runs a server in a process of its own.

    Yields:
        Its address and its process.
    """
    command = [sys.executable, "-m", "tfstyle.cli.main", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr or ():
            if found := re.search(r"http://\S+?(?=/ )", line):
                break
        else:
            raise RuntimeError("the server did not start")
        yield found[0], psutil.Process(process.pid)  # It prints only errors from now on: the pipe does not fill up.
    finally:
        process.terminate()
        process.wait()
        if process.stderr:
            process.stderr.close()


def measure(load: Load) -> dict:
    """Runs the load and measures.

    Args:
        load: the load.

    Returns:
        The report, as JSON.
    """
    bare = _bare(load.side)
    with server() as (address, process):
        _ask(address, _photo(load.side), 2.0)  # Warm-up.
        memory = [process.memory_info().rss]
        answers: list[tuple[int, float]] = []
        threads = [
            threading.Thread(target=lambda: answers.extend(_ask(address, _photo(load.side), load.seconds)))
            for _ in range(load.clients)
        ]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(min(1.0, load.seconds / 10))
            memory.append(process.memory_info().rss)
        seconds = time.monotonic() - begun
    latencies = [latency for status, latency in answers if status == 200]
    return {
        "load": dataclasses.asdict(load),
        "answers": dict(collections.Counter(status for status, _ in answers)),
        "median": statistics.median(latencies),
        "p95": float(np.percentile(latencies, 95)),
        "photos a second": len(latencies) / seconds,
        "bare network": bare,
        "share": len(latencies) / seconds / bare,
        "memory": {"first": memory[0], "middle": memory[len(memory) // 2], "last": memory[-1], "most": max(memory)},
    }


def _photo(side: int) -> bytes:
    coarse = np.random.default_rng(0).integers(0, 256, (side // 16, side // 16, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _ask(address: str, photo: bytes, seconds: float) -> list[tuple[int, float]]:
    """Returns status and seconds of each response; status 0 for a failed connection."""
    answers, end = [], time.monotonic() + seconds
    # Built once: clients and server share the processor, and only the server is of interest.
    form = httpx.Request("POST", address, files={"image": photo}, data={"style": _STYLE})
    body, headers = form.read(), {"content-type": form.headers["content-type"]}
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                answer = client.post("/v1/stylize", content=body, headers=headers)
            except httpx.HTTPError:
                answers.append((0, 0.0))
                continue
            answers.append((answer.status_code, time.monotonic() - begun))
            time.sleep(min(float(answer.headers.get("retry-after", 0)), max(0.0, end - time.monotonic())))
    return answers


def _bare(side: int) -> float:
    """Returns the photos per second of the network alone, from array to array, in a process of its own."""
    code = (
        "import sys, time; import numpy as np; from tfstyle import stylebook, stylizer\n"
        f"paint = stylizer.Stylizer({_STYLE!r}, runtime='savedmodel')\n"
        f"photo = np.random.default_rng(0).integers(0, 256, ({side}, {side}, 3), np.uint8)\n"
        "for _ in range(3): paint(photo)\n"
        "begun, count = time.monotonic(), 0\n"
        f"while time.monotonic() < begun + {_BARE}: paint(photo); count += 1\n"
        "print(count / (time.monotonic() - begun))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Parses the command line, prints the report and saves it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=(__doc__ or "").splitlines()[0])
    for field in dataclasses.fields(Load):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = vars(parser.parse_args())
    output = arguments.pop("output")
    report = json.dumps(measure(Load(**arguments)), indent=1)
    print(report)
    if output:
        output.write_text(report + "\n")


if __name__ == "__main__":
    main()
