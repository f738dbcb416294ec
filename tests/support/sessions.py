"""A provider's realtime sessions on loopback: says what OpenAI's say, and remembers what it heard."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

NOISE = os.urandom(32768).hex()
"""Nothing makes it smaller on its way."""
USAGE = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {"text_tokens": 5, "audio_tokens": 15, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 4, "audio_tokens": 6},
}


class Sessions:
    """`with Sessions() as there`. refuses: the status sessions are refused with, 0 for none."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses = refuses
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.heard: list[Any] = []
        self.closed: list[int] = []
        self.stop = threading.Event()
        """Set: nothing is read any more."""
        self.sent = 0
        """Frames of a flood."""
        self._server = serve(
            self._session, "127.0.0.1", 0, process_request=self._greet, max_size=None, close_timeout=1
        )
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Sessions:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._server.shutdown()
        self._thread.join()

    def _greet(self, connection: ServerConnection, request: Any) -> Any:
        self.asked.append(
            (request.path, {name.lower(): value for name, value in request.headers.raw_items()})
        )
        if not self.refuses:
            return None
        reply = connection.respond(self.refuses, json.dumps({"error": {"message": "no more of you"}}))
        if self.refuses == 307:
            reply.headers["location"] = "ws://127.0.0.1:1/elsewhere"
        return reply

    def _session(self, connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "session.created", "session": {"type": "realtime"}}))
        try:
            for frame in connection:
                self._answer(connection, frame)
        except ConnectionClosed:
            pass
        finally:
            self.closed.append(connection.protocol.close_code or 0)

    def _answer(self, connection: ServerConnection, frame: Any) -> None:
        event = json.loads(frame) if isinstance(frame, str) else {"type": "bytes"}
        self.heard.append(event)
        if event["type"] == "response.create":
            connection.send(json.dumps({"type": "response.output_text.delta", "delta": "response.done"}))
            done = {"type": "response.done", "response": {"usage": USAGE}}
            connection.send(json.dumps(done))
        elif event["type"] == "bytes":
            connection.send(b"sound")
        elif event["type"] == "leave":
            connection.close(event["code"], "enough")
        elif event["type"] == "vanish":
            connection.socket.shutdown(socket.SHUT_RDWR)
        elif event["type"] == "flood":
            while not self.stop.is_set():
                connection.send(NOISE)
                self.sent += 1
        elif event["type"] == "sleep":
            self.stop.wait()
