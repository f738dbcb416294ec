"""Model providers on loopback: real HTTP servers that speak the real wires and have real troubles.

    with Providers({"openai": down, "groq": busy}) as providers:
        os.environ.update(providers.environment)

Each provider listens on a free port of its own. What reached them is in `providers.journal`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Self

from muxi_llm.commands.demo import anthropic_wire, batches, gemini_wire, ollama_wire, openai_wire
from muxi_llm.commands.demo.answers import Json, Refused, answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

HOST = "127.0.0.1"
WIRES: dict[str, ModuleType] = {
    "anthropic": anthropic_wire,
    "google": gemini_wire,
    "ollama": ollama_wire,
}  # the others: OpenAI's
THINKING_TIME = {
    "openai": 0.04,
    "groq": 0.03,
    "mistral": 0.09,
    "google": 0.11,
    "anthropic": 0.13,
    "cohere": 0.03,
    "ollama": 0.05,
    "my_custom": 0.02,
}
WORD_TIME = 0.03
MODELS = {
    "openai": ("gpt-5.6-luna", "text-embedding-3-small"),
    "anthropic": ("claude-sonnet-5", "claude-haiku-4-5"),
    "groq": ("openai/gpt-oss-120b",),
    "mistral": ("mistral-medium-latest", "mistral-embed"),
}
"""What they list; they answer to any name."""


# ----------------------------------------------------------------------------------------- moods
# A mood decides what becomes of the n-th request (from 1) for a model: it raises, or says after how many
# events a stream ends (None: when it is over).

Mood = Callable[[int], int | None]


def well(count: int) -> None:
    """Everything works."""


def down(count: int) -> None:  # noqa: ARG001
    """Every request fails."""
    raise Refused(503, "The server is overloaded or not ready yet.")


def busy(count: int) -> None:
    """The first request for a model is one too many; it may come again a second later."""
    if count == 1:
        raise Refused(429, "Rate limit reached. Please try again in 1s.", {"Retry-After": "1"})


def cut_off(count: int) -> int:  # noqa: ARG001
    """Streams end after their first event, which holds no text yet."""
    return 1


# --------------------------------------------------------------------------------------- servers


@dataclass(frozen=True)
class Received:
    """A request that reached a provider, and what it was answered."""

    model: str
    status: int
    seconds: float
    """Until its answer began."""


class Providers:
    """All providers, for as long as the `with` block lasts."""

    def __init__(self, moods: Mapping[str, Mood]) -> None:
        self.journal: list[Received] = []
        self._servers = [Provider(name, moods.get(name, well), self.journal) for name in THINKING_TIME]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point a program at these providers."""
        variables = {"NO_PROXY": HOST, "no_proxy": HOST}
        for server in self._servers:
            variables[f"{server.name.upper()}_API_KEY"] = server.key
            variables[f"{server.name.upper()}_BASE_URL"] = server.base_url
            if server.name == "ollama":  # its cloud has the same key, and is not on this machine
                variables["OLLAMA_CLOUD_BASE_URL"] = server.base_url
        return variables

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def form_of(kind: str, content: bytes) -> Json:
    """What a form says: texts, and the bytes of files."""
    form: Any = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
    said: Json = {}
    for part in form.get_payload():
        value = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        said[str(name)] = value if part.get_filename() else value.decode()
    return said


class Provider(ThreadingTCPServer):
    """One provider."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, name: str, mood: Mood, journal: list[Received]) -> None:
        super().__init__((HOST, 0), Handler)
        self.name, self.mood, self.journal = name, mood, journal
        self.thinking_time = THINKING_TIME[name]
        self.wire = WIRES.get(name, openai_wire)
        self.key = f"demo-key-of-{name}"
        self.base_url = f"http://{HOST}:{self.server_address[1]}{self.wire.BASE_PATH}"
        self.counts: Counter[str] = Counter()
        self.batches: batches.Batches = {}
        names = MODELS.get(name, ("demo",))
        listed = [{"id": model, "object": "model", "name": model, "endpoints": ["chat"]} for model in names]
        self.models = {"object": "list", "data": listed, "models": listed}  # for every wire at once

    def handle_error(self, *_: object) -> None:
        """Callers may hang up at any time; everything else is a bug of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    """One connection to a provider."""

    server: Provider
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Whatever is asked of a model."""
        self._started = time.monotonic()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers["Content-Type"]
        body = form_of(kind, content) if kind.startswith("multipart/") else json.loads(content)
        if self.path.startswith(batches.PATH):
            self._model = "batches"
            self._send(200, batches.begun(self.server.batches, body), {})
            return
        if self.server.wire is gemini_wire:  # its path says what the others say in the body
            body |= gemini_wire.told(self.path)
        self._model = body["model"]
        try:
            self._answer(body)
        except Refused as refusal:
            content = self.server.wire.error(refusal.status, refusal.message)
            self._send(refusal.status, content, refusal.headers)

    def do_GET(self) -> None:
        """Batches and lists of models are asked for so."""
        self._started, self._model = time.monotonic(), "batches"
        if self.path.partition("?")[0].endswith(("/models", "/api/tags")):
            self._send(200, self.server.models, {})
            return
        try:
            self._send(200, batches.asked(self.server.batches, self.path), {})
        except Refused as refusal:
            content = self.server.wire.error(refusal.status, refusal.message)
            self._send(refusal.status, content, refusal.headers)

    def _answer(self, body: Json) -> None:
        """Answers, or raises `Refused` before anything is sent."""
        server, wire = self.server, self.server.wire
        if server.key != wire.key(self.headers):
            raise Refused(401, "Incorrect API key provided.")
        server.counts[self._model] += 1
        time.sleep(server.thinking_time)
        last_event = server.mood(server.counts[self._model])
        asked = wire.read(self.path, body)
        said = answer(asked)
        if body.get("stream"):
            self._stream(wire.events(asked, said), last_event)
        else:
            self._send(200, wire.reply(self.path, body, asked, said), {})

    def _send(self, status: int, body: Json | bytes, headers: Mapping[str, str]) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "audio/wav" if isinstance(body, bytes) else "application/json"
        self._head(status, {"Content-Type": kind, "Content-Length": str(len(content)), **headers})
        self.wfile.write(content)

    def _stream(self, events: Iterable[bytes], last_event: int | None) -> None:
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        for number, event in enumerate(events, 1):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(WORD_TIME)
            if number == last_event:
                break
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        model = f"{self.server.name}/{self._model}"
        self.server.journal.append(Received(model, status, time.monotonic() - self._started))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: the journal has it."""
