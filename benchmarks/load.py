"""The service under load: ``python -m benchmarks.load``; starts a server of its own, asks, and stops by itself.

Clients send one photo after the other, each as soon as the last is answered (or after what Retry-After says). Reported:
answers by status, latency, photos a second beside the bare network's in the same machine, memory of the server.
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
# Seconds of the bare network's measurement.
_BARE = 5.0


@dataclasses.dataclass(frozen=True)
class Load:
    """How much is asked.

    Attributes:
        clients: at the same time.
        seconds: for how long.
        side: of the square photos, pixels.
    """

    clients: int = 32
    seconds: float = 60.0
    side: int = 512


@contextlib.contextmanager
def server(*options: str) -> Iterator[tuple[str, psutil.Process]]:
    """A server in a process of its own.

    Yields:
        Its address and process.
    """
    command = [sys.executable, "-m", "tfstyle.cli.main", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"http://\S+?(?=/ )", line):
                break
        else:
            raise RuntimeError("the server did not start")
        yield found[0], psutil.Process(process.pid)  # It says nothing more but errors: its pipe will not be full.
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def measure(load: Load) -> dict:
    """Asks for as long as is said.

    Args:
        load: how much.

    Returns:
        What is reported, as JSON.
    """
    bare = _bare(load.side)
    with server() as (address, process):
        _ask(address, _photo(load.side), 2.0)  # Warm.
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
    """Status and seconds of each answer; 0 for none."""
    answers, end = [], time.monotonic() + seconds
    # Made once: clients and server share the processor, and it is the server that is measured.
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
    """Photos a second of the network alone, from pixels to pixels, in a process of its own."""
    code = (
        "import sys, time; import numpy as np; from tfstyle import stylebook, stylizer\n"
        f"paint = stylizer.Stylizer(stylebook.find({_STYLE!r}), runtime='savedmodel')\n"
        f"photo = np.random.default_rng(0).integers(0, 256, ({side}, {side}, 3), np.uint8)\n"
        "for _ in range(3): paint(photo)\n"
        "begun, count = time.monotonic(), 0\n"
        f"while time.monotonic() < begun + {_BARE}: paint(photo); count += 1\n"
        "print(count / (time.monotonic() - begun))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Reads the command line, prints and keeps the report."""
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
