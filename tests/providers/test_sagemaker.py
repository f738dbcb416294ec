"""SageMaker as a provider: moto plays the service, and where moto has no streams, frames over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

import muxi_llm
from muxi_llm import ChatCompletion, Completion, Embedding
from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.providers.sagemaker import SageMakerProvider
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.aws.sagemaker import SageMakerChat
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from tests.support.aws import ENVIRONMENT, event, exception, frame, verified
from tests.support.bodies import HELLO, chat, chunk, embeddings
from tests.support.cuts import PLACES, cut
from tests.support.upstream import Respond, Upstream

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

MODEL = "sagemaker/my-endpoint"
FRAMES = {"content-type": "application/vnd.amazon.eventstream"}
CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hé"}),
    chunk({"content": "llo"}),
    chunk({}, finish="stop"),
]
SSE = b"".join(b"data: " + dumps(each) + b"\n\n" for each in CHUNKS) + b"data: [DONE]\n\n"
LINES = b"".join(dumps(each) + b"\n" for each in CHUNKS)
TOKENS = [
    {"token": {"text": "Hé"}},
    {"token": {"text": "llo"}, "generated_text": "Héllo", "details": {"finish_reason": "eos_token"}},
]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """moto's base URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    """Keys of an account, in a region whose endpoint is on loopback; nothing of the machine's own."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SAGEMAKER_RUNTIME_BASE_URL", upstream.url)


def part(data: bytes) -> bytes:
    """A piece of what a container streams."""
    return event("PayloadPart", data)


def ask(driver: Any, upstream: Upstream, reply: Respond, face: Any = ChatCompletion, **params: Any) -> Any:
    upstream.script.append(reply)
    asked = {} if face is not ChatCompletion else {"messages": HELLO}
    return driver.create(face, **{"model": MODEL, **asked, **params})


# ----------------------------------------------------------------------------- against moto's server


def queue(moto: str, *bodies: bytes) -> None:
    """What moto answers next."""
    results = [{"Body": body.decode(), "ContentType": "application/json"} for body in bodies]
    httpx2.post(f"{moto}/moto-api/static/sagemaker/endpoint-results", json={"results": results})


def test_moto_takes_a_chat(driver, moto):
    """Routed by the signature's service and region, as moto does it."""
    queue(moto, dumps(chat("from moto")))
    seed = 1 if driver.kind == "sync" else 2  # moto answers the same request from memory
    value = driver.create(ChatCompletion, model=MODEL, messages=HELLO, base_url=moto, seed=seed)
    assert value.choices[0].message.content == "from moto"


def test_moto_takes_a_prompt_and_embeddings(moto):
    queue(moto, dumps([{"generated_text": "from moto"}]), dumps([[0.5, 1.0]]))
    said = Completion.create(model=MODEL, prompt="Hello", base_url=moto)
    assert said.choices[0].text == "from moto"
    made = Embedding.create(model=MODEL, input="Hello", base_url=moto)
    assert made.data[0].embedding == [0.5, 1.0]


# ----------------------------------------------------------------------------------- on the wire


def test_the_whole_way(driver, upstream):
    """No model in the body: the path names the endpoint. Signed for `sagemaker`."""
    component = {"X-Amzn-SageMaker-Inference-Component": "c"}
    replied = Respond(json=chat("Hi"), headers={"x-amzn-requestid": "r"})
    value = ask(driver, upstream, replied, extra_headers=component, max_completion_tokens=5)
    (received,) = upstream.requests
    assert received.path == "/endpoints/my-endpoint/invocations"
    assert received.json == {"messages": HELLO, "max_tokens": 5}
    assert "x-amzn-sagemaker-inference-component" in verified(received, "sagemaker")
    assert (value.choices[0].message.content, value._request_id) == ("Hi", "r")


@pytest.mark.parametrize(
    ("model", "body"),
    [(MODEL, SSE), (MODEL, LINES), ("sagemaker/tgi:my-endpoint", None)],
    ids=["events", "JSON lines", "TGI"],
)
def test_streams(driver, upstream, model, body):
    """Frames of any size around what the container says."""
    body = body or b"".join(b"data:" + dumps(each) + b"\n\n" for each in TOKENS)
    frames = [part(body[at : at + 11]) for at in range(0, len(body), 11)]
    chunks = ask(driver, upstream, Respond(chunks=frames, headers=FRAMES), model=model, stream=True)
    (received,) = upstream.requests
    assert received.path == "/endpoints/my-endpoint/invocations-response-stream"
    assert received.json["stream"] is True
    verified(received, "sagemaker")
    assert collect(chunks).choices[0].message.content == "Héllo"


def test_tgi_on_demand(driver, upstream):
    """By the model's name; text completions go that way whatever it is."""
    said = ask(driver, upstream, Respond(json={"generated_text": "Hi"}), model="sagemaker/tgi:my-endpoint")
    assert said.choices[0].message.content == "Hi"
    assert upstream.requests[0].json["inputs"] == "Hello"


def test_text_completions(driver, upstream):
    """Nothing is lost on the way: it is what that wire is made for."""
    replied = Respond(json={"generated_text": "Hi"})
    said = ask(driver, upstream, replied, face=Completion, prompt=["Hello"], max_tokens=5)
    assert upstream.requests[0].path == "/endpoints/my-endpoint/invocations"
    assert upstream.requests[0].json["inputs"] == "Hello"
    assert said.choices[0].text == "Hi"
    assert [entry.action for entry in said.muxi.adaptations] == []
    body = b"".join(b"data:" + dumps(each) + b"\n\n" for each in TOKENS)
    chunks = ask(
        driver,
        upstream,
        Respond(chunks=[part(body)], headers=FRAMES),
        face=Completion,
        prompt="Hello",
        stream=True,
    )
    assert "".join(each.choices[0].text for each in chunks) == "Héllo"
    assert chunks[0].object == "text_completion"


@pytest.mark.parametrize(
    ("prompt", "why"), [(["a", "b"], "one prompt a call"), ([1, 2], "prompt must be text")]
)
def test_prompts_that_cannot_be(prompt, why):
    with pytest.raises(UnsupportedParameterError, match=why):
        Completion.create(model=MODEL, prompt=prompt)


@pytest.mark.parametrize(
    "raw",
    [[[0.5], [1.0]], {"embedding": [[0.5], [1.0]]}, {"embeddings": [[0.5], [1.0]]}, embeddings([0.5], [1.0])],
    ids=["bare", "JumpStart", "Cohere", "OpenAI"],
)
def test_embeddings(driver, upstream, raw):
    made = ask(driver, upstream, Respond(json=raw), face=Embedding, input=["a", "b"], user="u")
    assert upstream.requests[0].json == {"inputs": ["a", "b"]}
    assert [item.embedding for item in made.data] == [[0.5], [1.0]]


def test_embeddings_that_cannot_be(driver, upstream):
    with pytest.raises(UnsupportedParameterError, match="text, not tokens"):
        ask(driver, upstream, Respond(json={}), face=Embedding, input=[1, 2])
    with pytest.raises(openai.APIResponseValidationError, match="no embeddings"):
        driver.create(Embedding, model=MODEL, input="a", retries=0)
    with pytest.raises(NotImplementedError):
        SageMakerProvider().wire_for("embedding", "m", Ledger("sagemaker")).stream_decoder(created=1)


def test_no_list_of_models():
    """There is none to ask for."""
    with pytest.raises(InvalidRequestError, match="no models endpoint"):
        muxi_llm.runtime.prepare_models("sagemaker").run()


def test_a_region_makes_a_host():
    url = "https://runtime.sagemaker.eu-west-1.amazonaws.com"
    assert SageMakerProvider(settings={"region": "eu-west-1"}).base_url == url


# ------------------------------------------------------------------------------------------ errors


def test_the_containers_own_status_decides(driver, upstream):
    """AWS says 424 of them all."""
    failed = {"Message": "Received server error", "OriginalStatusCode": 503, "OriginalMessage": "busy"}
    headers = {"x-amzn-errortype": "ModelError:http://internal.amazon.com"}
    with pytest.raises(openai.InternalServerError, match="Received server error") as caught:
        ask(driver, upstream, Respond(424, json=failed, headers=headers), retries=0)
    assert (caught.value.status_code, caught.value.code) == (503, "ModelError")


class Wire:
    """The chat wire's decoder, alone."""

    def __init__(self) -> None:
        self.decoder = SageMakerChat("m", Ledger("sagemaker"), Profile()).stream_decoder(created=1)

    def items(self, *pieces: bytes) -> list[Any]:
        return [item for piece in pieces for item in self.decoder.feed(piece)] + self.decoder.finish()


@settings(max_examples=60, deadline=None)
@given(
    body=st.sampled_from([SSE, LINES, b"\n" + LINES, LINES.replace(b"\n", b"\r\n")]),
    inner=PLACES,
    outer=PLACES,
)
def test_neither_the_parts_nor_the_bytes_matter(body, inner, outer):
    """Wherever the container's stream is cut into parts, and the frames into reads."""
    data = b"".join(part(piece) for piece in cut(body, inner))
    items = Wire().items(*cut(data, outer))
    assert "".join(item.choices[0].delta.content or "" for item in items) == "Héllo"
    assert items == Wire().items(part(SSE))


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        ([part(SSE[:-60])], "incomplete"),
        ([part(SSE[:90]), part(SSE[90:])[:-5]], "incomplete"),
        ([part(SSE[:90]), exception("ModelStreamError", ErrorCode="StreamBroken"), part(SSE)], "fault"),
        ([exception("InternalStreamFailure")], "fault"),
        ([part(b"data: {}"), b"\0" * 16], "malformed"),
        ([], "incomplete"),
    ],
)  # fmt: skip
def test_streams_that_break(frames, kind):
    """The last item says so, and there is one such."""
    wire = Wire()
    items = wire.items(*frames)
    assert [item.kind for item in items if isinstance(item, WireError)] == [kind]
    assert isinstance(items[-1], WireError)


def test_a_stream_is_over_when_its_answer_is():
    """Whatever the connection still does."""
    wire = Wire()
    assert len(wire.items(part(SSE), frame(b"", b"")[:7])) == 4
    assert wire.decoder.over
    assert wire.decoder.feed(part(SSE)) == []
