"""What a request costs in the gateway: CPU of its own process, one worker, tokens and limits on.

python -m bench.gateway [--requests N] [--rounds N] [--connections N]

nginx stands beside it as the floor of what a proxy costs, where it is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from bench.upstream import ROOT, running

ASKED: Final = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 64}
CONFIG: Final = """
providers:
  - {{name: same, type: openai, api_key: sk-1, base_url: "{origin}/v1",
     models: [{{name: passed, rpm: 1000000000, tpm: 1000000000000}}]}}
  - {{name: other, type: anthropic, api_key: sk-1, base_url: "{origin}",
     models: [{{name: translated, rpm: 1000000000, tpm: 1000000000000}}]}}
routing: {{strategy: lowest-latency}}
auth: {{enabled: true, tokens: {{bench: bench-token}}}}
logging: {{level: warning}}
"""
NGINX: Final = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream up {{ server {host}; keepalive 16; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://up; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_buffering off; }} }} }}
"""


def cpu(pid: int) -> tuple[float, float]:
    """Seconds of CPU that a process's main thread has used, and all others of it and its children; not in
    ticks: those are too long for nginx.
    """
    used = {}
    for one in [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]:
        for thread in Path(f"/proc/{one}/task").iterdir():
            used[thread.name] = int((thread / "schedstat").read_text().split()[0]) / 1e9
    main = used.pop(str(pid))
    return main, sum(used.values())


@contextmanager
def gateway(origin: str, settings: str = CONFIG) -> Iterator[tuple[str, int]]:
    """The gateway as it is served: its origin, its pid."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(settings.format(origin=origin, folder=folder))
        command = [sys.executable, "-m", "muxi_llm", "serve", "--config", str(config), "--port", "0"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                lines = iter(process.stdout or ())
                found = next(found for line in lines if (found := re.search(r"listening on (\S+)", line)))
                yield found[1], process.pid
            finally:
                process.send_signal(signal.SIGINT)


@contextmanager
def nginx(origin: str) -> Iterator[tuple[str, int]]:
    """nginx before the upstream."""
    port = 18_000 + os.getpid() % 10_000
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        config.write_text(NGINX.format(folder=folder, host=urlsplit(origin).netloc, port=port))
        with subprocess.Popen(
            ["nginx", "-c", str(config), "-e", f"{folder}/e"], stderr=subprocess.DEVNULL
        ) as process:
            try:
                time.sleep(1)
                yield f"http://127.0.0.1:{port}", process.pid
            finally:
                process.terminate()


def cost(origin: str, pid: int, model: str, requests: int, connections: int, *, stream: bool) -> float:
    """Microseconds of CPU a request, or an event of a stream, takes in process *pid*."""
    return sum(costs(origin, pid, model, requests, connections, stream=stream))


def costs(
    origin: str, pid: int, model: str, requests: int, connections: int, *, stream: bool
) -> tuple[float, float]:
    """The same of its main thread, where the event loop is, and of all others."""
    body = json.dumps({**ASKED, "model": model, **({"stream": True} if stream else {})})
    _loaded(origin, body, max(requests // 5, 2 * connections), connections)
    before = cpu(pid)
    events = _loaded(origin, body, requests, connections)
    loop, others = (
        (now - then) / (events if stream else requests) * 1e6
        for now, then in zip(cpu(pid), before, strict=True)
    )
    return loop, others


def _loaded(origin: str, body: str, requests: int, connections: int) -> int:
    url = f"{origin}/v1/chat/completions"
    command = [sys.executable, "-m", "bench.load", url, body, str(requests), str(connections)]
    return int(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


class Row(NamedTuple):
    """What is asked, and the microseconds it is to take at most. one_in: of how many requests."""

    title: str
    model: str
    goal: int
    stream: bool = False
    one_in: int = 1


ROWS: Final = (
    Row("a request, passed through", "passed", 150),
    Row("a request, translated", "translated", 300),
    Row("an event of a stream, passed through", "passed", 20, stream=True, one_in=40),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    with ExitStack() as running_on:
        upstream = running_on.enter_context(running())
        ours = running_on.enter_context(gateway(upstream.url))
        floor = running_on.enter_context(nginx(upstream.url)) if shutil.which("nginx") else None
        for row in ROWS:
            runs: dict[str, list[float]] = {"gateway": [], "nginx": []}
            for _ in range(given.rounds):  # in turns: a machine is not as fast in one minute as in the next
                for name, served in (("gateway", ours), ("nginx", floor)):
                    if served is not None and not (name == "nginx" and row.model != "passed"):
                        asked = (row.model, given.requests // row.one_in, given.connections)
                        runs[name].append(cost(*served, *asked, stream=row.stream))
            told(row, runs)


def told(row: Row, runs: dict[str, list[float]]) -> None:
    """Print what came of a row: nginx beside it, where that does the same, and how many times its cost."""
    ours, floor = runs["gateway"], runs["nginx"]
    line = f"{row.title:<38} {statistics.median(ours):7.1f} µs ({min(ours):.1f}-{max(ours):.1f})"
    line += f", goal {row.goal}"
    if floor:
        ratio = statistics.median(mine / max(its, 0.1) for mine, its in zip(ours, floor, strict=True))
        line += (
            f"; nginx {statistics.median(floor):.1f} ({min(floor):.1f}-{max(floor):.1f}), {ratio:.1f} times"
        )
    print(line, flush=True)


if __name__ == "__main__":
    main()
