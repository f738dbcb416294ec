"""Anthropic Messages, ours → theirs: the request half of `messages`.

Source: https://docs.anthropic.com/en/api/messages. The caller's objects are read, never changed.
Order of the file: messages, then the parameters, tables last; the parts of a message are in
`parts`, tools in `tools`, thinking in `thinking`.
"""

from __future__ import annotations

import binascii
from collections import deque
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError, shown, shown_error
from muxi_llm.wire.anthropic.parts import Parts
from muxi_llm.wire.anthropic.thinking import THINKING, ClaudeProfile, encode_thinking
from muxi_llm.wire.anthropic.tools import Tools, shortened
from muxi_llm.wire.base import is_neutral
from muxi_llm.wire.json_schema import closed_schema, json_instruction
from muxi_llm.wire.requesting import arguments_of, check, drop_others

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from muxi_llm.wire.base import Json, Ledger, Profile


class MessagesRequest:
    """Translates one request; `tools` is what reading its reply needs."""

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        self.model = model
        self.ledger = ledger
        self.profile = ClaudeProfile.of(profile)
        self._parts = Parts(ledger)
        self.tools = Tools(model, ledger, self.profile, self._parts)
        self._nameless = 0
        self._unanswered: deque[str] = deque()

    def encode(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        """The whole body. Parameters Anthropic has no room for go to the ledger, those that cannot be
        done without (`n` above 1) are refused.
        """
        check(body, "Anthropic")
        tools = self.tools.definitions(body)
        system, turns = self._messages(body["messages"])
        out: Json = {"model": self.model, "max_tokens": self._max_tokens(body), "messages": turns}
        self.tools.encode(body, out, tools)
        self._sampling(body, out)
        self._stop(body.get("stop"), out)
        if body.get("reasoning_effort") is not None:
            out.update(encode_thinking(body["reasoning_effort"], self.model, self.profile, self.ledger))
        self._format(body, out, system)
        self._limit_breakpoints()
        if system:
            only_text = len(system) == 1 and "cache_control" not in system[0]
            out["system"] = system[0]["text"] if only_text else system
        if stream:
            out["stream"] = True
        self._drop_the_rest(body)
        return out

    # ---------------------------------------------------------------------------------- messages

    def _messages(self, messages: Iterable[Mapping[str, Any]]) -> tuple[list[Json], list[Json]]:
        system: list[Json] = []
        turns: list[Json] = []
        for index, message in enumerate(messages):
            at = f"messages[{index}]"
            try:
                self._message(message, at, system, turns)
            except (KeyError, TypeError, AttributeError, binascii.Error) as error:
                raise InvalidRequestError(
                    f"{at} is not a chat message: {shown_error(error)}", param=at
                ) from error
        if not turns and system:
            self.ledger.moved("messages[0]", "Anthropic answers users only; system text sent as the user's")
            turns, system = [{"role": "user", "content": system}], []
        if not turns:
            raise InvalidRequestError("messages are all empty; Anthropic refuses that", param="messages")
        if turns[0]["role"] == "assistant":
            self.ledger.added("messages[0]", "Anthropic's conversations begin with a user; a stand-in does")
            turns.insert(0, {"role": "user", "content": [{"type": "text", "text": STAND_IN}]})
        self._end(turns)
        return system, turns

    def _end(self, turns: list[Json]) -> None:
        """An assistant's turn at the end is one begun: newer models refuse that, older ones white space."""
        if turns[-1]["role"] != "assistant":
            return
        if not self.profile.prefill:
            why = f"{self.model} goes on from no answer begun; a stand-in asks it to"
            self.ledger.added("messages", why, loss=True)
            turns.append({"role": "user", "content": [{"type": "text", "text": GO_ON}]})
            return
        block = turns[-1]["content"][-1]
        if block["type"] == "text":
            turns[-1]["content"][-1] = {**block, "text": block["text"].rstrip()}

    def _message(self, message: Mapping[str, Any], at: str, system: list[Json], turns: list[Json]) -> None:
        role = message["role"]
        if role in {"tool", "function"}:
            _add_tool_result(turns, self._tool_result(message, at))
            return
        blocks = self._assistant(message, at) if role == "assistant" else self._said(message, at)
        for lost in ("name", "audio"):
            if message.get(lost):
                self.ledger.dropped(f"{at}.{lost}", f"Anthropic's messages have no {lost}")
        if not blocks:
            self._empty(role, at)
        elif role in {"system", "developer"} and not turns:
            system.extend(blocks)
        elif role in {"system", "developer"}:
            # Hoisting a later instruction to the top would change every cached prefix before it.
            self.ledger.moved(at, "Anthropic takes system text at the start only; sent as user text in place")
            _add(turns, "user", blocks)
        else:
            _add(turns, role, blocks)

    def _empty(self, role: str, at: str) -> None:
        if role == "user":
            raise InvalidRequestError(
                f"{at}.content is empty; Anthropic refuses empty messages", param=f"{at}.content"
            )
        self.ledger.dropped(at, f"an empty {role} message", loss=False)

    def _said(self, message: Mapping[str, Any], at: str) -> list[Json]:
        blocks = self._parts.blocks(message.get("content"), at)
        if blocks:
            self._parts.mark(blocks[-1], message)
        return blocks

    def _assistant(self, message: Mapping[str, Any], at: str) -> list[Json]:
        kept = ((message.get("extra_content") or {}).get("anthropic") or {}).get("content")
        if kept:  # a turn with server tools only means something exactly as it came
            return [dict(block) for block in kept if block["type"] != "text" or block["text"].strip()]
        blocks = self._thinking(message, at)  # it must come first
        blocks += self._parts.blocks(message.get("content") or message.get("refusal"), at)
        for index, call in enumerate(message.get("tool_calls") or ()):
            blocks.append(self._tool_use(call, f"{at}.tool_calls[{index}]"))
        if message.get("function_call"):
            blocks.append(self._tool_use({"function": message["function_call"]}, f"{at}.function_call"))
        if blocks and blocks[-1]["type"] not in THINKING:
            self._parts.mark(blocks[-1], message)
        return blocks

    def _thinking(self, message: Mapping[str, Any], at: str) -> list[Json]:
        given = message.get("thinking_blocks") or ()
        blocks = [dict(block) for block in given if block["type"] != "thinking" or block.get("signature")]
        if len(blocks) < len(given):
            self.ledger.dropped(f"{at}.thinking_blocks", "Anthropic takes no unsigned thinking", loss=False)
        return blocks

    def _tool_use(self, call: Mapping[str, Any], at: str) -> Json:
        function = call.get("function") or call["custom"]
        arguments = function.get("arguments", function.get("input"))
        return {
            "type": "tool_use",
            "id": safe_id(call["id"]) if call.get("id") else self._next_id(),
            "name": self.tools.name(function["name"]),
            "input": arguments_of(arguments, at, self.ledger),
        }

    def _next_id(self) -> str:
        """For a call without one (the `function_call` form, some local servers): results come in order."""
        self._nameless += 1
        self._unanswered.append(f"muxi_call_{self._nameless}")
        return self._unanswered[-1]

    def _tool_result(self, message: Mapping[str, Any], at: str) -> Json:
        call_id = message.get("tool_call_id")
        if not call_id and not self._unanswered:
            raise InvalidRequestError(f"{at}.tool_call_id is missing", param=f"{at}.tool_call_id")
        result: Json = {
            "type": "tool_result",
            "tool_use_id": safe_id(call_id) if call_id else self._unanswered.popleft(),
        }
        content = message.get("content")
        blocks = self._parts.blocks(content, at)
        if blocks:
            result["content"] = content if isinstance(content, str) else blocks
        if "is_error" in message:
            result["is_error"] = message["is_error"]
        return self._parts.mark(result, message)

    def _limit_breakpoints(self) -> None:
        spare = self._parts.marked[:-MOST_BREAKPOINTS]
        for block in spare:
            block.pop("cache_control", None)
        if spare:
            self.ledger.dropped(
                "cache_control", f"Anthropic takes {MOST_BREAKPOINTS} breakpoints, the last ones", loss=False
            )

    # -------------------------------------------------------------------------------- parameters

    def _max_tokens(self, body: Mapping[str, Any]) -> int:
        for name in ("max_completion_tokens", "max_tokens"):
            if body.get(name) is not None:
                return int(body[name])
        self.ledger.added("max_tokens", "required by Anthropic; set to the most the model can say")
        return self.profile.max_output_tokens

    def _sampling(self, body: Mapping[str, Any], out: Json) -> None:
        for name in ("temperature", "top_p", "top_k"):
            if body.get(name) is not None:
                out[name] = body[name]
        if out.get("temperature", 0) > 1:
            self.ledger.changed("temperature", f"{out['temperature']} sent as 1, Anthropic's maximum")
            out["temperature"] = 1
        if self.profile.one_sampler and {"temperature", "top_p"} <= out.keys():
            name = "temperature" if is_neutral("temperature", out["temperature"]) else "top_p"
            loss = not is_neutral(name, out.pop(name))
            self.ledger.dropped(name, f"{self.model} takes temperature or top_p, not both", loss=loss)
        user = (
            body.get("user") or body.get("safety_identifier") or (body.get("metadata") or {}).get("user_id")
        )
        if user:
            out["metadata"] = {"user_id": user}
        if body.get("service_tier") in SERVICE_TIERS:
            out["service_tier"] = SERVICE_TIERS[body["service_tier"]]
        elif body.get("service_tier"):
            self.ledger.dropped("service_tier", f"Anthropic has no tier {shown(body['service_tier'])}")

    def _stop(self, stop: Any, out: Json) -> None:
        asked = [stop] if isinstance(stop, str) else list(stop or ())
        usable = [sequence for sequence in asked if sequence.strip()]
        if len(usable) < len(asked):
            self.ledger.dropped("stop", "Anthropic refuses stop sequences of white space")
        if usable:
            out["stop_sequences"] = usable

    def _format(self, body: Mapping[str, Any], out: Json, system: list[Json]) -> None:
        wanted = body.get("response_format") or {}
        if wanted.get("type") != "json_schema":
            return  # JSON mode without a schema is adapted before the codec: Anthropic has none
        spec = wanted["json_schema"]
        if not spec.get("schema"):
            self.ledger.changed("response_format", "no schema to enforce; JSON asked for in words")
            system.append({"type": "text", "text": json_instruction()})
            return
        schema = closed_schema(spec["schema"], self.ledger, "response_format")
        if self.profile.json_schema_support is not False:
            out.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}
        elif "tools" in out or "thinking" in out:
            why = f"asked for in words: {self.model} cannot enforce a schema beside tools or thinking"
            self.ledger.changed("response_format", why)
            system.append({"type": "text", "text": json_instruction(schema)})
        else:
            self.tools.force(spec, schema, out)

    def _drop_the_rest(self, body: Mapping[str, Any]) -> None:
        drop_others(body, TRANSLATED, self.ledger, "Anthropic's messages have no such parameter")
        lost = (body.get("metadata") or {}).keys() - {"user_id"}
        if lost:
            self.ledger.dropped(
                "metadata", f"Anthropic keeps only user_id, not {', '.join(sorted(lost))}", loss=False
            )


# ----------------------------------------------------------------------------------- turns and ids


def _add(turns: list[Json], role: str, blocks: list[Json]) -> None:
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"].extend(blocks)
    else:
        turns.append({"role": role, "content": blocks})


def _add_tool_result(turns: list[Json], result: Json) -> None:
    """All results of a turn in one user message, before any text in it, in the order they came."""
    if not turns or turns[-1]["role"] != "user":
        turns.append({"role": "user", "content": [result]})
        return
    content = turns[-1]["content"]
    results = sum(block["type"] == "tool_result" for block in content)
    content.insert(results, result)


def safe_id(call_id: str) -> str:
    """A tool call id Anthropic accepts: the same for the same input, so call and result still match."""
    return shortened(call_id, 64)


# ------------------------------------------------------------------------------------------ tables

STAND_IN = "(The conversation begins.)"
GO_ON = "(Go on from there.)"

MOST_BREAKPOINTS = 4

SERVICE_TIERS = {"auto": "auto", "default": "standard_only"}

TRANSLATED = {
    "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "user",
    "safety_identifier", "metadata", "service_tier", "tools", "tool_choice", "parallel_tool_calls",
    "functions", "function_call", "reasoning_effort", "response_format", "stream", "stream_options", "n",
    "top_k", "anthropic_beta",
}  # fmt: skip
