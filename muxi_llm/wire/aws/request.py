"""Bedrock Converse, ours → theirs: the request half of `converse`.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. The caller's
objects are read, never changed. Order of the file: messages, then the parameters, tables last; the parts of
a message are in `parts`, tools in `tools`, thinking in `thinking`.
"""

from __future__ import annotations

import binascii
import re
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.errors import InvalidRequestError, shown, shown_error
from muxi_llm.wire.anthropic.request import GO_ON, safe_id
from muxi_llm.wire.anthropic.thinking import ClaudeProfile
from muxi_llm.wire.aws.parts import Parts
from muxi_llm.wire.aws.reply import reasoning_of
from muxi_llm.wire.aws.thinking import beta_fields, effort_fields, settle_thinking
from muxi_llm.wire.aws.tools import Tools
from muxi_llm.wire.base import is_neutral, overlaid
from muxi_llm.wire.json_schema import closed_schema, json_instruction
from muxi_llm.wire.requesting import arguments_of, check, drop_fields, drop_others, stops_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from muxi_llm.wire.aws.reply import ReplyReader
    from muxi_llm.wire.base import Json, Ledger, Profile


class ConverseRequest:
    """Translates one request; *reader* learns what reading its reply needs."""

    def __init__(self, model: str, ledger: Ledger, profile: Profile, reader: ReplyReader) -> None:
        self._model = model
        self._ledger = ledger
        self._profile = profile
        self._reader = reader
        self._enforces = profile.json_schema_support is not False and not NO_SCHEMA.search(model)
        self._signs = not NOT_CLAUDE.search(model)
        self._parts = Parts(ledger, "full" if self._signs else "basic" if NOVA.search(model) else "none")
        self._tools = Tools(ledger, profile, self._parts, reader, strict=self._enforces)
        self._system: list[Json] = []
        self._turns: list[Json] = []
        self._results = 0
        self._nameless = 0
        self._unanswered: deque[str] = deque()
        self._fields: Json = {}

    def encode(self, body: Mapping[str, Any]) -> Json:
        """The body but for the model's own fields, which `settle` adds. What Converse has no room for goes
        to the ledger, what cannot be done without (`n` above 1) is refused.
        """
        check(body, "Bedrock")
        tools = self._tools.definitions(body)
        self._messages(body["messages"])
        out: Json = {"messages": self._turns}
        self._fields = self._tools.encode(body, out, tools, self._system)
        self._inference(body, out)
        if body.get("reasoning_effort") is not None:
            effort = body["reasoning_effort"]
            self._fields.update(effort_fields(effort, self._model, self._profile, self._ledger))
        if body.get("top_k") is not None and isinstance(self._profile, ClaudeProfile):
            self._fields["top_k"] = body["top_k"]
        elif body.get("top_k") is not None:
            self._ledger.dropped("top_k", f"Bedrock documents no such setting for {self._model}")
        self._fields.update(beta_fields(body.get("anthropic_beta") or (), self._ledger, taken=self._signs))
        self._format(body, out)
        self._account(body, out)
        self._limit_points(out)
        if self._system:
            out["system"] = self._system
        drop_others(body, TRANSLATED, self._ledger, "Converse has no such parameter")
        return out

    def settle(self, body: Json) -> None:
        """Put the fields for the model itself in their place: ours, and the caller's that Converse does not
        know; make thinking agree with the rest.
        """
        fields = overlaid(self._fields, body.pop("additionalModelRequestFields", None) or {})
        fields = overlaid(fields, {name: body.pop(name) for name in [*body] if name not in CONVERSE})
        if "thinking" in fields:
            settle_thinking(body, fields, self._profile, self._ledger)
        if fields:
            body["additionalModelRequestFields"] = fields

    # ---------------------------------------------------------------------------------- messages

    def _messages(self, messages: Iterable[Mapping[str, Any]]) -> None:
        for index, message in enumerate(messages):
            at = f"messages[{index}]"
            try:
                self._message(message, at)
            except (KeyError, TypeError, AttributeError, binascii.Error) as error:
                raise InvalidRequestError(
                    f"{at} is not a chat message: {shown_error(error)}", param=at
                ) from error
        if not self._turns and self._system:
            self._ledger.moved("messages[0]", "Bedrock answers users only; system text sent as the user's")
            self._add("user", self._system)
            self._system = []
        if not self._turns:
            raise InvalidRequestError("messages are all empty; Bedrock refuses that", param="messages")
        if self._turns[0]["role"] == "assistant":
            self._ledger.added("messages[0]", "Bedrock's conversations begin with a user; a stand-in does")
            self._turns.insert(0, {"role": "user", "content": [{"text": STAND_IN}]})
        self._mend_turns()

    def _mend_turns(self) -> None:
        for turn in self._turns:
            kinds = {kind for block in turn["content"] for kind in block}
            if "document" in kinds and "text" not in kinds:
                self._ledger.added("messages", "Bedrock wants text beside a document; a stand-in is")
                turn["content"].append({"text": SEE_DOCUMENT})
        last = self._turns[-1]
        if last["role"] == "assistant" and not getattr(self._profile, "prefill", True):
            why = f"{self._model} goes on from no answer begun; a stand-in asks it to"
            self._ledger.added("messages", why, loss=True)
            self._add("user", [{"text": GO_ON}])
        elif last["role"] == "assistant" and "text" in last["content"][-1]:  # white space at its end is a 400
            last["content"][-1] = {"text": last["content"][-1]["text"].rstrip()}

    def _message(self, message: Mapping[str, Any], at: str) -> None:
        role = message["role"]
        if role in {"tool", "function"}:
            result, media = self._tool_result(message, at)
            self._add("user", result, results=True)
            if media:
                self._add("user", media)
            return
        blocks = self._assistant(message, at) if role == "assistant" else self._said(message, at)
        drop_fields(message, at, ("name", "audio"), self._ledger, "Converse's messages")
        if not blocks:
            if role == "user":
                raise InvalidRequestError(
                    f"{at}.content is empty; Bedrock refuses that", param=f"{at}.content"
                )
            self._ledger.dropped(at, f"an empty {role} message", loss=False)
        elif role in {"system", "developer"} and not self._turns:
            self._system += blocks
        elif role in {"system", "developer"}:
            # Hoisting a later instruction to the top would change every cached prefix before it.
            self._ledger.moved(at, "Converse takes system text at the start only; sent as user text in place")
            self._add("user", blocks)
        else:
            self._add(role, blocks)

    def _add(self, role: str, blocks: list[Json], *, results: bool = False) -> None:
        """One turn after the other's; results of calls come first in theirs, in the order they came."""
        if not self._turns or self._turns[-1]["role"] != role:
            self._turns.append({"role": role, "content": []})
            self._results = 0
        content = self._turns[-1]["content"]
        at = self._results if results else len(content)
        content[at:at] = blocks
        if results:
            self._results += len(blocks)

    def _said(self, message: Mapping[str, Any], at: str) -> list[Json]:
        blocks = self._parts.blocks(message.get("content"), at)
        return [*blocks, *self._parts.mark(message)] if blocks else []

    def _assistant(self, message: Mapping[str, Any], at: str) -> list[Json]:
        kept = ((message.get("extra_content") or {}).get("bedrock") or {}).get("content")
        if kept:  # a turn with citations or server tools only means something exactly as it came
            return [_replayed(block) for block in kept if block.get("text", "-").strip()]
        thoughts = message.get("thinking_blocks") or ()
        if thoughts and not self._signs:
            self._ledger.dropped(f"{at}.thinking_blocks", f"mean nothing to {self._model}", loss=False)
            thoughts = ()
        blocks = [block for thought in thoughts if (block := reasoning_of(thought))]  # they must come first
        said = self._parts.blocks(message.get("content") or message.get("refusal"), at)
        for index, call in enumerate(message.get("tool_calls") or ()):
            said.append(self._tool_use(call, f"{at}.tool_calls[{index}]"))
        if message.get("function_call"):
            said.append(self._tool_use({"function": message["function_call"]}, f"{at}.function_call"))
        return [*blocks, *said, *(self._parts.mark(message) if said else ())]

    def _tool_use(self, call: Mapping[str, Any], at: str) -> Json:
        function = call.get("function") or call["custom"]
        given = function.get("arguments", function.get("input"))
        made_id = safe_id(call["id"]) if call.get("id") else self._next_id()
        name = self._reader.short_name(function["name"])
        return {
            "toolUse": {"toolUseId": made_id, "name": name, "input": arguments_of(given, at, self._ledger)}
        }

    def _next_id(self) -> str:
        """For a call without one (the `function_call` form, some local servers): results come in order."""
        self._nameless += 1
        self._unanswered.append(f"muxi_call_{self._nameless}")
        return self._unanswered[-1]

    def _tool_result(self, message: Mapping[str, Any], at: str) -> tuple[list[Json], list[Json]]:
        """The result, and what has to stand beside it: only Claude takes media in one."""
        call_id = message.get("tool_call_id")
        if not call_id and not self._unanswered:
            raise InvalidRequestError(f"{at}.tool_call_id is missing", param=f"{at}.tool_call_id")
        blocks = self._parts.blocks(message.get("content"), at)
        inside = [block for block in blocks if "cachePoint" not in block]
        points = [block for block in blocks if "cachePoint" in block]  # these may only stand behind a result
        media = [] if self._signs else [block for block in inside if "text" not in block]
        if media:
            self._ledger.moved(
                f"{at}.content", f"{self._model} takes text alone as a result; media follow it"
            )
            inside = [block for block in inside if "text" in block]
        elif not inside:
            self._ledger.added(f"{at}.content", "Bedrock's results say something; a stand-in does")
        result: Json = {
            "toolUseId": safe_id(call_id) if call_id else self._unanswered.popleft(),
            "content": inside or [{"text": RESULT_BESIDE if media else EMPTY_RESULT}],
        }
        if "is_error" in message:
            result["status"] = "error" if message["is_error"] else "success"
        return [{"toolResult": result}, *(points[-1:] or self._parts.mark(message))], media

    def _limit_points(self, out: Json) -> None:
        """The first ones are the least use: what is cached is everything before a point."""
        spare = {id(point) for point in self._parts.points[:-MOST_POINTS]}
        if not spare:
            return
        lists = [self._system, *(turn["content"] for turn in self._turns)]
        for blocks in [*lists, *([out["toolConfig"]["tools"]] if "toolConfig" in out else [])]:
            blocks[:] = [block for block in blocks if id(block) not in spare]
        reason = f"Bedrock takes {MOST_POINTS} cache points, the last ones"
        self._ledger.dropped("cache_control", reason, loss=False)

    # -------------------------------------------------------------------------------- parameters

    def _inference(self, body: Mapping[str, Any], out: Json) -> None:
        given = {name: body[name] for name in INFERENCE if body.get(name) is not None}
        config = {INFERENCE[name]: value for name, value in given.items()}
        if config.get("temperature", 0) > 1:
            self._ledger.changed("temperature", f"{config['temperature']} sent as 1, Bedrock's maximum")
            config["temperature"] = 1
        if getattr(self._profile, "one_sampler", False) and {"temperature", "topP"} <= config.keys():
            name = "temperature" if is_neutral("temperature", config["temperature"]) else "top_p"
            loss = not is_neutral(name, config.pop(INFERENCE[name]))
            self._ledger.dropped(name, f"{self._model} takes temperature or top_p, not both", loss=loss)
        stops = self._stop(stops_of(body))
        if stops:
            config["stopSequences"] = stops
        if config:
            out["inferenceConfig"] = config

    def _stop(self, asked: list[str]) -> list[str]:
        if not isinstance(self._profile, ClaudeProfile):
            return asked
        usable = [sequence for sequence in asked if sequence.strip()]
        if len(usable) < len(asked):
            self._ledger.dropped("stop", "Claude refuses stop sequences of white space")
        return usable

    def _format(self, body: Mapping[str, Any], out: Json) -> None:
        wanted = body.get("response_format") or {}
        if wanted.get("type") != "json_schema":
            return  # JSON mode without a schema is adapted before the codec: Bedrock has none
        spec = wanted["json_schema"]
        schema = spec.get("schema")
        if schema and self._enforces:
            schema = closed_schema(schema, self._ledger, "response_format")
            named = {name: spec[name] for name in ("name", "description") if spec.get(name)}
            structure = {"jsonSchema": {**named, "schema": orjson.dumps(schema).decode()}}
            out["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
            return
        why = f"{self._model} enforces no schema on Bedrock" if schema else "no schema to enforce"
        self._ledger.changed("response_format", f"{why}; JSON asked for in words")
        self._system.append({"text": json_instruction(schema)})

    def _account(self, body: Mapping[str, Any], out: Json) -> None:
        if body.get("metadata"):
            out["requestMetadata"] = body["metadata"]
        tier = body.get("service_tier")
        if tier in SERVICE_TIERS:
            out["serviceTier"] = {"type": tier}
        elif tier not in {None, "auto"}:
            self._ledger.dropped("service_tier", f"Bedrock has no tier {shown(tier)}")


def _replayed(block: Json) -> Json:
    """A block of an answer as a request takes it: `type` says no more than "it is a call" there."""
    if "toolUse" in block and block["toolUse"].get("type") == "tool_use":
        return {"toolUse": {name: value for name, value in block["toolUse"].items() if name != "type"}}
    return block


# ------------------------------------------------------------------------------------------ tables

STAND_IN = "(The conversation begins.)"
SEE_DOCUMENT = "(See the document.)"
EMPTY_RESULT = "(no output)"
RESULT_BESIDE = "(See what follows.)"

MOST_POINTS = 4

INFERENCE = {
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
}

SERVICE_TIERS = {"default", "flex", "priority", "reserved"}

NO_SCHEMA = re.compile(
    r"(^|[./])((amazon|meta|cohere|ai21|writer)\.|deepseek\.r1|mistral\.(mistral-7b|mixtral|mistral-\w+-24|pixtral))"
)
"""https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (supported models); Claude's
are told by their profile. An inference profile by ARN hides its model: the caller is believed.
"""

NOVA = re.compile(r"amazon\.nova-(?!2)")
"""https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html: Claude's cache and Nova's. Nova
takes no points among its tools, and Nova 2 answers 400 to some among messages.
"""

NOT_CLAUDE = re.compile(
    r"(^|[./])(ai21|amazon|cohere|deepseek|google|meta|mi\w+|moonshot\w*|nvidia|openai|qwen|writer|zai)\."
)

CONVERSE = {
    "messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "promptVariables",
    "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier",
    "outputConfig",
}  # fmt: skip

TRANSLATED = {
    "messages", *INFERENCE, "stop", "metadata", "service_tier", "tools", "tool_choice",
    "parallel_tool_calls", "functions", "function_call", "reasoning_effort", "response_format", "stream",
    "stream_options", "n", "top_k", "anthropic_beta",
}  # fmt: skip
