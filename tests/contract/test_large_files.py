"""Large files from disk: sent whole, in the memory a small one takes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.length import long

SIZE = long(200_000_000, 40_000_000)
ROOM = 16_000
"""KiB by which the process may grow: buffers, and what is loaded on the way."""

PROGRAM = """
import asyncio, json, resource, sys
from pathlib import Path
import muxi_llm
from muxi_llm import AudioTranscription, Image
from muxi_llm import config

url, small, large, way, transport = sys.argv[1:]
muxi_llm.config.transport = transport
GIVEN = {"base_url": url, "api_key": "k", "retries": 0, "timeout": 300}

async def later(file):
    return await AudioTranscription.acreate("openai/whisper-1", file, **GIVEN)

async def client_later(file):
    async with muxi_llm.AsyncOpenAI(base_url=url, api_key="k") as client:
        return await client.audio.transcriptions.create(model="groq/whisper-large-v3", file=file)

def client(file, model):
    with muxi_llm.OpenAI(base_url=url, api_key="k") as client:
        return client.audio.transcriptions.create(model=model, file=file)

def opened(file):
    with open(file, "rb") as open_file:
        return AudioTranscription.create("openai/whisper-1", open_file, **GIVEN)

WAYS = {
    "sync": lambda file: AudioTranscription.create("openai/whisper-1", file, **GIVEN),
    "open": opened,
    "async": lambda file: asyncio.run(later(file)),
    "raw": lambda file: AudioTranscription.create("deepgram/nova-3", file, **GIVEN),
    "client": lambda file: client(file, "groq/whisper-large-v3"),
    "own server": lambda file: client(file, "whisper-1"),
    "async client": lambda file: asyncio.run(client_later(file)),
}
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
WAYS[way](Path(small))
before = peak()
WAYS[way](Path(large))
print(json.dumps(peak() - before))
"""


class Listener(BaseHTTPRequestHandler):
    """Counts and hashes what comes, and keeps none of it."""

    protocol_version = "HTTP/1.1"
    sizes: list[int] = []
    has_marks: list[bool] = []

    def do_POST(self) -> None:
        left = int(self.headers["content-length"])
        self.sizes.append(left)
        digest, end = hashlib.sha256(), b""
        while left:
            piece = self.rfile.read(min(left, 65_536))
            left -= len(piece)
            digest.update(piece)
            end = (end + piece)[-400:]
        self.has_marks.append(b"the very end" in end)
        best = {"transcript": "Hi", "words": []}
        body = json.dumps({"text": "Hi", "results": {"channels": [{"alternatives": [best]}]}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def listening() -> Iterator[tuple[str, Any]]:
    handler: Any = type("Handler", (Listener,), {"sizes": [], "has_marks": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1", handler
        server.shutdown()
        thread.join()


WAYS = [
    *(("sync", "auto"), ("sync", "httpx2"), ("sync", "fast"), ("open", "auto"), ("raw", "auto")),
    *(("async", "auto"), ("async", "httpx2"), ("async", "fast")),
    *(("client", "auto"), ("own server", "auto"), ("async client", "auto")),
]


@pytest.mark.parametrize(("way", "transport"), WAYS)
def test_memory_stays_flat(way: str, transport: str, tmp_path: Path) -> None:
    """By every road; measured in a process of its own, after a small file has taken the same one."""
    small, large = tmp_path / "small.mp3", tmp_path / "large.mp3"
    for path, size in ((small, 100_000), (large, SIZE)):
        with path.open("wb") as file:
            file.truncate(size)
            file.seek(0, 2)
            file.write(b"the very end")
    with listening() as (url, handler):
        env = {
            "PATH": "",
            "GROQ_API_KEY": "k",
            "GROQ_BASE_URL": url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        command = [sys.executable, "-c", PROGRAM, url, str(small), str(large), way, transport]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout)
    assert grown < ROOM, f"{way} over {transport} grew by {grown:,} KiB for {SIZE:,} bytes"
    assert handler.sizes[1] >= SIZE + 12
    assert handler.has_marks == [True, True]
