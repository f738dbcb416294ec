"""What a line of a batch's input asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the input: the call's arguments, or why it is no call.

    key: its `custom_id`, or `line-` and its number where it has none (`named` tells which). digest: of the
    request. number: of the line, from 1.
    """

    key: str
    digest: str
    params: dict[str, Any] = field(default_factory=dict)
    error: ValueError | None = None
    named: bool = True
    number: int = 0

    @property
    def is_sample(self) -> bool:
        """Whether an equal request is another one all the same: it asks for chance, and fixes no seed."""
        temperature = self.params.get("temperature")
        return isinstance(temperature, int | float) and temperature > 0 and "seed" not in self.params


def jobs(
    lines: Iterable[bytes],
    overrides: Mapping[str, Any] | None = None,
    system: str | None = None,
    *,
    source: str = "the input",
) -> Iterator[Job]:
    """The jobs of an input's lines, each a JSON value: a prompt as a string, an object with `prompt` or
    `messages`, or a line of OpenAI's batches (`custom_id`, `body`).

    overrides: arguments that win over what the lines say. system: a system message for those without one.
    source: the input's name, for what is said of a line that is no call.
    """
    for number, line in enumerate(lines, 1):
        line = line.strip().removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - some editors put a mark in front
        if line:
            yield _job(line, number, overrides or {}, system, source)


def _job(line: bytes, number: int, overrides: Mapping[str, Any], system: str | None, source: str) -> Job:
    key, named = f"line-{number}", False
    try:
        row = _read(line)
        if isinstance(row, dict) and row.get("custom_id") is not None:
            key, named = str(row["custom_id"]), True
        params = {**_params(row, system), **overrides}
        if "model" not in params and "preset" not in params:
            raise ValueError("the line names no model, and there is none for all of them")
    except ValueError as error:
        told = ValueError(f"{source}, line {number}: {error}")
        return Job(key, _digest(line), error=told, named=named, number=number)
    digest = _digest(orjson.dumps(params, option=orjson.OPT_SORT_KEYS))
    return Job(key, digest, params, named=named, number=number)


def _read(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        begins = line[:SHOWN].decode("utf-8", "replace") + ("…" if len(line) > SHOWN else "")
        hint = "" if line[:1] in b'{["' else '; a prompt by itself stands in quotes: "..."'
        raise ValueError(f"no JSON, at column {error.colno}: {error.msg}: {begins}{hint}") from None


def _params(row: Any, system: str | None) -> dict[str, Any]:
    row = {"prompt": row} if isinstance(row, str) else row
    if not isinstance(row, dict):
        raise ValueError("a line must be a string, or an object with prompt, messages or body")  # noqa: TRY004 - a wrong value, as far as callers know
    if "body" in row:
        if not str(row.get("url", ENDPOINT)).endswith(ENDPOINT):
            raise ValueError(f"only {ENDPOINT} is asked here, not {row['url']}")
        row = row["body"]
        if not isinstance(row, dict):
            raise ValueError("its body must be an object")
    params = {name: value for name, value in row.items() if name not in NO_PARAMS}
    if "prompt" in row:
        params["messages"] = [{"role": "user", "content": row["prompt"]}]
    messages = params.get("messages")
    if not isinstance(messages, list):
        raise ValueError("a line must have a prompt or messages")  # noqa: TRY004 - as above
    if system is not None and not any(_is_system(message) for message in messages):
        params["messages"] = [{"role": "system", "content": system}, *messages]
    return params


def _is_system(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in {"system", "developer"}


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


ENDPOINT = "/chat/completions"
NO_PARAMS = {"custom_id", "prompt", "stream", "stream_options"}
SHOWN = 60
"""Bytes of a line that is no JSON, in what is said of it."""
