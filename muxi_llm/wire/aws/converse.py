"""Amazon Bedrock's Converse wire: one API for every vendor's models there. Requests are translated by
`request`, replies by `reply` and `stream`.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
.../API_runtime_ConverseStream.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.models import ChatCompletion
from muxi_llm.wire.aws.faults import decode_aws_fault
from muxi_llm.wire.aws.reply import ReplyReader, is_call, usage_of
from muxi_llm.wire.aws.request import ConverseRequest
from muxi_llm.wire.aws.stream import ConverseStreamDecoder
from muxi_llm.wire.base import Fault, Json, Wire, build_value, loads
from muxi_llm.wire.reading import reading
from muxi_llm.wire.requesting import usage_wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile


class Converse(Wire):
    """Bedrock Converse."""

    stream_headers = {"accept": "application/vnd.amazon.eventstream"}

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self._reader = ReplyReader()
        self._request = ConverseRequest(model, ledger, profile, self._reader)
        self._usage_wanted = False

    def path_for(self, *, stream: bool) -> str:
        # Ids hold colons, ARNs slashes too: all of it is one segment.
        return f"/model/{quote(self.model, safe='')}/converse{'-stream' if stream else ''}"

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - in the path
        encoded = self._request.encode(body)
        self._usage_wanted = usage_wanted(body)
        return encoded

    def settle(self, body: Json) -> None:
        self._request.settle(body)

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        with reading("not a Converse reply", data):
            return build_value(ChatCompletion, self._value_of(raw, created))

    def _value_of(self, raw: Json, created: int) -> Json:
        blocks = raw["output"]["message"]["content"]
        reason = raw.get("stopReason")
        message = self._reader.message_of(blocks)
        called = any(is_call(block) for block in blocks)
        finish = self._reader.finish_of(reason, called=called, said=message["content"])
        choice = {"index": 0, "message": message, "finish_reason": finish}
        value: Json = {name: kept for name, kept in raw.items() if name not in {"output", "stopReason"}}
        value |= {"id": f"converse-{created}", "object": "chat.completion", "created": created}
        value["model"] = self.model
        value["choices"] = [{**choice, "logprobs": None, "native_finish_reason": reason}]
        if raw.get("usage"):
            value["usage"] = usage_of(raw["usage"])
        return value

    def stream_decoder(self, *, created: int) -> ConverseStreamDecoder:
        return ConverseStreamDecoder(
            self._reader, model=self.model, created=created, usage=self._usage_wanted
        )

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        return decode_aws_fault(status, data)
