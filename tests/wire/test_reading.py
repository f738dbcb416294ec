"""Whatever a provider's bytes hold, a codec gives a value or says what is wrong with them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from muxi_llm.providers.minimax import MiniMaxChat
from muxi_llm.providers.perplexity import Int8Embeddings
from muxi_llm.providers.profiles import profile_of
from muxi_llm.providers.watsonx import WatsonxEmbeddings
from muxi_llm.wire.aws.converse import Converse
from muxi_llm.wire.aws.embeddings import BedrockEmbeddings
from muxi_llm.wire.aws.sagemaker import SageMakerEmbeddings
from muxi_llm.wire.base import Ledger, WireError, dumps
from muxi_llm.wire.cohere.chat import CohereChat
from muxi_llm.wire.cohere.embed import CohereEmbed
from muxi_llm.wire.feature_extraction import FeatureExtraction
from muxi_llm.wire.gemini.embeddings import GeminiEmbeddings, VertexPredict
from muxi_llm.wire.gemini.generate_content import GenerateContent
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.ollama.chat import OllamaChat
from muxi_llm.wire.ollama.embed import OllamaEmbed
from muxi_llm.wire.reading import reading
from muxi_llm.wire.replicate import ReplicatePrediction
from muxi_llm.wire.text_embeddings import NomicEmbed, TextEmbeddings
from muxi_llm.wire.tgi import TGI
from tests.support import aws, bodies, cohere, gemini, replicate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.wire.base import Wire

NONSENSE: list[Any] = [None, 1, -5, "x", [], [None], [[]], {}, {"type": "text"}]
"""What may stand in a reply where something else should."""

CITED = {"content": [{"text": "c"}], "citations": [{"location": {"web": {"url": "u"}}}, {"title": "x"}]}
PAGES = {
    "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
    "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 2}, "groundingChunkIndices": [0]}],
}
PROBABLE = {
    "topCandidates": [{"candidates": [{"token": "a", "logProbability": -1}]}],
    "chosenCandidates": [{"token": "a", "logProbability": -1}],
}
COUNTED = {
    "promptTokenCount": 5,
    "candidatesTokenCount": 2,
    "totalTokenCount": 7,
    "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 3}],
}
TOKEN = {"token": "a", "logprob": -1, "top_logprobs": [{"token": "b", "logprob": -2}]}
CALLED = {"function": {"name": "f", "arguments": {"a": 1}}}
CHATS: list[tuple[type[Wire], str, Any]] = [
    (
        GenerateContent,
        "gemini-2.5-flash",
        gemini.reply(
            {"text": "hm", "thought": True},
            "Hi",
            gemini.function_call("f", {"a": 1}, "sig"),
            {"inlineData": {"mimeType": "image/png", "data": "aa"}},
            usage=COUNTED,
            groundingMetadata=PAGES,
            logprobsResult=PROBABLE,
        ),
    ),
    (
        Converse,
        "anthropic.claude-sonnet-4-5",
        aws.reply(aws.thought(), {"text": "Hi"}, aws.use(), {"citationsContent": CITED}, aws.redacted()),
    ),
    (
        CohereChat,
        "command-a",
        {**cohere.said(tool_calls=[cohere.call()]), "logprobs": [{"text": "a", "logprobs": [-1]}]},
    ),
    (
        OllamaChat,
        "llama3",
        {"message": {"content": "Hi", "tool_calls": [CALLED]}, "done": True, "logprobs": [TOKEN]},
    ),
    (
        ReplicatePrediction,
        "meta/llama",
        replicate.prediction(output=["a"], metrics={"input_token_count": 3, "output_token_count": 4}),
    ),
    (TGI, "m", [{"generated_text": "Hi", "details": {"generated_tokens": 3, "prefill": [{}]}}]),
    (MiniMaxChat, "m", bodies.chat("Hi") | {"base_resp": {"status_code": 0, "status_msg": ""}}),
]
EMBEDDINGS: list[tuple[type[Wire], str, Any]] = [
    (GeminiEmbeddings, "m", {"embeddings": [{"values": [1]}], "usageMetadata": {"promptTokenCount": 3}}),
    (
        VertexPredict,
        "m",
        {"predictions": [{"embeddings": {"values": [1], "statistics": {"token_count": 3}}}]},
    ),
    (CohereEmbed, "m", {"embeddings": {"float": [[1]]}, "meta": {"billed_units": {"input_tokens": 3}}}),
    (OllamaEmbed, "m", {"embeddings": [[1]], "model": "m", "prompt_eval_count": 3}),
    (BedrockEmbeddings, "amazon.titan-embed-text-v2:0", {"embedding": [1], "inputTextTokenCount": 3}),
    (SageMakerEmbeddings, "m", {"data": [{"embedding": [1]}]}),
    (TextEmbeddings, "m", bodies.embeddings([1.0])),
    (NomicEmbed, "m", {"embeddings": [[1]], "usage": {"prompt_tokens": 1, "total_tokens": 1}}),
    (FeatureExtraction, "m", [[1]]),
    (WatsonxEmbeddings, "m", {"results": [{"embedding": [1]}], "input_token_count": 2}),
    (Int8Embeddings, "m", bodies.embeddings("AAA=")),
]


@pytest.mark.parametrize(("kind", "model", "raw"), CHATS, ids=[kind.__name__ for kind, *_ in CHATS])
def test_answers(kind, model, raw):
    """With any one thing in them missing, or something else."""
    for wrong in spoilt(raw):
        read(kind, model, {"messages": bodies.HELLO}, dumps(wrong))


@pytest.mark.parametrize("form", ["float", "base64"])
@pytest.mark.parametrize(("kind", "model", "raw"), EMBEDDINGS, ids=[kind.__name__ for kind, *_ in EMBEDDINGS])
def test_embeddings(kind, model, raw, form):
    """Likewise."""
    for wrong in spoilt(raw):
        read(kind, model, {"input": ["a"], "encoding_format": form}, dumps(wrong))


def test_lists():
    """Likewise."""
    for wrong in spoilt({"data": [{"id": "m", "created": 1}]}):
        read(ModelsList, "", {}, dumps(wrong))


@pytest.mark.parametrize("counted", [COUNTED, {"promptTokenCount": 5}], ids=["at the end", "not yet"])
def test_streams(counted):
    """A candidate's last words may be read when the connection ends, outside of any event."""
    for wrong in spoilt(gemini.reply("x", groundingMetadata=PAGES, usage=counted)):
        wire = GenerateContent("gemini-2.5-flash", Ledger("google"), profile_of("gemini-2.5-flash"))
        decoder = wire.stream_decoder(created=1)
        items = [*decoder.feed(b"data: " + dumps(wrong) + b"\n\n"), *decoder.finish()]
        assert not any(isinstance(item, WireError) for item in items[:-1])


def test_what_is_said_of_it():
    """What was wrong, and how the bytes begin."""
    with pytest.raises(WireError) as caught, reading("no answer", b'{"a": 1}'):
        raise KeyError("choices")
    assert (caught.value.kind, caught.value.message) == (
        "malformed",
        """no answer (KeyError('choices')): {"a": 1}""",
    )


def read(kind: type[Wire], model: str, body: dict[str, Any], data: bytes) -> None:
    """Fails by anything but a `WireError`."""
    wire = kind(model, Ledger("anybody"), profile_of(model))
    wire.encode_request(body, stream=False)
    try:
        wire.decode_response(data, created=1)
    except WireError:
        pass


def spoilt(raw: Any) -> Iterator[Any]:
    """Copies of *raw* with one value in each replaced, or taken out."""
    for path in places(raw):
        for nonsense in NONSENSE:
            changed = copy.deepcopy(raw)
            within(changed, path)[path[-1]] = nonsense
            yield changed
        changed = copy.deepcopy(raw)
        del within(changed, path)[path[-1]]
        yield changed


def within(raw: Any, path: tuple[Any, ...]) -> Any:
    """What holds the value at *path*."""
    for key in path[:-1]:
        raw = raw[key]
    return raw


def places(raw: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is a value in *raw*."""
    inner = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))
