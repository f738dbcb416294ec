"""Gemini, theirs → ours: one answer, whole or in pieces (a whole one is a stream of one piece).

Source: https://ai.google.dev/api/generate-content#generatecontentresponse. What the chat form has no
words for rides on extensions: thoughts (`reasoning_content`), images (`images`), the raw reason
(`native_finish_reason`), the rest of a candidate under its own names beside the message, and what has to
be sent back (`extra_content.google`): a call's or a text's signature, or, where the chat form could not
give the turn back as it was (code, search, media, text after a call), its parts as they came.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.utils.streaming import merge
from muxi_llm.wire.base import Json, WireError, fault_of
from muxi_llm.wire.reading import CUT_SHORT, broken, finish_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.gemini.tools import Tools


class AnswerReader:
    """Reads the replies that one answer consists of. head: its id and model, as far as they are known."""

    def __init__(self, tools: Tools, *, model: str, created: int) -> None:
        self._tools = tools
        self.head: Json = {"id": "", "created": created, "model": model}
        self.usage: Json = {}
        self._turns: dict[int, Turn] = {}
        self._blocked: Json = {}

    def read(self, raw: Json) -> list[Json]:
        """The choices of a chunk that *raw* amounts to. Raises `WireError` for an error in it."""
        if raw.get("error"):
            fault = fault_of(500, raw)
            raise WireError("fault", fault.message, fault)
        told = {"id": raw.get("responseId"), "model": raw.get("modelVersion")}
        self.head.update({name: value for name, value in told.items() if value})
        usage = raw.get("usageMetadata") or {}
        self.usage = usage if "totalTokenCount" in usage else {**self.usage, **usage}  # the last one counts
        feedback = raw.get("promptFeedback") or {}
        if feedback.get("blockReason"):
            self._blocked = feedback
        return [self._turn(candidate).read(candidate) for candidate in raw.get("candidates") or ()]

    def end(self) -> list[Json]:
        """The last choices. Raises `WireError` if an answer is not whole."""
        if not self._turns and self._blocked:
            return [_refused(self._blocked)]
        if not self._turns:
            raise WireError("incomplete", "there is no candidate in the reply")
        return [self._turns[index].end() for index in sorted(self._turns)]

    def _turn(self, candidate: Json) -> Turn:
        index = candidate.get("index") or 0
        if index not in self._turns:
            self._turns[index] = Turn(index, self._tools, self.head)
        return self._turns[index]


class Turn:
    """One candidate as far as it has come."""

    def __init__(self, index: int, tools: Tools, head: Mapping[str, Any]) -> None:
        self._index = index
        self._tools = tools
        self._head = head
        self._parts: list[Json] = []
        self._fragments: list[list[str]] = []  # of each part's text: joined once, when the answer is whole
        self._said: list[str] = []
        self._calls = 0
        self._last: Json = {}

    @property
    def reason(self) -> str | None:
        """Why it ended, once it has."""
        return self._last.get("finishReason")

    def read(self, candidate: Json) -> Json:
        """What *candidate* adds, as a choice."""
        delta: Json = {} if self._last else {"role": "assistant", "content": None}
        self._last.update(candidate)
        for part in (candidate.get("content") or {}).get("parts") or ():
            self._keep(part)
            merge(delta, self._delta(part))
        choice: Json = {"index": self._index, "delta": delta, "finish_reason": None}
        choice["logprobs"] = logprobs_of(candidate.get("logprobsResult"))
        return {**choice, **{name: value for name, value in candidate.items() if name not in TRANSLATED}}

    def end(self) -> Json:
        """The choice that ends the answer: why, and what else is known by now."""
        reason = self.reason
        if not reason:
            raise WireError("incomplete", "the answer ended without a finishReason")
        said = self._last.get("finishMessage") or f"the provider stopped this answer: {reason}"
        text = "".join(self._said)
        if reason in FAILURES or (reason in EMPTY and not (self._calls or (text and reason not in CALLED))):
            raise broken(said, FAILURES.get(reason, 502), reason, said=text)
        finish = finish_word(reason, FINISH_REASONS)
        if self._calls and finish not in CUT_SHORT:
            finish = "function_call" if self._tools.legacy else "tool_calls"
        delta: Json = {} if text or self._calls else {"content": ""}
        if finish == "content_filter":
            delta["refusal"] = said
        delta.update(annotations_of(self._last.get("groundingMetadata") or {}, text))
        state = self._state()
        if state:
            delta["extra_content"] = {"google": state}
        return _choice(self._index, delta, finish, reason)

    def _delta(self, part: Json) -> Json:
        if "functionCall" in part:
            return self._call(part)
        if part.get("thought"):
            return {"reasoning_content": part["text"]} if part.get("text") else {}
        if part.get("text"):
            self._said.append(part["text"])
            return {"content": part["text"]}
        return _media(part["inlineData"]) if "inlineData" in part else {}

    def _call(self, part: Json) -> Json:
        call, place = part["functionCall"], self._calls
        self._calls += 1
        name = self._tools.names.get(call["name"], call["name"])
        function = {"name": name, "arguments": orjson.dumps(call.get("args") or {}).decode()}
        if self._tools.legacy:
            return {} if place else {"function_call": function}
        made = {
            "index": place,
            "id": call.get("id") or self._id(place),
            "type": "function",
            "function": function,
        }
        if part.get("thoughtSignature"):
            made["extra_content"] = {"google": {"thought_signature": part["thoughtSignature"]}}
        return {"tool_calls": [made]}

    def _id(self, place: int) -> str:
        """For a call without one: the same for the same answer, another in every other."""
        told = f"{self._head['id'] or self._head['created']}/{self._index}/{place}"
        return f"call_{hashlib.sha256(told.encode()).hexdigest()[:24]}"

    # ------------------------------------------------------------------------- what is to be kept

    def _keep(self, part: Json) -> None:
        """*part*, put together with the text it goes on from: a stream's pieces are one part."""
        last = self._parts[-1] if self._parts else {}
        if part == {"text": ""}:
            return
        is_text = part.keys() <= {"text", "thought", "thoughtSignature"} and last.keys() <= {
            "text",
            "thought",
        }
        if is_text and last and bool(part.get("thought")) is bool(last.get("thought")):
            last.update({name: value for name, value in part.items() if name != "text"})
            self._fragments[-1].append(part.get("text") or "")
        else:
            self._parts.append(dict(part))
            self._fragments.append([part.get("text") or ""])

    def _state(self) -> Json:
        """What must be sent back and has no other place in the message."""
        whole = [
            {**part, "text": "".join(fragments)} if "text" in part else part
            for part, fragments in zip(self._parts, self._fragments, strict=True)
        ]
        parts = [part for part in whole if not (part.get("thought") and "thoughtSignature" not in part)]
        texts = [part for part in parts if part.keys() <= {"text", "thoughtSignature"}]
        calls = [part for part in parts if part.keys() <= {"functionCall", "thoughtSignature"}]
        signed = any("thoughtSignature" in part for part in calls)
        if len(texts) > 1 or parts != texts + calls or (self._tools.legacy and signed):
            return {"parts": whole}
        signature = texts[0].get("thoughtSignature") if texts else None
        return {"thought_signature": signature} if signature else {}


def whole_of(choices: list[Json]) -> list[Json]:
    """The choices of chunks, added up to those of an unstreamed answer."""
    added: dict[int, Json] = {}
    for choice in choices:
        message = {"role": "assistant", "content": None, "refusal": None}
        kept = added.setdefault(choice["index"], {"index": choice["index"], "message": message})
        merge(kept["message"], choice.pop("delta"))
        if choice["logprobs"] is None:
            del choice["logprobs"]
        kept.update({"logprobs": kept.get("logprobs"), **choice})
    for kept in added.values():
        for call in kept["message"].get("tool_calls") or ():
            del call["index"]
    return list(added.values())


def _choice(index: int, delta: Json, finish: str, reason: str) -> Json:
    ended = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {**ended, "native_finish_reason": reason}


def _refused(feedback: Json) -> Json:
    """The prompt itself was stopped, there is no candidate."""
    reason = feedback["blockReason"]
    said = feedback.get("blockReasonMessage") or f"the provider stopped this prompt: {reason}"
    delta = {"role": "assistant", "content": "", "refusal": said}
    return {**_choice(0, delta, "content_filter", reason), "promptFeedback": feedback}


def _media(blob: Json) -> Json:
    """An image as OpenRouter tells it, sound as OpenAI does."""
    kind = blob["mimeType"]
    if kind.startswith("image/"):
        url = f"data:{kind};base64,{blob['data']}"
        return {"images": [{"type": "image_url", "image_url": {"url": url}}]}
    if not kind.startswith("audio/"):
        return {}
    # OpenAI's shape, with what Gemini says nothing of empty: there is no id to answer to it by.
    return {"audio": {"id": "", "data": blob["data"], "expires_at": 0, "transcript": "", "format": kind}}


def usage_of(usage: Mapping[str, Any]) -> Json:
    """Thoughts are part of what was said, the results of Gemini's own tools of what was read."""
    prompt = (usage.get("promptTokenCount") or 0) + (usage.get("toolUsePromptTokenCount") or 0)
    thoughts = usage.get("thoughtsTokenCount") or 0
    answer = (usage.get("candidatesTokenCount") or 0) + thoughts
    out: Json = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    cached = usage.get("cachedContentTokenCount") or 0
    read = {"cached_tokens": cached, **_modalities(usage.get("promptTokensDetails"))}
    said = {"reasoning_tokens": thoughts, **_modalities(usage.get("candidatesTokensDetails"))}
    out.update({"prompt_tokens_details": read, "completion_tokens_details": said})
    out.update({name: usage[name] for name in EXTRA_USAGE if usage.get(name) is not None})
    return out


def _modalities(details: Any) -> Json:
    """Tokens of sound and of pictures, where it tells of any."""
    counts: Json = {}
    for detail in details or ():
        if name := MODALITIES.get(detail.get("modality")):
            counts[name] = counts.get(name, 0) + (detail.get("tokenCount") or 0)
    return counts


def logprobs_of(result: Json | None) -> Json | None:
    """Log probabilities as the chat form has them."""
    if not result:
        return None
    top = [step.get("candidates") or () for step in result.get("topCandidates") or ()]
    chosen = result.get("chosenCandidates") or ()
    others = [*top, *([()] * (len(chosen) - len(top)))]
    content = [
        {**_logprob(one), "top_logprobs": [_logprob(other) for other in around]}
        for one, around in zip(chosen, others, strict=False)
    ]
    return {"content": content, "refusal": None}


def _logprob(told: Json) -> Json:
    token = told.get("token") or ""
    return {"token": token, "logprob": told.get("logProbability") or 0.0, "bytes": list(token.encode())}


def annotations_of(grounding: Json, text: str) -> Json:
    """The web pages that support a piece of *text*, as the chat form's `annotations`; Google counts bytes."""
    chunks = grounding.get("groundingChunks") or ()
    data = text.encode()
    annotations = []
    for support in grounding.get("groundingSupports") or ():
        segment = support.get("segment") or {}
        start, end = (len(data[: segment.get(side) or 0].decode(errors="ignore")) for side in SIDES)
        for index in support.get("groundingChunkIndices") or ():
            web = (chunks[index] if 0 <= index < len(chunks) else {}).get("web")
            if web and web.get("uri"):
                page = {
                    "url": web["uri"],
                    "title": web.get("title") or "",
                    "start_index": start,
                    "end_index": end,
                }
                annotations.append({"type": "url_citation", "url_citation": page})
    return {"annotations": annotations} if annotations else {}


# ------------------------------------------------------------------------------------------ tables

SIDES = ("startIndex", "endIndex")

MODALITIES = {"AUDIO": "audio_tokens", "IMAGE": "image_tokens"}

TRANSLATED = {"index", "content", "finishReason", "logprobsResult"}

FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
            "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE",
            "ESCALATION", "MODEL_ARMOR",
        ),
        "content_filter",
    ),
}  # fmt: skip

FAILURES = {
    "MALFORMED_FUNCTION_CALL": 502,
    "MALFORMED_RESPONSE": 502,
    "MISSING_THOUGHT_SIGNATURE": 400,
}
"""Reasons that leave no answer, and the status they stand for: another try may do better, or cannot."""

CALLED = {"UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"}
"""Reasons that speak of calls. Those that are there are the caller's to answer, "unknown tool" for one."""

EMPTY = {*CALLED, "OTHER", "FINISH_REASON_UNSPECIFIED"}
"""Reasons that are a failure where nothing was said."""

EXTRA_USAGE = ("serviceTier", "trafficType", "promptTokensDetails", "candidatesTokensDetails")
"""Fields without a counterpart, kept under their own names."""
