"""Front matter: a small part of YAML 1.2, read within bounds; and edited so that all else stays as it was.

The text becomes events (ruamel.yaml), the events become values here. So the core schema is in one table, no
date is made of `2026-05-14`, and what a few bytes can blow up into is bounded as it comes: depth, nodes,
aliases, and the nodes behind aliases. What is written goes in beside what people wrote; their comments,
order and quotes are not touched.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

try:
    from ruamel.yaml import YAML, events
    from ruamel.yaml.error import YAMLError
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("presets need ruamel.yaml: pip install 'muxi-llm[presets]'") from error

from muxi_llm.presets.canonical import LARGEST
from muxi_llm.presets.errors import MdaError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text may be: characters, nodes (those behind aliases counted each time), depth, aliases."""

    size: int = 24 << 10
    nodes: int = 800
    depth: int = 32
    aliases: int = 16


LIMITS = Limits()


def read_yaml(text: str, limits: Limits = LIMITS) -> Any:
    """The value of a YAML text, `None` for an empty one.

    Strings, numbers, booleans, nulls, lists and mappings alone. Raises `MdaError` (its category is
    `frontmatter-yaml-parse-error`) for bad syntax, a key twice, a tag, a merge, several documents, numbers
    that JSON has not, and what is beyond *limits*.
    """
    return _Reader(limits).read(text)


@dataclass(slots=True)
class _Reader:
    limits: Limits
    left: Iterator[events.Event] = field(init=False)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    nodes: int = 0
    aliases: int = 0

    def read(self, text: str) -> Any:
        self._check(text)
        try:
            self.left = YAML(typ="safe", pure=True).parse(text)
            found: list[Any] = []
            for event in self.left:
                if isinstance(event, events.DocumentStartEvent):
                    if found or event.version or event.tags:
                        raise _refused("it has directives, or is several documents", event)
                elif isinstance(event, events.NodeEvent):
                    found.append(self._value(event, 1))
        except MdaError:
            raise
        except YAMLError as error:
            raise _refused(getattr(error, "problem", None) or "bad syntax", error) from None
        except (
            ArithmeticError,
            ValueError,
            IndexError,
            AttributeError,
        ) as error:  # how the scanner trips over odd escapes
            raise _refused(f"bad syntax ({type(error).__name__})") from None
        return found[0] if found else None

    def _check(self, text: str) -> None:
        """Before anything is scanned: the scanner's own time goes with the square of open brackets."""
        if len(text) > self.limits.size:
            raise _refused(f"it is longer than {self.limits.size} characters")
        if re.search("[\x85\u2028\u2029]", text):  # ends of lines in YAML 1.1, and to some readers of 1.2
            raise _refused("a separator of lines must be written as an escape")
        depth = 0
        for bracket in re.findall(r"[\[\]{}]", text):
            depth = max(depth + (1 if bracket in "[{" else -1), 0)
            if depth > self.limits.depth:
                raise _refused(f"it is nested deeper than {self.limits.depth}")

    def _value(self, event: events.Event, depth: int) -> Any:
        before = self.nodes
        self._count(1, event)
        if depth > self.limits.depth:
            raise _refused(f"it is nested deeper than {self.limits.depth}", event)
        if isinstance(event, events.AliasEvent):
            return self._alias(event)
        value = self._read(event, depth)
        if (anchor := getattr(event, "anchor", None)) is not None:
            self.anchors[anchor] = (value, self.nodes - before)
        return value

    def _read(self, event: events.Event, depth: int) -> Any:
        if isinstance(event, events.ScalarEvent):
            return _scalar(event)
        if getattr(event, "tag", None) not in {None, "!"}:
            raise _refused("tags are not taken", event)
        return self._mapping(depth) if isinstance(event, events.MappingStartEvent) else self._sequence(depth)

    def _alias(self, event: events.AliasEvent) -> Any:
        self.aliases += 1
        if self.aliases > self.limits.aliases:
            raise _refused(f"it has more than {self.limits.aliases} aliases", event)
        if event.anchor not in self.anchors:  # or it is not complete yet: a value within itself
            raise _refused("an alias of what is not there", event)
        value, size = self.anchors[event.anchor]
        self._count(size, event)
        return value

    def _count(self, nodes: int, event: events.Event) -> None:
        self.nodes += nodes
        if self.nodes > self.limits.nodes:
            raise _refused(f"it has more than {self.limits.nodes} nodes", event)

    def _sequence(self, depth: int) -> list[Any]:
        found = []
        while not isinstance(event := next(self.left), events.CollectionEndEvent):
            found.append(self._value(event, depth + 1))
        return found

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self.left), events.CollectionEndEvent):
            key = self._value(event, depth + 1)
            if type(key) is int:
                key = str(key)  # as in JavaScript: `50256: -100` among biases
            if not isinstance(key, str) or key == "<<":
                raise _refused("a key must be a string (and merging is not taken)", event)
            if key in found:
                raise _refused("a key is there twice", event)
            found[key] = self._value(next(self.left), depth + 1)
        return found


def _scalar(event: events.ScalarEvent) -> Any:
    if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
        raise _refused("tags are not taken", event)
    if event.tag is None and event.implicit[0]:  # plain: neither quoted nor tagged
        return _plain(event.value, event)
    if any("\ud800" <= letter <= "\udfff" for letter in event.value):
        raise _refused("half a surrogate pair is no text", event)
    return event.value


def _plain(text: str, event: events.Event) -> Any:
    """YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#1032-tag-resolution), and JSON's numbers alone."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if NO_NUMBERS.fullmatch(text):
        raise _refused("JSON has no such number", event)
    base = next((base for pattern, base in NUMBERS if pattern.fullmatch(text)), None)
    if base is None:
        return text
    number = float(text) if base == 0 or len(text) > 40 else int(text, base)
    if abs(number) == float("inf") or (base and abs(number) > LARGEST):
        raise _refused("a number that not every reader of JSON can keep", event)
    return number


def _refused(problem: str, at: Any = None) -> MdaError:
    """Where it is, and never what is there."""
    mark = getattr(at, "problem_mark", None) or getattr(at, "start_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    return MdaError("frontmatter-yaml-parse-error", f"the YAML cannot be taken: {problem}{where}")


# ----------------------------------------------------------------------------------------- editing


def edited(text: str, front: dict[str, Any], name: str, value: Any) -> str:
    """*text* of the front matter *front*, with *name* set to *value*; its other lines are as they were.

    A name that is new comes last. Of a list that has grown, only what is new is written. Where that cannot
    be (the front matter is in braces), the whole is written anew.
    """
    return _fitting(_beside(text, front, name, value), {**front, name: value}, name)


def without(text: str, front: dict[str, Any], name: str) -> str:
    """*text* of the front matter *front*, without *name*; its other lines are as they were."""
    start, end = _lines_of(text, name)
    lines = text.splitlines(keepends=True)
    left = {key: value for key, value in front.items() if key != name}
    return _fitting("".join([*lines[:start], *lines[end:]]), left, name)


def _fitting(edited_text: str, wanted: dict[str, Any], name: str) -> str:
    """The text as it was edited, if it reads as what is wanted; else all of it anew."""
    for attempt in (edited_text, "".join(map(block, wanted, wanted.values()))):
        try:
            if (read_yaml(attempt) or {}) == wanted:
                return attempt
        except MdaError:
            continue
    raise MdaError("frontmatter-yaml-parse-error", f"{name} cannot be written into this front matter")


def _beside(text: str, front: dict[str, Any], name: str, value: Any) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    if name not in front:
        return "".join([*lines, block(name, value)])
    start, end = _lines_of(text, name)
    old = front[name]
    if isinstance(old, list) and isinstance(value, list) and value[: len(old)] == old and old:
        indent = re.match(r" *", lines[start + 1])[0] if end > start + 1 else ""  # type: ignore[index]
        new = block(name, value[len(old) :]).splitlines(keepends=True)[1:]
        return "".join([*lines[:end], *(indent + line[2:] for line in new), *lines[end:]])
    return "".join([*lines[:start], block(name, value), *lines[end:]])


def _lines_of(text: str, name: str) -> tuple[int, int]:
    """The lines of a name at the top, without the empty lines and comments that follow it."""
    starts = [match.start() for match in re.finditer(r"^(?=[^\s#-])", text, re.MULTILINE)] + [len(text)]
    for start, end in pairwise(starts):
        if re.match(rf"""["']?{re.escape(name)}["']?\s*:""", text[start:end]):
            kept = re.sub(r"(?:^[ \t]*(?:#[^\n]*)?(?:\n|\Z))+\Z", "", text[start:end], flags=re.MULTILINE)
            return text[:start].count("\n"), text[: start + len(kept)].count("\n")
    return (text.count("\n"), text.count("\n"))


def block(name: str, value: Any) -> str:
    """`name: value` in lines of block style."""
    return "".join(f"{line}\n" for line in _written(value, f"{scalar(name)}:", 0))


def _written(value: Any, head: str, indent: int) -> list[str]:
    pad = " " * indent
    if not isinstance(value, (dict, list)) or not value:
        return [f"{pad}{head} {scalar(value)}"]
    if isinstance(value, dict):
        below = [
            line for key, item in value.items() for line in _written(item, f"{scalar(key)}:", indent + 2)
        ]
        if head == "-":  # the first name stands beside its dash
            return [f"{pad}- {below[0].lstrip()}", *below[1:]]
    else:
        below = [line for item in value for line in _written(item, "-", indent + 2)]
    return [f"{pad}{head}", *below]


def scalar(value: Any) -> str:
    """*value* in one line: as it is where nobody can misread it, else as JSON."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


# ------------------------------------------------------------------------------------------- tables

ODD = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
PLAIN = re.compile(r"[A-Za-z](?:[\w./+@=#-]|:(?=\S)| (?=[\w(/]))*", re.ASCII)
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""What YAML 1.1 or 1.2 takes for something else than a string."""

CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
NO_NUMBERS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
NUMBERS = (
    (re.compile(r"[-+]?[0-9]+"), 10),
    (re.compile(r"0o[0-7]+"), 8),
    (re.compile(r"0x[0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), 0),
)
