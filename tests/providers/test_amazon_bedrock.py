"""Bedrock as a provider: where, by which key or signature, and what its errors become. Real HTTP throughout."""

from __future__ import annotations

import base64
import struct
import sys
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Completion, Embedding
from muxi_llm.errors import InvalidRequestError, MissingCredentialsError, UnsupportedParameterError
from muxi_llm.providers import aws_signing
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger
from tests.support.anthropic import system, text, tool, user
from tests.support.aws import (
    CLAUDE,
    ENVIRONMENT,
    LLAMA,
    check,
    exception,
    reply,
    stream,
    thought,
    use,
    verified,
)
from tests.support.bodies import HELLO, chat
from tests.support.upstream import Respond, Upstream

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

MODEL = f"bedrock/{CLAUDE}"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
REPLY = reply({"text": "Hi"})
FRAMES = {"content-type": "application/vnd.amazon.eventstream"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> Iterator[None]:
    """Keys of an account, in a region whose endpoint is on loopback; nothing of the machine's own."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_BEDROCK_RUNTIME_BASE_URL", upstream.url)
    muxi_llm.config.fallback = {"retry_delay": 0}
    aws_signing.found_credentials.cache_clear()
    yield
    aws_signing.found_credentials.cache_clear()


def hide_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra were not installed."""
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    monkeypatch.delitem(sys.modules, "muxi_llm.providers.aws_signing")
    monkeypatch.delattr(muxi_llm.providers, "aws_signing")


def streamed(*pieces: bytes, **fields: Any) -> Respond:
    return Respond(chunks=list(pieces), headers=FRAMES, **fields)


def ask(driver: Any, upstream: Upstream, *replies: Respond, **params: Any) -> Any:
    """A call that gets *replies*."""
    upstream.script += replies or (Respond(json=REPLY),)
    return driver.create(ChatCompletion, **{"model": MODEL, "messages": HELLO, **params})


# --------------------------------------------------------------------------------- where and by whom


def test_the_whole_way(driver, upstream):
    """A plain call over real sockets: the request by AWS's own model, its signature by botocore."""
    replied = Respond(json=REPLY, headers={"x-amzn-requestid": "r-1"})
    value = ask(driver, upstream, replied, max_tokens=5)
    (received,) = upstream.requests
    assert received.path == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    assert received.json == {
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "inferenceConfig": {"maxTokens": 5},
    }
    check(received.json)
    assert verified(received, "bedrock") == ["content-type", "host", "x-amz-date"]
    assert value.choices[0].message.content == "Hi"
    assert (value.model, value.muxi.model, value._request_id) == (CLAUDE, MODEL, "r-1")


@pytest.mark.parametrize("transport", ["httpx2", "fast"])
def test_an_arn_is_one_segment_of_the_path(driver, upstream, transport):
    """Its slash too, and the signature is over the path as it is sent."""
    muxi_llm.config.transport = transport
    ask(driver, upstream, model=f"bedrock/{ARN}")
    (received,) = upstream.requests
    name = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc123"
    assert received.path == f"/model/{name}/converse"
    verified(received, "bedrock")


def test_the_signature_covers_what_the_caller_adds(driver, upstream):
    """Headers and query come after the codec and before the signature."""
    ask(driver, upstream, extra_headers={"X-Custom": " a  b "}, extra_query={"z": "1 2", "a": ["é", "/"]})
    (received,) = upstream.requests
    assert received.path.endswith("/converse?z=1+2&a=%C3%A9&a=%2F")
    assert "x-custom" in verified(received, "bedrock")


def test_the_signature_is_of_each_attempt(driver, upstream):
    """A retry is signed anew."""
    ask(driver, upstream, Respond(503, json={"message": "later"}), Respond(json=REPLY))
    assert [verified(received, "bedrock") for received in upstream.requests]
    assert len(upstream.requests) == 2


def test_a_session_token_is_signed_too(driver, upstream, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    ask(driver, upstream)
    (received,) = upstream.requests
    assert received.headers["x-amz-security-token"] == "token"
    assert "x-amz-security-token" in verified(received, "bedrock")


@pytest.mark.parametrize("given", ["call", "environment", "package"])
def test_a_bearer_key_needs_no_signature(driver, upstream, monkeypatch, given):
    """However it is given; without botocore as well."""
    hide_botocore(monkeypatch)
    params = {"api_key": "key"} if given == "call" else {}
    if given == "environment":
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key")
    if given == "package":
        muxi_llm.bedrock_api_key = "key"
    ask(driver, upstream, **params)
    (received,) = upstream.requests
    assert received.headers["authorization"] == "Bearer key"
    assert "x-amz-date" not in received.headers


def test_a_callers_own_authorization_is_left_alone(driver, upstream):
    """A proxy's."""
    ask(driver, upstream, extra_headers={"Authorization": "Basic x"})
    assert upstream.requests[0].headers["authorization"] == "Basic x"


def test_a_profiles_credentials(driver, upstream, monkeypatch, tmp_path):
    """Of the files that botocore reads, looked up once a process."""
    file = tmp_path / "credentials"
    file.write_text("[team]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "team")
    ask(driver, upstream)
    file.unlink()
    ask(driver, upstream)
    assert [verified(received, "bedrock") for received in upstream.requests]


@pytest.mark.parametrize(
    ("profile", "why"), [(None, "Unable to locate credentials"), ("none", "profile .none. could not")]
)
def test_no_credentials(driver, upstream, monkeypatch, profile, why):
    """The error names what to set; nothing is sent."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    with pytest.raises(MissingCredentialsError, match=f"{why}.* AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS"):
        ask(driver, upstream)
    assert upstream.requests == []


def test_credentials_that_come_later(driver, upstream, monkeypatch, tmp_path):
    """Somebody logs in: what was not there is looked for again."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(MissingCredentialsError):
        ask(driver, upstream)
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"
    )
    ask(driver, upstream)
    assert verified(upstream.requests[0], "bedrock")


def test_a_role_that_may_not_be_taken(driver, upstream, monkeypatch, tmp_path):
    """AWS's refusal of the role, not of the call."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "config").write_text(
        "[profile source]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"
        "[profile team]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = source\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "team")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", upstream.url)
    refusal = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    with pytest.raises(MissingCredentialsError, match="AccessDenied"):
        ask(driver, upstream, Respond(403, body=refusal.encode(), headers={"content-type": "text/xml"}))


def test_without_botocore(driver, upstream, monkeypatch):
    """The error names the extra."""
    hide_botocore(monkeypatch)
    with pytest.raises(MissingCredentialsError, match=r"pip install 'muxi-llm\[aws\]'"):
        ask(driver, upstream)


def test_no_credentials_of_a_fallback(driver, upstream, monkeypatch):
    """Are no reason to fail: that candidate is skipped and told."""
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
    upstream.script += [Respond(500, json={}), Respond(json=chat("Hi"))]
    value = driver.create(
        ChatCompletion,
        model="openai/gpt-4",
        messages=HELLO,
        retries=0,
        fallback_models=[MODEL, "openai/gpt-4o"],
    )
    assert [attempt.skipped for attempt in value.muxi.attempts] == [False, True, False]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"region": "eu-west-1"}, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ({"region": "cn-north-1"}, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ({}, ""),
    ],
)
def test_regions(settings, url):
    """Of the setting; of the URL, where that names one."""
    kind = muxi_llm.providers.amazon_bedrock.BedrockProvider
    assert kind(settings=settings).base_url == url
    mantle = "https://bedrock-mantle.us-east-1.api.aws"
    assert kind(base_url=mantle, settings={"region": "eu-west-1"}).region == "us-east-1"
    vpc = "https://vpce-1.bedrock-runtime.us-gov-west-1.vpce.amazonaws.com"
    assert kind(base_url=vpc, settings={"region": "eu-west-1"}).region == "us-gov-west-1"


@pytest.mark.parametrize("settings", [{}, {"region": "eu-west-1"}], ids=["none set", "another set"])
def test_an_arn_is_asked_in_its_own_region(settings):
    """Elsewhere nobody knows it; an address that was given stays."""
    kind = muxi_llm.providers.amazon_bedrock.BedrockProvider
    for given, host in (
        ({}, "bedrock-runtime.us-east-1.amazonaws.com"),
        ({"base_url": "http://at.test"}, "at.test"),
    ):
        provider = kind(api_key="k", settings=settings, **given)
        wire = provider.wire_for("chat", ARN, Ledger("bedrock"))
        call = provider.prepare(wire, {"messages": HELLO}, stream=False, extra={})
        assert call.url.split("/")[2] == host


@pytest.mark.parametrize("url", ["", None], ids=["no URL", "a URL that names none"])
def test_no_region(driver, upstream, monkeypatch, url):
    """Said before anything is sent."""
    monkeypatch.delenv("AWS_REGION")
    if url is not None:
        monkeypatch.setenv("AWS_BEDROCK_RUNTIME_BASE_URL", url)
    with pytest.raises(InvalidRequestError, match=r"set AWS_REGION or muxi_llm\.bedrock_region"):
        ask(driver, upstream)
    assert upstream.requests == []


def test_a_region_of_the_package(driver, upstream, monkeypatch):
    """As any setting; nobody else's server with a key needs one."""
    monkeypatch.delenv("AWS_REGION")
    ask(driver, upstream, api_key="key")
    muxi_llm.bedrock_region = "ap-south-1"
    ask(driver, upstream)
    verified(upstream.requests[1], "bedrock", "ap-south-1")


def test_from_a_drop_in_client(upstream):
    """Its own key is OpenAI's and stays at home; the request is signed with the account's."""
    upstream.script.append(Respond(json=REPLY))
    with muxi_llm.OpenAI(api_key="sk-openai") as client:
        value = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert value.choices[0].message.content == "Hi"
    (received,) = upstream.requests
    verified(received, "bedrock")
    assert "sk-openai" not in str(received)


# ------------------------------------------------------------------------------------------ answers


def test_fault_41_42_a_stream_says_what_a_reply_says(driver, upstream):
    """Calls and thinking too, over real chunks of odd sizes."""
    raw = reply(thought("hm"), {"text": "Hello"}, use("f", {"a": 1}), stop="tool_use")
    data = b"".join(stream(raw))
    pieces = [data[at : at + 97] for at in range(0, len(data), 97)]
    tools = [tool("f")]
    whole = ask(driver, upstream, Respond(json=raw), tools=tools)
    usage = {"include_usage": True}
    chunks = ask(driver, upstream, streamed(*pieces), tools=tools, stream=True, stream_options=usage)
    assert upstream.requests[1].path.endswith("/converse-stream")
    assert upstream.requests[1].headers["accept"] == "application/vnd.amazon.eventstream"
    verified(upstream.requests[1], "bedrock")
    value = collect(chunks)
    assert value.choices[0].model_dump(exclude_none=True) == whole.choices[0].model_dump(exclude_none=True)
    assert value.usage == whole.usage


def test_pitfall_17_a_stream_that_breaks_off(driver, upstream):
    """Behind its first chunks it raises, and never says `stop`."""
    with pytest.raises(openai.APIConnectionError) as caught:
        ask(driver, upstream, streamed(*stream(REPLY)[:2]), stream=True)
    assert caught.value.code == "incomplete_stream"


def test_an_exception_before_the_first_word_is_tried_again(driver, upstream):
    """A throttled stream whose head said 200."""
    replies = [streamed(exception("throttlingException", "slow down")), streamed(*stream(REPLY))]
    chunks = ask(driver, upstream, *replies, stream=True, retries=1)
    assert collect(chunks).choices[0].message.content == "Hi"
    with pytest.raises(openai.RateLimitError, match="slow down") as caught:
        ask(driver, upstream, streamed(exception("throttlingException", "slow down")), stream=True, retries=0)
    assert caught.value.code == "throttlingException"


ERRORS: dict[str, tuple[int, str, dict[str, Any], type[Exception]]] = {
    "throttled": (429, "ThrottlingException", {"message": "m"}, openai.RateLimitError),
    "denied": (403, "AccessDeniedException:http://internal", {"Message": "m"}, openai.PermissionDeniedError),
    "invalid": (400, "ValidationException", {"message": "m"}, openai.BadRequestError),
    "unknown": (404, "ResourceNotFoundException", {"message": "m"}, openai.NotFoundError),
    "down": (503, "ServiceUnavailableException", {"message": "m"}, openai.InternalServerError),
}


@pytest.mark.parametrize(("status", "kind", "body", "error"), ERRORS.values(), ids=ERRORS)
def test_fault_40_errors(driver, upstream, status, kind, body, error):
    """OpenAI's classes by the status; what AWS calls it as the code; its id of the request."""
    headers = {"x-amzn-errortype": kind, "x-amzn-requestid": "r-2"}
    with pytest.raises(error, match="m") as caught:
        ask(driver, upstream, Respond(status, json=body, headers=headers), retries=0)
    assert caught.value.code == caught.value.type == kind.partition(":")[0]
    assert caught.value.request_id == "r-2"


# --------------------------------------------------------------------------------------- adaptations


def test_fault_18_19_json_mode_is_asked_for_in_words(driver, upstream):
    """The caller's messages stay as they are."""
    messages = [system([text("s")]), user()]
    value = ask(driver, upstream, messages=messages, response_format={"type": "json_object"})
    assert [block["text"][:6] for block in upstream.requests[0].json["system"]] == ["s", "Answer"]
    assert messages == [system([text("s")]), user()]
    assert [entry.param for entry in value.muxi.adaptations] == ["response_format"]


def test_pitfall_46_urls_of_images_are_not_fetched_unasked(driver, upstream):
    """Bedrock fetches none, so the part is left out and told."""
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    value = ask(driver, upstream, messages=[user([text("see"), picture])])
    assert upstream.requests[0].json["messages"][0]["content"] == [{"text": "see"}]
    assert [(entry.param, entry.action) for entry in value.muxi.adaptations] == [
        ("messages[0].content[1]", "dropped")
    ]


def test_native_options(driver, upstream):
    """Converse's own and the model's own, by either way."""
    ask(
        driver,
        upstream,
        extra_body={"top_k": 5},
        provider_options={"bedrock": {"performanceConfig": {"latency": "optimized"}}},
    )
    sent = upstream.requests[0].json
    assert sent["additionalModelRequestFields"] == {"top_k": 5}
    assert sent["performanceConfig"] == {"latency": "optimized"}


def test_text_completions_are_chats(driver, upstream):
    upstream.script.append(Respond(json=REPLY))
    value = driver.create(Completion, model=MODEL, prompt="Hello")
    assert upstream.requests[0].path.endswith("/converse")
    assert value.choices[0].text == "Hi"


# ------------------------------------------------------------------------------ embeddings, the list


def embed(driver: Any, upstream: Upstream, raw: Any, model: str, headers: Any = (), **params: Any) -> Any:
    upstream.script.append(Respond(json=raw, headers=dict(headers)))
    return driver.create(Embedding, model=f"bedrock/{model}", **params)


TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "cohere.embed-v4:0"


@pytest.mark.parametrize("given", ["hi", ["hi"]])
def test_embeddings_of_titan(driver, upstream, given):
    raw = {"embedding": [0.5, 1.0], "inputTextTokenCount": 3}
    value = embed(driver, upstream, raw, TITAN, input=given, dimensions=256)
    (received,) = upstream.requests
    assert received.path == "/model/amazon.titan-embed-text-v2%3A0/invoke"
    assert received.json == {"inputText": "hi", "dimensions": 256}
    verified(received, "bedrock")
    assert value.data[0].embedding == [0.5, 1.0]
    assert (value.model, value.usage.prompt_tokens, value.usage.total_tokens) == (TITAN, 3, 3)


@pytest.mark.parametrize("vectors", [[[0.5], [1.0]], {"float": [[0.5], [1.0]]}], ids=["list", "by type"])
def test_embeddings_of_cohere(driver, upstream, vectors):
    """Several at once; what they cost is told in a header."""
    counted = {"x-amzn-bedrock-input-token-count": "4"}
    value = embed(driver, upstream, {"embeddings": vectors}, COHERE, counted, input=["a", "b"], dimensions=1)
    sent = {"texts": ["a", "b"], "input_type": "search_document", "output_dimension": 1}
    assert upstream.requests[0].json == sent
    assert [item.embedding for item in value.data] == [[0.5], [1.0]]
    assert value.usage.total_tokens == 4


def test_what_embeddings_are_for(driver, upstream):
    """Cohere wants to be told; a default that the caller overrides is not told as one."""
    raw = {"embeddings": [[0.5]]}
    default = embed(driver, upstream, raw, "cohere.embed-v4:0", input="a")
    given = embed(
        driver, upstream, raw, "cohere.embed-v4:0", input="a", extra_body={"input_type": "search_query"}
    )
    assert [received.json["input_type"] for received in upstream.requests] == [
        "search_document",
        "search_query",
    ]
    assert [entry.param for entry in default.muxi.adaptations] == ["input_type"]
    assert given.muxi.adaptations == ()


def test_embeddings_as_base64(driver, upstream):
    raw = {"embedding": [0.5, 1.0]}
    value = embed(driver, upstream, raw, TITAN, input="hi", encoding_format="base64", user="u")
    assert base64.b64decode(value.data[0].embedding) == struct.pack("<2f", 0.5, 1.0)
    assert [entry.param for entry in value.muxi.adaptations] == ["user"]
    plain = embed(
        driver, upstream, {"embeddings": [[0.5]]}, COHERE, input="hi", extra_body={"input_type": "x"}
    )
    assert upstream.requests[1].json["input_type"] == "x"
    assert plain.usage.total_tokens == 0


@pytest.mark.parametrize(
    ("model", "given", "why"),
    [
        (TITAN, ["a", "b"], "takes one text a call, not 2"),
        (TITAN, [[1, 2]], "input must be text, not tokens"),
        (LLAMA, "a", "of Titan and of Cohere are known"),
    ],
)
def test_embeddings_that_cannot_be(driver, upstream, model, given, why):
    with pytest.raises(UnsupportedParameterError, match=why):
        embed(driver, upstream, {}, model, input=given)
    assert upstream.requests == []


@pytest.mark.parametrize("raw", [[], {"embeddings": 1}, {"message": "x"}])
def test_no_embeddings_in_the_reply(driver, upstream, raw):
    with pytest.raises(openai.APIResponseValidationError, match="no embeddings"):
        embed(driver, upstream, raw, TITAN, input="a", retries=0)


def test_errors_of_embeddings(driver, upstream):
    upstream.script.append(Respond(400, json={"Message": "bad"}))
    with pytest.raises(openai.BadRequestError, match="bad"):
        driver.create(Embedding, model=f"bedrock/{TITAN}", input="a")


def test_the_list_of_models(upstream):
    """On the control plane's host, where the host is AWS's."""
    upstream.script.append(Respond(json={"modelSummaries": [{"modelId": LLAMA, "providerName": "Meta"}]}))
    (model,) = muxi_llm.runtime.prepare_models("bedrock").run().data
    assert (model.id, model["providerName"]) == (LLAMA, "Meta")
    (received,) = upstream.requests
    assert (received.method, received.path) == ("GET", "/foundation-models")
    verified(received, "bedrock")


def test_the_list_of_models_has_a_host_of_its_own(upstream):
    provider = muxi_llm.providers.amazon_bedrock.BedrockProvider(settings={"region": "us-east-1"})
    wire = provider.wire_for("models", "", muxi_llm.wire.base.Ledger("bedrock"))
    assert provider.url_of(wire, stream=False) == "https://bedrock.us-east-1.amazonaws.com/foundation-models"
    assert wire.decode_fault(403, b'{"Message": "no"}').message == "no"
    with pytest.raises(NotImplementedError):
        provider.wire_for("embedding", TITAN, wire.ledger).stream_decoder(created=1)
