"""Replicate's wire in tests: predictions, and the events of a stream."""

from __future__ import annotations

from typing import Any

API = "https://api.replicate.com/v1"
STREAM = "https://stream.replicate.com/v1/files/secret"


def prediction(status: str = "succeeded", output: Any = None, **fields: Any) -> dict[str, Any]:
    """A prediction as far as it has come."""
    urls = {"get": f"{API}/predictions/p1", "cancel": f"{API}/predictions/p1/cancel"}
    return {
        "id": "p1",
        "model": "meta/meta-llama-3-8b-instruct",
        "version": "hidden",
        "input": {"prompt": "Hello"},
        "output": output,
        "error": None,
        "status": status,
        "urls": urls,
        **fields,
    }


def streamable(url: str = STREAM) -> dict[str, Any]:
    """A prediction just created, with a stream to it."""
    return prediction("starting", urls={"stream": url})


def events(*pairs: tuple[str, str]) -> list[bytes]:
    """Events by name and data, as Replicate writes them: ids, and a line of data for each line of text."""
    pieces = [b": hi\n\n"]
    for index, (name, data) in enumerate(pairs):
        lines = "".join(f"data: {line}\n" for line in data.split("\n"))
        pieces.append(f"event: {name}\nid: 1707756341:{index}\n{lines}\n".encode())
    return pieces


def told(*texts: str) -> list[bytes]:
    """A whole stream that says *texts*."""
    return events(*(("output", text) for text in texts), ("done", "{}"))
