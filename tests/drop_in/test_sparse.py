"""Answers of a client's own server with fields left out, null or of another type: what the original makes of them."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

import muxi_llm
from tests.drop_in.test_parity import PNG, WAV
from tests.support.bodies import HELLO
from tests.support.openai_server import run
from tests.support.upstream import Respond, Upstream

CALLS: dict[str, Any] = {
    "chat": lambda c: c.chat.completions.create(model="m", messages=HELLO),
    "completion": lambda c: c.completions.create(model="m", prompt="Once"),
    "embedding": lambda c: c.embeddings.create(model="m", input="hi", encoding_format="float"),
    "images": lambda c: c.images.generate(prompt="a dot"),
    "image edit": lambda c: c.images.edit(image=PNG, prompt="a dot"),
    "image variation": lambda c: c.images.create_variation(image=PNG),
    "moderation": lambda c: c.moderations.create(input="hi"),
    "transcription": lambda c: c.audio.transcriptions.create(file=WAV, model="m"),
    "transcription, verbose": lambda c: c.audio.transcriptions.create(
        file=WAV, model="m", response_format="verbose_json"
    ),
    "translation": lambda c: c.audio.translations.create(file=WAV, model="m"),
    "file": lambda c: c.files.retrieve("f"),
    "upload": lambda c: c.files.create(file=PNG, purpose="batch"),
    "batch": lambda c: c.batches.retrieve("b"),
}
FIELDS = ("choices", "created", "data", "duration", "id", "model", "object", "results", "text", "usage")
BODIES: dict[str, Any] = {
    "nothing": {},
    "no images": {"created": 5, "data": None},
    "a number for images": {"created": 5, "data": 7},
    "nulls": dict.fromkeys(FIELDS),
    "words": dict.fromkeys(FIELDS, "x"),
    "numbers": dict.fromkeys(FIELDS, 7),
    "lists": {name: [None, "x"] for name in FIELDS},
    "objects": {name: {"x": 1} for name in FIELDS},
}

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer:UserWarning")


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize("body", BODIES)
def test_as_the_original(body: str, strict: bool, colour: str, server: Upstream) -> None:
    server.respond = lambda _: Respond(
        body=json.dumps(BODIES[body]).encode(), headers={"Content-Type": "application/json"}
    )
    for name, call in CALLS.items():
        given = {"_strict_response_validation": strict, "max_retries": 0}
        theirs, ours = (_outcome(kind, colour, server, call, given) for kind in (openai, muxi_llm))
        assert ours == theirs, name


def _outcome(module: Any, colour: str, server: Upstream, call: Any, given: dict[str, Any]) -> Any:
    try:
        return run(module, colour, server, call, **given)
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("body", BODIES)
def test_what_was_used_can_be_asked(body: str, server: Upstream) -> None:
    """Whatever a server answers."""
    server.respond = lambda _: Respond(json=BODIES[body])
    with muxi_llm.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
        for name in ("chat", "completion", "images", "moderation", "transcription, verbose"):
            report = CALLS[name](client).muxi
            assert report.cost is None or report.cost >= 0, name
            assert (report.cost is None) == bool(report.cost_reason), name


def test_images_are_counted(server: Upstream) -> None:
    with muxi_llm.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
        server.respond = lambda _: Respond(json={"created": 5, "data": [{"url": "a"}, {"url": "b"}]})
        assert CALLS["images"](client).muxi.usage == {"images": 2}
        server.respond = lambda _: Respond(json={"created": 5})
        assert CALLS["images"](client).muxi.usage is None
