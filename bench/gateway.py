"""What a request costs in the gateway: CPU of its own process, one worker, tokens and limits on.

python -m bench.gateway [--requests N] [--rounds N]

nginx stands beside it as the floor of what a proxy costs, where it is installed.
"""

from __future__ import annotations

import argparse
import http.client
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
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.upstream import ROOT, running

TICKS: Final = os.sysconf("SC_CLK_TCK")
HEADERS: Final = {"Authorization": "Bearer bench-token", "Content-Type": "application/json"}
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


def cpu(pid: int) -> float:
    """Seconds of CPU a process and its children have used."""
    out = 0.0
    for child in [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        out += (int(fields[11]) + int(fields[12])) / TICKS
    return out


@contextmanager
def gateway(origin: str) -> Iterator[tuple[str, int]]:
    """The gateway as it is served: its origin, its pid."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(CONFIG.format(origin=origin))
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


def cost(origin: str, pid: int, model: str, requests: int, *, stream: bool) -> float:
    """Microseconds of CPU a request, or an event of a stream, takes in process *pid*."""
    client = http.client.HTTPConnection(urlsplit(origin).netloc)
    body = json.dumps({**ASKED, "model": model, **({"stream": True} if stream else {})})
    for _ in range(max(requests // 10, 20)):
        events = _events(client, body)
    before = cpu(pid)
    for _ in range(requests):
        _events(client, body)
    return (cpu(pid) - before) / (requests * (events if stream else 1)) * 1e6


def _events(client: http.client.HTTPConnection, body: str) -> int:
    """Ask, and read the answer: the events in it."""
    client.request("POST", "/v1/chat/completions", body, HEADERS)
    reply = client.getresponse()
    content = reply.read()
    if reply.status != 200 or b"choices" not in content:
        raise RuntimeError(f"{reply.status}: {content[:200]!r}")
    return content.count(b"data: ")


ROWS: Final = (
    ("a request, passed through", "passed", False, 150),
    ("a request, translated", "translated", False, 300),
    ("an event of a stream, passed through", "passed", True, 20),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with running() as upstream, gateway(upstream.url) as (origin, pid):
        for title, model, stream, goal in ROWS:
            requests = given.requests // (40 if stream else 1)
            runs = [cost(origin, pid, model, requests, stream=stream) for _ in range(given.rounds)]
            print(f"{told(title, runs)}, goal {goal}")
    if shutil.which("nginx"):
        with running() as upstream, nginx(upstream.url) as (origin, pid):
            runs = [cost(origin, pid, "passed", given.requests, stream=False) for _ in range(given.rounds)]
            print(told("nginx, a request", runs))


def told(title: str, runs: list[float]) -> str:
    return f"{title:<40} {statistics.median(runs):7.1f} µs ({min(runs):.1f}-{max(runs):.1f})"


if __name__ == "__main__":
    main()
