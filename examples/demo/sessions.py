"""A realtime server on loopback: it repeats what it hears, to show what reached it."""

from __future__ import annotations

import json
import threading
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.sync.server import ServerConnection, serve


class Sessions:
    """As a context, it listens; `environment` points xAI's sessions at it."""

    def __init__(self) -> None:
        self._server = serve(session, "127.0.0.1", 0)
        port = self._server.socket.getsockname()[1]
        self.environment = {"XAI_API_KEY": "sk-demo", "XAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()


def session(connection: ServerConnection) -> None:
    """One session, to its end."""
    assert connection.request is not None
    (model,) = parse_qs(urlsplit(connection.request.path).query)["model"]
    tell(connection, "session.created", session={"type": "realtime", "model": model})
    heard = ""
    for frame in connection:
        event: dict[str, Any] = json.loads(frame)
        if event["type"] == "conversation.item.create":
            heard = event["item"]["content"][0]["text"]
        elif event["type"] == "response.create":
            for word in f'This is {model}. You said "{heard}".'.split(" "):
                tell(connection, "response.output_text.delta", delta=f"{word} ")
            tell(connection, "response.done")


def tell(connection: ServerConnection, kind: str, **fields: Any) -> None:
    """Send one event."""
    connection.send(json.dumps({"type": kind, "event_id": "event", **fields}))
