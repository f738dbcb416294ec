"""`client.images` and `client.moderations`: other providers by the model's name, OpenAI as it always was."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm.providers import registry
from tests.support.bodies import verdict
from tests.support.speakers.base import sse
from tests.support.speakers.makers import (
    PIXELS,
    PLACE,
    ContentSafetySpeaker,
    FireworksSpeaker,
    GeminiImagesSpeaker,
    Maker,
    MistralModerationsSpeaker,
    OpenAIImagesSpeaker,
    ReplicateImagesSpeaker,
    SizedSpeaker,
    XAISpeaker,
)
from tests.support.upstream import Respond, Upstream

pytestmark = pytest.mark.filterwarnings(
    "ignore::muxi_llm.AdaptationWarning", "ignore:Pydantic serializer:UserWarning"
)

IMAGES = {"created": 5, "data": [{"b64_json": PIXELS}]}
IMAGE_MODELS: dict[str, Maker] = {
    "together/black-forest-labs/FLUX.1-schnell": SizedSpeaker(),
    "nebius/black-forest-labs/flux-dev": SizedSpeaker(),
    "deepinfra/Qwen/Qwen-Image-Max": OpenAIImagesSpeaker(),
    "xai/grok-imagine-image": XAISpeaker(),
    "fireworks/accounts/fireworks/models/flux-1-schnell-fp8": FireworksSpeaker(),
    "replicate/black-forest-labs/flux-schnell": ReplicateImagesSpeaker(),
    "google/gemini-2.5-flash-image": GeminiImagesSpeaker(),
}
MODERATION_MODELS: dict[str, Maker] = {
    "mistral/mistral-moderation-latest": MistralModerationsSpeaker(),
    "azure/content-safety": ContentSafetySpeaker(),
}
_open: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


def client(kind: Any = None, **given: Any) -> Any:
    _open.append((kind or muxi_llm.OpenAI)(**{"api_key": "sk-openai", **given}))
    return _open[-1]


def led_to(server: Upstream, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of its provider's, and its address, at *server*."""
    kind = registry.find(model.partition("/")[0])
    assert kind is not None
    monkeypatch.setenv(kind.key_env[0], f"sk-{kind.name}")
    monkeypatch.setenv(kind.base_url_env[0], server.url)


def heard(server: Upstream, name: str) -> None:
    """That the provider's own key came, and no other."""
    (received,) = server.requests
    told = str(received.headers)
    assert f"sk-{name}" in told
    assert "sk-openai" not in told


# ---------------------------------------------------------------------------------- other providers


@pytest.mark.parametrize("model", IMAGE_MODELS)
def test_images(model: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(upstream, model, monkeypatch)
    upstream.script = [IMAGE_MODELS[model].reply()]
    value = client().images.generate(model=model, prompt="a dot", size="1024x1024")
    assert isinstance(value, openai.types.ImagesResponse)
    assert {value.data[0].b64_json, value.data[0].url} & {PIXELS, PLACE}
    assert value.muxi.model == model
    heard(upstream, model.partition("/")[0])
    received = upstream.requests[0]
    said = IMAGE_MODELS[model].asked(received.path, received.json)
    assert said[1] == "a dot"


@pytest.mark.parametrize("model", MODERATION_MODELS)
def test_moderations(model: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(upstream, model, monkeypatch)
    upstream.script = [MODERATION_MODELS[model].reply()]
    value = client().moderations.create(model=model, input="You fool")
    assert isinstance(value, openai.types.ModerationCreateResponse)
    assert (value.results[0].flagged, value.results[0].categories.hate) == (True, True)
    assert value.results[0].categories.self_harm_intent is None
    assert value.muxi.model == model
    heard(upstream, model.partition("/")[0])


def test_async(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(upstream, "xai/m", monkeypatch)
    upstream.script = [XAISpeaker().reply()]

    async def main() -> Any:
        async with muxi_llm.AsyncOpenAI(api_key="sk-openai") as there:
            return await there.images.generate(model="xai/m", prompt="a dot")

    assert asyncio.run(main()).data[0].url == PLACE
    heard(upstream, "xai")


ROADS: dict[str, Any] = {
    "raw": lambda c, **given: c.images.with_raw_response.generate(**given).parse(),
    "options": lambda c, **given: c.with_options(retries=1).images.generate(**given),
    "option": lambda c, **given: c.images.generate(**given, retries=1),
    "chain": lambda c, **given: c.images.generate(**given, fallback_models=["together/m"]),
}


@pytest.mark.parametrize("road", ROADS)
def test_roads(road: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """With arguments of ours, and as an HTTP response."""
    led_to(upstream, "xai/m", monkeypatch)
    led_to(upstream, "together/m", monkeypatch)
    down = Respond(503, json={"error": {"message": "no"}}, headers={"retry-after-ms": "1"})
    upstream.script = [*([] if road == "raw" else [down]), XAISpeaker().reply()]
    value = ROADS[road](client(max_retries=0), model="xai/m", prompt="a dot")
    assert value.data[0].url == PLACE
    assert value.muxi.model == ("together/m" if road == "chain" else "xai/m")


@pytest.mark.parametrize(
    ("model", "kind"),
    [("groq/m", muxi_llm.InvalidRequestError), ("gorq/m", muxi_llm.InvalidModelError)],
)
def test_who_has_no_images(model: str, kind: type[Exception]) -> None:
    """Not sent to OpenAI under a name it does not know."""
    with pytest.raises(kind) as caught:
        client().images.generate(model=model, prompt="a dot")
    assert isinstance(caught.value, openai.OpenAIError)


def test_an_error_is_openais(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(upstream, "mistral/m", monkeypatch)
    upstream.script = [Respond(401, json={"message": "no such key"})]
    with pytest.raises(openai.AuthenticationError, match="no such key"):
        client().moderations.create(model="mistral/m", input="a")


# ------------------------------------------------------------------------------- where there is no model


def test_the_provider_by_name(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one call, or for a client; whoever is named in the model goes before."""
    led_to(upstream, "mistral/m", monkeypatch)
    led_to(upstream, "xai/m", monkeypatch)
    upstream.script = [
        MistralModerationsSpeaker().reply(),
        MistralModerationsSpeaker().reply(),
        XAISpeaker().reply(),
    ]
    here = client()
    assert here.moderations.create(model="m", input="a", provider="mistral").muxi.model == "mistral/m"
    bound = here.with_options(provider="mistral")
    assert bound.moderations.create(model="m", input="a").muxi.model == "mistral/m"
    assert bound.images.generate(model="xai/m", prompt="a").muxi.model == "xai/m"


@pytest.mark.parametrize(
    ("provider", "kind"), [("mistral", muxi_llm.InvalidModelError), ("", muxi_llm.InvalidRequestError)]
)
def test_a_provider_alone_is_not_enough(
    provider: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    with pytest.raises(kind, match=r"model is missing|provider must be"):
        client().moderations.create(input="a", provider=provider)


def test_openais_own_provider_argument() -> None:
    """An object, as the openai package has it: it is not ours to take."""
    with pytest.raises(Exception) as theirs:
        client(openai.OpenAI).with_options(provider=object())
    with pytest.raises(type(theirs.value)):
        client().with_options(provider=object())


# --------------------------------------------------------------------------------------- OpenAI itself

CALLS: dict[str, Any] = {
    "images": lambda c: c.images.generate(model="gpt-image-1", prompt="a dot", n=1),
    "images without a model": lambda c: c.images.generate(
        prompt="a dot", style="vivid", response_format="url"
    ),
    "moderation": lambda c: c.moderations.create(model="omni-moderation-latest", input=["a", "b"]),
    "moderation without a model": lambda c: c.moderations.create(input="a"),
    "stream": lambda c: list(
        c.images.generate(model="gpt-image-1", prompt="a", stream=True, partial_images=1)
    ),
}
STREAM = [
    sse({"type": "image_generation.partial_image", "b64_json": "aA==", "partial_image_index": 0}, "x"),
    sse({"type": "image_generation.completed", "b64_json": PIXELS}, "y"),
]


def answer(call: str) -> Respond:
    if call == "stream":
        return Respond(chunks=STREAM, headers={"Content-Type": "text/event-stream"})
    verdicts = [verdict()] * (2 if call == "moderation" else 1)
    return Respond(json=IMAGES if "images" in call else {"id": "m", "model": "omni", "results": verdicts})


@pytest.mark.parametrize("extra", [{}, {"provider": "openai"}], ids=["", "named"])
@pytest.mark.parametrize("call", CALLS)
def test_openais_own_road(call: str, extra: Any, upstream: Upstream) -> None:
    """The same bytes and headers as the original sends, and an equal answer."""
    upstream.script = [answer(call), answer(call)]
    given = {"base_url": f"{upstream.url}/v1"}
    theirs = CALLS[call](client(openai.OpenAI, **given))
    ours = CALLS[call](client(**given).with_options(**extra))
    first, second = upstream.requests
    assert (first.method, first.path, first.body) == (second.method, second.path, second.body)
    assert first.headers == second.headers
    dumped = [
        [x.model_dump() for x in value] if isinstance(value, list) else value.model_dump()
        for value in (theirs, ours)
    ]
    assert dumped[0] == dumped[1]


@pytest.mark.parametrize("call", ["images", "images without a model", "moderation"])
def test_every_answer_has_its_report(call: str, upstream: Upstream) -> None:
    upstream.script = [answer(call)]
    value = CALLS[call](client(base_url=f"{upstream.url}/v1"))
    named = {
        "images": "openai/gpt-image-1",
        "images without a model": "openai/*",
        "moderation": "openai/omni",
    }
    assert value.muxi.model == named[call]
    for same in (
        copy.copy(value),
        copy.deepcopy(value),
        pickle.loads(pickle.dumps(value)),
        value.model_copy(),
    ):
        assert same.muxi == value.muxi


def test_a_stream_of_openais_in_a_chain(upstream: Upstream) -> None:
    """It goes our way then, and says the same."""
    upstream.script = [answer("stream"), answer("stream")]
    given = {"model": "gpt-image-1", "prompt": "a", "stream": True}
    there = client(base_url=f"{upstream.url}/v1")
    plain = list(there.images.generate(**given))
    ours = list(there.images.generate(**given, retries=1))
    assert [event.model_dump() for event in ours] == [event.model_dump() for event in plain]
    assert [event.type.rpartition(".")[2] for event in ours] == ["partial_image", "completed"]


def test_a_stream_of_one_who_does_not_stream(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(upstream, "together/m", monkeypatch)
    upstream.script = [SizedSpeaker().reply()]
    (event,) = client().images.generate(model="together/m", prompt="a", stream=True)
    assert isinstance(event, openai.types.ImageGenCompletedEvent)
    assert event.b64_json == PIXELS


def test_a_chain_with_openai_first(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(upstream, "xai/m", monkeypatch)
    down = Respond(503, json={"error": {"message": "no"}})
    upstream.script = [down, XAISpeaker().reply(), Respond(json=IMAGES)]
    there = client(base_url=f"{upstream.url}/v1")
    value = there.images.generate(model=["gpt-image-1", "xai/m"], prompt="a", style="vivid")
    assert (value.data[0].url, value.muxi.model) == (PLACE, "xai/m")
    assert upstream.requests[0].json["style"] == "vivid"  # to the client's own server as it was written
    assert "style" not in upstream.requests[1].json
    assert [entry.param for entry in value.muxi.adaptations if entry.loss] == ["style"]
    assert there.images.generate(model="gpt-image-1", prompt="a", retries=1).data[0].b64_json == PIXELS


def test_a_server_of_ones_own_keeps_its_names(upstream: Upstream) -> None:
    """Nobody is configured who could be meant."""
    upstream.script = [Respond(json=IMAGES)]
    client(base_url=f"{upstream.url}/v1").images.generate(model="black-forest-labs/FLUX.1", prompt="a")
    assert upstream.requests[0].json["model"] == "black-forest-labs/FLUX.1"


def test_the_module_level_client(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(upstream, "mistral/m", monkeypatch)
    upstream.script = [MistralModerationsSpeaker().reply()]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    try:
        assert muxi_llm.moderations.create(model="mistral/m", input="a").results[0].flagged
    finally:
        muxi_llm.clients.module.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": []}])
def test_openais_answer_without_images_is_what_it_was(data: dict[str, Any]) -> None:
    """The client's own server may say what it likes; no images are no price of nothing."""
    with (
        Upstream(lambda _: Respond(json={"created": 5, **data})) as upstream,
        muxi_llm.OpenAI(api_key="k", base_url=upstream.url) as client,
    ):
        answer = client.images.generate(model="gpt-image-1-mini", prompt="x")
        assert not answer.data
        assert answer.muxi.cost is None
        assert not client.images.create_variation(image=("a.png", b"\x89PNG")).data
