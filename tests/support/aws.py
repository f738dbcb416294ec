"""AWS for tests: event-stream frames by hand, Converse's replies, and botocore as the judge of requests."""

from __future__ import annotations

import base64
import json
import re
import struct
from typing import Any
from zlib import crc32

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from botocore.session import Session
from botocore.validate import ParamValidator

from muxi_llm.wire.aws.converse import Converse
from muxi_llm.wire.base import dumps
from tests.support.bodies import HELLO
from tests.support.codec import WireCodec
from tests.support.upstream import Received

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD_CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
MODEL = Session().get_service_model("bedrock-runtime")
REQUEST = MODEL.operation_model("Converse").input_shape

SECRET = "secret"
ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


class Codec(WireCodec):
    """A Converse wire for one request, which botocore has judged."""

    provider, kind, model = "bedrock", Converse, CLAUDE

    def __init__(self, messages: Any = HELLO, **given: Any) -> None:
        super().__init__(messages, **given)
        self.fields = self.out.get("additionalModelRequestFields")
        check(self.out)


def turns(*messages: dict[str, Any], **body: Any) -> list[dict[str, Any]]:
    """The messages on the wire."""
    return Codec(list(messages), **body).out["messages"]


# -------------------------------------------------------------------------------------- the judges


def check(body: dict[str, Any]) -> None:
    """*body* is a request by AWS's own model of the service: names, types, unions, patterns, base64."""
    params = _params({"modelId": CLAUDE, **body}, REQUEST)
    report = ParamValidator().validate(params, REQUEST)
    assert not report.has_errors(), report.generate_report()


def _params(value: Any, shape: Any) -> Any:
    """*value* as boto3 takes it (bytes where the wire has base64), what boto3 lets pass looked at closer."""
    kind, rules = shape.type_name, shape.metadata
    if kind == "blob":
        return base64.b64decode(value, validate=True)
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        return {name: _params(item, shape.members[name]) for name, item in value.items()}
    if kind == "list":
        return [_params(item, shape.member) for item in value]
    if kind == "string":
        assert "enum" not in rules or value in rules["enum"], (value, rules)
        assert "pattern" not in rules or re.fullmatch(rules["pattern"], value), (value, rules)
        assert len(value) <= rules.get("max", 10**9), (value, rules)
    return value


def verified(received: Received, service: str, region: str = "us-east-1") -> list[str]:
    """The headers that *received*'s signature covers; fails unless the signature is right."""
    scheme, _, rest = received.headers["authorization"].partition(" ")
    fields = dict(part.split("=", 1) for part in rest.split(", "))
    signed = fields["SignedHeaders"].split(";")
    url = f"http://{received.headers['host']}{received.path}"
    covered = {name: received.headers[name] for name in signed if name != "host"}
    request = AWSRequest(method=received.method, url=url, data=received.body, headers=covered)
    request.context["timestamp"] = received.headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert scheme == "AWS4-HMAC-SHA256"
    assert fields["Credential"].split("/")[2:] == [region, service, "aws4_request"]
    assert fields["Signature"] == signer.signature(text, request)
    return signed


def botocores_frames(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Headers and payloads as botocore reads them."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


# ------------------------------------------------------------------------------------------ frames


def frame(payload: bytes, headers: dict[str, str] | bytes) -> bytes:
    """One message of the event stream; *headers* as text, or as bytes ready for the wire."""
    if isinstance(headers, dict):
        headers = b"".join(header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + crc32(prelude).to_bytes(4, "big") + headers + payload
    return message + crc32(message).to_bytes(4, "big")


def header(name: str, value: str) -> bytes:
    """A header of the type text."""
    told, text = name.encode(), value.encode()
    return bytes([len(told)]) + told + b"\x07" + struct.pack(">H", len(text)) + text


def event(kind: str, payload: Any) -> bytes:
    """An event's frame; *payload* is dumped unless it is bytes."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return frame(body, {":event-type": kind, ":content-type": "application/json", ":message-type": "event"})


def exception(kind: str, message: str = "broken", **fields: Any) -> bytes:
    """An exception's frame."""
    body = json.dumps({"message": message, **fields}).encode()
    return frame(body, {":exception-type": kind, ":message-type": "exception"})


# ---------------------------------------------------------------------------------- Converse's words


def reply(*blocks: dict[str, Any], stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    """A reply of Converse."""
    message = {"role": "assistant", "content": list(blocks)}
    usage = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}
    return {
        "output": {"message": message},
        "stopReason": stop,
        "usage": usage,
        "metrics": {"latencyMs": 3},
        **fields,
    }


def stream(raw: dict[str, Any], *, cut: int = 7) -> list[bytes]:
    """The frames in which ConverseStream would say *raw*, a `reply`."""
    frames = [event("messageStart", {"role": "assistant", "p": "abc"})]
    for index, block in enumerate(raw["output"]["message"]["content"]):
        frames += _block_frames(index, block, cut)
    frames.append(event("messageStop", {"stopReason": raw["stopReason"]}))
    rest = {name: value for name, value in raw.items() if name not in {"output", "stopReason"}}
    return [*frames, event("metadata", rest)]


def _block_frames(index: int, block: dict[str, Any], cut: int) -> list[bytes]:
    at = {"contentBlockIndex": index}
    begin = []
    if "toolUse" in block:
        start = {name: value for name, value in block["toolUse"].items() if name != "input"}
        begin = [event("contentBlockStart", {"start": {"toolUse": start}, **at})]
    deltas = [event("contentBlockDelta", {"delta": delta, **at}) for delta in _deltas(block, cut)]
    return [*begin, *deltas, event("contentBlockStop", at)]


def _deltas(block: dict[str, Any], cut: int) -> list[dict[str, Any]]:
    if "toolUse" in block:
        given = block["toolUse"]["input"]
        return [{"toolUse": {"input": piece}} for piece in _cut(dumps(given).decode() if given else "", cut)]
    if "citationsContent" in block:
        cited = block["citationsContent"]
        citations = [{"citation": citation} for citation in cited["citations"]]
        return [{"text": piece} for piece in _cut(cited["content"][0]["text"], cut)] + citations
    reasoning = block.get("reasoningContent")
    if reasoning is None:
        return [{"text": piece} for piece in _cut(block["text"], cut)]
    if "redactedContent" in reasoning:
        return [{"reasoningContent": reasoning}]
    text = reasoning["reasoningText"]
    said = [{"reasoningContent": {"text": piece}} for piece in _cut(text["text"], cut)]
    return [*said, {"reasoningContent": {"signature": text["signature"]}}]


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def use(name: str = "f", given: Any = None, call_id: str = "tooluse_1", **fields: Any) -> dict[str, Any]:
    """A tool call as Converse has it."""
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": given or {}, **fields}}


def thought(text: str = "hm", signature: str = "sig") -> dict[str, Any]:
    """Thinking as Converse has it."""
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}


def redacted(data: bytes = b"opaque") -> dict[str, Any]:
    """Thinking that is kept secret."""
    return {"reasoningContent": {"redactedContent": base64.b64encode(data).decode()}}
