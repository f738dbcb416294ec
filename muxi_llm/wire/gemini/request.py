"""Gemini, ours → theirs: the request half of `generate_content`.

Source: https://ai.google.dev/api/generate-content. The caller's objects are read, never changed. Order
of the file: messages, then the parameters, tables last; the parts of a message are in `parts`,
tools in `tools`, thinking in `thinking`.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.errors import InvalidRequestError, shown_error
from muxi_llm.wire.base import is_neutral
from muxi_llm.wire.gemini.parts import parts_of
from muxi_llm.wire.gemini.thinking import family_of, thinking_of
from muxi_llm.wire.gemini.tools import Tools, gemini_schema
from muxi_llm.wire.json_schema import json_instruction
from muxi_llm.wire.requesting import arguments_of, check, drop_fields, drop_others, stops_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from muxi_llm.wire.base import Json, Ledger


class GenerateRequest:
    """Translates one request; `tools` is what reading its reply needs."""

    def __init__(self, model: str, ledger: Ledger) -> None:
        self.model = model
        self.ledger = ledger
        self.tools = Tools(ledger)
        self._family = family_of(model)
        self._called: dict[str, str] = {}

    def encode(self, body: Mapping[str, Any]) -> Json:
        """The whole body. Parameters Gemini has no room for go to the ledger."""
        check(body, "")
        out: Json = {}
        self.tools.encode(body, out)
        system, contents = self._contents(body["messages"])
        config = self._config(body)
        self._format(body, config, system)
        drop_others(body, TRANSLATED, self.ledger, "Gemini has no such parameter")
        if system:
            out["systemInstruction"] = {"parts": system}
        return {"contents": contents, **out, **({"generationConfig": config} if config else {})}

    # ---------------------------------------------------------------------------------- messages

    def _contents(self, messages: Iterable[Mapping[str, Any]]) -> tuple[list[Json], list[Json]]:
        system: list[Json] = []
        contents: list[Json] = []
        for index, message in enumerate(messages):
            at = f"messages[{index}]"
            try:
                self._message(message, at, system, contents)
            except (KeyError, TypeError, AttributeError, binascii.Error) as error:
                raise InvalidRequestError(
                    f"{at} is not a chat message: {shown_error(error)}", param=at
                ) from error
        if not contents and system:
            self.ledger.moved("messages[0]", "Gemini answers users only; system text sent as the user's")
            contents, system = [{"role": "user", "parts": system}], []
        if not contents:
            raise InvalidRequestError("messages are all empty; Gemini refuses that", param="messages")
        self._complete(contents)
        return system, contents

    def _complete(self, contents: list[Json]) -> None:
        """A conversation begins with the user ("function call turn comes immediately after a user turn"), and
        ends with him or with a function ("single turn requests end with a user role").
        """
        if contents[0]["role"] == "model":
            self.ledger.added("messages[0]", "Gemini's conversations begin with a user; a stand-in does")
            contents.insert(0, {"role": "user", "parts": [{"text": STAND_IN}]})
        last = contents[-1]
        if last["role"] == "model" and not any("functionCall" in part for part in last["parts"]):
            why = "Gemini goes on from no answer begun; a stand-in asks it to"
            self.ledger.added("messages", why, loss=True)
            contents.append({"role": "user", "parts": [{"text": GO_ON}]})

    def _message(self, message: Mapping[str, Any], at: str, system: list[Json], contents: list[Json]) -> None:
        role = message["role"]
        if role in {"tool", "function"}:
            self._add_result(message, at, contents)
            return
        parts = (
            self._assistant(message, at)
            if role == "assistant"
            else parts_of(message.get("content"), at, self.ledger)
        )
        drop_fields(message, at, ("name", "audio"), self.ledger, "Gemini's contents")
        if not parts and role == "user":
            raise InvalidRequestError(f"{at}.content is empty; Gemini refuses that", param=f"{at}.content")
        if not parts:
            self.ledger.dropped(at, f"an empty {role} message", loss=False)
        elif role in {"system", "developer"} and not contents:
            system.extend(parts)
        elif role in {"system", "developer"}:
            # Hoisting a later instruction to the top would change every cached prefix before it.
            self.ledger.moved(at, "Gemini takes system text at the start only; sent as user text in place")
            _add(contents, "user", parts)
        else:
            _add(contents, ROLES[role], parts)

    def _assistant(self, message: Mapping[str, Any], at: str) -> list[Json]:
        calls = [
            self._call(call, f"{at}.tool_calls[{index}]")
            for index, call in enumerate(message.get("tool_calls") or ())
        ]
        if message.get("function_call"):
            calls.append(self._call({"function": message["function_call"]}, f"{at}.function_call"))
        kept = _state_of(message)
        if kept.get("parts"):  # a turn with code, search or media only means something exactly as it came
            return _restored(kept["parts"], calls)
        parts = parts_of(message.get("content") or message.get("refusal"), at, self.ledger)
        parts += parts_of(message.get("images") or [], at, self.ledger)  # another server's pictures
        if kept.get("thought_signature"):
            last = parts.pop() if parts and "text" in parts[-1] else {"text": ""}
            parts.append({**last, "thoughtSignature": kept["thought_signature"]})
        if calls and self._family.levels and not any("thoughtSignature" in call for call in calls):
            calls[0]["thoughtSignature"] = UNSIGNED
            self.ledger.added(
                f"{at}.tool_calls", f"{self.model} wants a signature; this call is another model's"
            )
        return parts + calls

    def _call(self, call: Mapping[str, Any], at: str) -> Json:
        function = call.get("function") or call["custom"]
        name = self.tools.name(function["name"])
        arguments = function.get("arguments", function.get("input"))
        made: Json = {"name": name, "args": arguments_of(arguments, at, self.ledger)}
        if call.get("id"):
            made["id"] = call["id"]
            self._called[call["id"]] = name
        signature = _state_of(call).get("thought_signature")
        return {"functionCall": made, **({"thoughtSignature": signature} if signature else {})}

    def _add_result(self, message: Mapping[str, Any], at: str, contents: list[Json]) -> None:
        """A function's response, and what has to stand beside it."""
        call_id = message.get("tool_call_id")
        name = self._called.get(call_id or "") or message.get("name")
        if not name:
            raise InvalidRequestError(
                f"{at}.tool_call_id {call_id!r} answers no call in messages", param=f"{at}.tool_call_id"
            )
        parts = parts_of(message.get("content"), at, self.ledger)
        media = [part for part in parts if "text" not in part]
        text = "".join(part["text"] for part in parts if "text" in part)
        response: Json = {"name": self.tools.name(name), "response": _response_of(text)}
        if message.get("is_error"):  # https://ai.google.dev/api/caching#FunctionResponse
            response["response"] = {"error": text}
        if call_id:
            response["id"] = call_id
        inside = [part for part in media if self._family.media_in_results and _fits_inside(part)]
        if inside:
            response["parts"] = inside
        beside = [part for part in media if part not in inside]
        _add_response(contents, {"functionResponse": response})
        if beside:
            _add(contents, "user", beside)

    # -------------------------------------------------------------------------------- parameters

    def _config(self, body: Mapping[str, Any]) -> Json:
        config = {
            native: body[name]
            for name, native in CONFIG.items()
            if body.get(name) is not None and not (name == "n" and body[name] == 1)
        }
        stop = stops_of(body)
        if len(stop) > MOST_STOPS:
            self.ledger.dropped("stop", f"Gemini takes {MOST_STOPS} stop sequences, the first ones")
        if any(stop):
            config["stopSequences"] = [sequence for sequence in stop if sequence][:MOST_STOPS]
        if not is_neutral("modalities", body.get("modalities") or ["text"]):
            config["responseModalities"] = self._modalities(body["modalities"])
        if body.get("audio"):
            config |= self._speech(body["audio"])
        if body.get("reasoning_effort") is not None:
            thinking = thinking_of(body["reasoning_effort"], self.model, self.ledger)
            config |= {"thinkingConfig": thinking} if thinking else {}
        return config

    def _modalities(self, asked: list[Any]) -> list[str]:
        """Models for speech take no other: https://ai.google.dev/gemini-api/docs/speech-generation."""
        wanted = [str(modality).upper() for modality in asked]
        if SPEAKERS in self.model and "AUDIO" in wanted and len(wanted) > 1:
            self.ledger.changed("modalities", f"{self.model} speaks, and writes nothing beside it")
            return ["AUDIO"]
        return wanted

    def _speech(self, audio: Mapping[str, Any]) -> Json:
        if audio.get("format") not in {None, "pcm16"}:
            self.ledger.changed("audio.format", "Gemini speaks in PCM of 16 bits, 24,000 samples a second")
        if not audio.get("voice"):
            return {}
        return {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": audio["voice"]}}}}

    def _format(self, body: Mapping[str, Any], config: Json, system: list[Json]) -> None:
        wanted = body.get("response_format") or {}
        if wanted.get("type") not in {"json_object", "json_schema"}:
            return
        schema = (wanted.get("json_schema") or {}).get("schema")
        if self.tools.has_functions and not self._family.json_with_tools:
            why = f"asked for in words: {self.model} cannot be held to JSON beside functions"
            self.ledger.changed("response_format", why)
            system.append({"text": json_instruction(schema)})
            return
        config["responseMimeType"] = "application/json"
        if schema:
            config["responseJsonSchema"] = gemini_schema(schema, self.ledger, "response_format")


def _add(contents: list[Json], role: str, parts: list[Json]) -> None:
    """One content for one voice, but that functions answer in a content of their own."""
    if contents and contents[-1]["role"] == role and not _holds_responses(contents[-1]):
        contents[-1]["parts"].extend(parts)
    else:
        contents.append({"role": role, "parts": parts})


def _add_response(contents: list[Json], response: Json) -> None:
    """All responses of a turn in one content right behind the calls, in the order they came."""
    place = len(contents)
    while place and contents[place - 1]["role"] == "user" and not _holds_responses(contents[place - 1]):
        place -= 1
    if place and _holds_responses(contents[place - 1]):
        contents[place - 1]["parts"].append(response)
    else:
        contents.insert(place, {"role": "user", "parts": [response]})


def _holds_responses(content: Json) -> bool:
    return any("functionResponse" in part for part in content["parts"])


def _state_of(item: Mapping[str, Any]) -> Json:
    """What Gemini wants back of a message or a call it made."""
    state = item.get("extra_content")
    return (state.get("google") if isinstance(state, dict) else None) or {}


def _restored(kept: list[Json], calls: list[Json]) -> list[Json]:
    """*kept* as they came, their calls by the ids that the results answer to."""
    ids = iter([call["functionCall"].get("id") for call in calls])
    parts = []
    for part in kept:
        if "functionCall" in part and (call_id := next(ids, None)):
            part = {**part, "functionCall": {**part["functionCall"], "id": call_id}}  # noqa: PLW2901
        parts.append(part)
    return parts


def _response_of(text: str) -> Json:
    """A function's response: an object as it is, anything else as the output of one."""
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError:
        decoded = text
    return decoded if isinstance(decoded, dict) else {"output": text}


def _fits_inside(part: Json) -> bool:
    media: str = (part.get("inlineData") or part["fileData"]).get("mimeType", "")
    return media.startswith("image/") or media in {"application/pdf", "text/plain"}


# ------------------------------------------------------------------------------------------ tables

ROLES = {"user": "user", "assistant": "model"}

STAND_IN = "(The conversation begins.)"
GO_ON = "(Go on from there.)"

SPEAKERS = "-tts"
"""In the names of models for speech."""

MOST_STOPS = 5

UNSIGNED = "skip_thought_signature_validator"
"""https://ai.google.dev/gemini-api/docs/thought-signatures: for calls that Gemini itself did not make."""

CONFIG = {
    "max_tokens": "maxOutputTokens", "max_completion_tokens": "maxOutputTokens", "temperature": "temperature",
    "top_p": "topP", "top_k": "topK", "seed": "seed", "n": "candidateCount",
    "presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs", "top_logprobs": "logprobs",
}  # fmt: skip

TRANSLATED = CONFIG.keys() | {
    "messages", "stop", "modalities", "audio", "reasoning_effort", "response_format", "tools", "tool_choice",
    "parallel_tool_calls", "functions", "function_call", "web_search_options", "stream", "stream_options",
}  # fmt: skip
