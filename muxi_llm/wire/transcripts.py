"""What was said, in no vendor's words, and in each of the forms OpenAI gives it: for wires that have others.

Sources: https://platform.openai.com/docs/api-reference/audio/createTranscription,
https://developer.mozilla.org/en-US/docs/Web/API/WebVTT_API/Web_Video_Text_Tracks_Format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.sounds import (
    Transcription,
    TranscriptionDiarized,
    TranscriptionVerbose,
    TranscriptText,
    Translation,
    TranslationVerbose,
)
from muxi_llm.wire.base import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from muxi_llm.wire.base import Json, Ledger


@dataclass
class Transcript:
    """What was said. Times in seconds. words: `word`, `start`, `end`, perhaps `speaker`; segments the same
    with `text`. Whatever a server says there has gone through `number` and `text_of`.
    """

    text: str
    language: str = ""
    duration: float | None = None
    words: list[Json] = field(default_factory=list)
    segments: list[Json] = field(default_factory=list)
    usage: Json | None = None


def value_of(said: Transcript, wanted: str, *, words: bool = False, english: bool = False) -> Any:
    """*said* as OpenAI's value for `response_format=wanted`. words: whether they were asked for; english:
    whether it is a translation.
    """
    if wanted in WRITTEN:
        return TranscriptText(WRITTEN[wanted](said))
    more: Json = {"usage": said.usage} if said.usage else {}
    if wanted == "json":
        return (Translation if english else Transcription).construct(text=said.text, **more)
    segments = said.segments or segmented(said.words)
    ends = [float(part["end"]) for part in (*segments, *said.words)]
    duration = said.duration if said.duration is not None else max(ends, default=0.0)
    more |= {"duration": duration, "text": said.text}
    if wanted == "diarized_json":
        parts = [
            {"id": f"seg_{n}", "type": "transcript.text.segment", "speaker": "A", **one}
            for n, one in enumerate(segments)
        ]
        return TranscriptionDiarized.construct(task="transcribe", segments=parts, **more)
    if words:
        more["words"] = said.words
    numbered = [{"id": number, **one} for number, one in enumerate(segments)]
    kind = TranslationVerbose if english else TranscriptionVerbose
    return kind.construct(language=said.language, segments=numbered, **more)


def segmented(words: Sequence[Json]) -> list[Json]:
    """*words* as segments: a new one for another speaker, after a sentence, a pause, or a line's length."""
    segments: list[Json] = []
    for word in words:
        last = segments[-1] if segments else None
        if last is None or _begins(last, word):
            speaker = {"speaker": word["speaker"]} if "speaker" in word else {}
            segments.append(
                {"start": word["start"], "end": word["end"], "text": word["word"].strip(), **speaker}
            )
        else:
            last["text"] += " " + word["word"].strip()
            last["end"] = word["end"]
    return segments


def _begins(last: Json, word: Json) -> bool:
    return bool(
        last.get("speaker") != word.get("speaker")
        or last["text"].endswith((".", "!", "?", "。"))
        or word["start"] - last["end"] > PAUSE
        or len(last["text"]) > LINE
    )


PAUSE = 1.0
"""Seconds of silence after which a segment ends."""
LINE = 80
"""Characters after which it does; two lines of a subtitle."""


# ------------------------------------------------------------------------------------ as a text


def _srt(said: Transcript) -> str:
    return "".join(
        f"{number}\n{_time(one['start'], ',')} --> {_time(one['end'], ',')}\n{one['text'].strip()}\n\n"
        for number, one in enumerate(said.segments or segmented(said.words), 1)
    )


def _vtt(said: Transcript) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_time(one['start'], '.')} --> {_time(one['end'], '.')}\n{_escaped(one['text'].strip())}\n\n"
        for one in said.segments or segmented(said.words)
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, point: str) -> str:
    whole = max(round(seconds * 1000), 0)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


WRITTEN = {"text": lambda said: said.text, "srt": _srt, "vtt": _vtt}
TIMED = frozenset({"srt", "vtt", "verbose_json", "diarized_json"})
"""Formats that tell when it was said."""


# ------------------------------------------------------------------------ of a server's own form


def text_of(raw: Any, name: str = "text") -> str:
    """The text in a reply. Raises `WireError` where there is none; nothing said is a text as well."""
    text = raw.get(name) if isinstance(raw, dict) else None
    if not isinstance(text, str):
        raise WireError("malformed", f"the reply has no {name}: {str(raw)[:200]}")
    return text


def timed(rows: Any, name: str, *, text: str = "text", speaker: str = "speaker") -> Iterator[Json]:
    """Words or segments of a server's list, each as *name*, `start` and `end`; without a time it is none."""
    for row in rows if isinstance(rows, list) else ():
        said = row.get(text) if isinstance(row, dict) else None
        if not isinstance(said, str) or not said.strip():
            continue
        start, end = number(row.get("start")), number(row.get("end"))
        if start is None or end is None:
            continue
        who = row.get(speaker)
        yield {name: said, "start": start, "end": end, **({} if who is None else {"speaker": str(who)})}


def number(value: Any) -> float | None:
    """Seconds, `None` for anything else."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_one and value - value == 0 else None


def refuse_formats(body: Json, taken: frozenset[str], ledger: Ledger, why: str) -> str:
    """The `response_format` that *body* asks for, taken out of it. Raises where it is not among *taken*."""
    wanted = str(body.pop("response_format", "json"))
    if wanted not in taken:
        message = f"{ledger.provider} cannot give response_format={wanted!r}: {why}"
        raise UnsupportedParameterError(message, param="response_format")
    return wanted
