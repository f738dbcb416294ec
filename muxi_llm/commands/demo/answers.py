"""What the demo's models say. Answers are made from the request, so they show what reached the server.

A model that is offered tools calls the first one, a model asked for JSON fills in the schema, and any other
repeats the question. Both wires read a request into `Asked` and write `Said` as their reply.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
DIMENSIONS = 256


class Refused(Exception):  # noqa: N818 - a refusal is what a server says
    """A request that gets an error instead of an answer."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


@dataclass(frozen=True)
class Asked:
    """One request, whichever wire it came on.  schema: None unless JSON is wanted, {} for any."""

    model: str
    question: str
    media: list[str] = field(default_factory=list)
    tools: list[tuple[str, Json]] = field(default_factory=list)
    tool_results: list[str] = field(default_factory=list)
    schema: Json | None = None
    thinks: bool = False


@dataclass(frozen=True)
class Said:
    """An answer: a text or the call of a tool, after some thinking where it was asked for."""

    text: str = ""
    tool: str = ""
    arguments: Json = field(default_factory=dict)
    thinking: str = ""


def answer(asked: Asked) -> Said:
    """What a model answers."""
    thinking = f"The question is about {subject(asked.question)}." if asked.thinks else ""
    if asked.tool_results:
        return Said(f"The tool says: {', '.join(asked.tool_results)}.", thinking=thinking)
    if asked.tools:
        name, schema = asked.tools[0]
        return Said(tool=name, arguments=fill(schema, asked.question), thinking=thinking)
    if asked.schema is not None:
        value = fill(asked.schema, asked.question) if asked.schema else {"question": asked.question}
        return Said(json.dumps(value), thinking=thinking)
    sent = f" and sent {' and '.join(asked.media)}" if asked.media else ""
    return Said(f'This is {asked.model}. You asked "{asked.question}"{sent}.', thinking=thinking)


def fill(schema: Json, question: str) -> Any:
    """The simplest value that is valid against a JSON schema; its strings are what the question is about."""
    return _fill(schema, schema.get("$defs", {}), subject(question))


def _fill(schema: Json, definitions: Json, text: str) -> Any:
    if "$ref" in schema:
        return _fill(definitions[schema["$ref"].rpartition("/")[2]], definitions, text)
    if "anyOf" in schema:
        return _fill(schema["anyOf"][0], definitions, text)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {name: _fill(part, definitions, text) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_fill(schema["items"], definitions, text)]
    return {"integer": 36, "number": 0.5, "boolean": True, "null": None}.get(schema.get("type", ""), text)


def subject(question: str) -> str:
    """What a question is about: the last name in it ("What is the weather in Paris?" -> "Paris")."""
    names = re.findall(r"[A-Z]\w+(?: [A-Z]\w+)*", question)
    return names[-1] if names else question


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A bag of words as a unit vector: texts that share words are near each other."""
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % dimensions] += 1.0
    length = math.hypot(*vector) or 1.0
    return [number / length for number in vector]


def words(text: str) -> list[str]:
    """*text* in pieces as a stream delivers them; they add up to it."""
    return re.findall(r"\S+\s*", text)
