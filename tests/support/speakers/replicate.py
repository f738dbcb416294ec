"""Replicate's predictions: one is created, then polled, or its stream is opened elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.speakers.base import Asked, Json, Said, Speaker, Trap, cut
from tests.support.speakers.traps import SSE_TRAPS
from tests.support.upstream import Respond

HERE = "http://upstream.test"


class ReplicateSpeaker(Speaker):
    """https://replicate.com/docs/reference/http, https://replicate.com/docs/topics/predictions/streaming."""

    model = "meta/meta-llama-3-70b-instruct"
    says_reasoning = False
    counts_cached = False
    counts_reasoning = False
    keeps_turns = False
    streams_usage = False
    hides_errors = False

    def whole(self, said: Said) -> Json:
        counted = {"input_token_count": said.usage.prompt, "output_token_count": said.usage.completion}
        return _prediction("succeeded", output=cut(said.text or ""), metrics={"predict_time": 1.5, **counted})

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        texts = [_event("output", piece) for piece in cut(said.text or "")]
        return [*texts, _event("done", "{}")]

    def replies(self, said: Said, *, stream: bool = False, usage: bool = True) -> list[Respond]:
        """A stream is a second request; a whole answer may need a few."""
        if stream:
            return [Respond(201, json=_prediction("starting")), self.streamed(self.events(said))]
        return [Respond(201, json=_prediction("processing")), Respond(json=self.whole(said))]

    def traps(self) -> Mapping[str, Trap]:
        """What is told is text, not JSON: its lines and spaces matter."""
        return {name: trap for name, trap in SSE_TRAPS.items() if name not in {"multi-line-data", "no-space"}}

    def error(self, status: int, text: str) -> Json:
        return {"title": "That failed", "detail": text, "status": status}

    def broken(self, status: int, text: str) -> bytes:
        return _event("error", text)

    def asked(self, path: str, body: Json) -> Asked:
        owner, name, verb = path.rsplit("/", 3)[1:]
        assert verb == "predictions", path
        given: dict[str, Any] = dict(body["input"])
        asked = Asked(model=f"{owner}/{name}", stream=bool(body.get("stream")))
        if "system_prompt" in given:
            asked.facts.append(("system", given.pop("system_prompt")))
        asked.facts.append(("user", given.pop("prompt")))
        if "image" in given:
            asked.facts.append(("image", given.pop("image")))
        asked.max_tokens = given.pop("max_tokens", None)
        asked.params = given
        if "stop_sequences" in given:
            given["stop"] = given.pop("stop_sequences").split(",")
        return asked


def _prediction(status: str, **fields: Any) -> Json:
    urls = {
        "get": f"{HERE}/predictions/p1",
        "stream": f"{HERE}/stream/p1",
        "cancel": f"{HERE}/predictions/p1/cancel",
    }
    model = ReplicateSpeaker.model
    return {"id": "p1", "model": model, "input": {}, "error": None, "status": status, "urls": urls, **fields}


def _event(name: str, text: str) -> bytes:
    """Text as it is, a `data:` line for each of its lines."""
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: {name}\nid: 1:0\n{lines}\n".encode()
