"""What front matter and trust policies must look like: MDA's JSON schemas, and what is said of a fault.

The schemas are in `schemas`. Messages say what must be, never what was there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

try:
    from jsonschema import Draft202012Validator, FormatChecker
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("presets need jsonschema: pip install 'muxi-llm[presets]'") from error

from muxi_llm.presets.schemas import DATE_TIME, LLMIX_CODES, SCHEMAS, TEXTS, URI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

Kind = Literal[
    "source", "SKILL.md", "AGENTS.md", "MCP-SERVER.md", "relationship", "policy", "llmix", "llmix-loaded",
    "fixture", "plan", "root", "manifest",
]  # fmt: skip
MOST_FAULTS = 5
MOST_VALUES = 1000
"""How many faults of one document are told; and how many values are looked at, as that takes its time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong. where: a JSON pointer, empty for the whole. keyword, rule: of the schema, and where."""

    where: str
    keyword: str
    text: str
    rule: str

    def __str__(self) -> str:
        return f"{self.where or '(root)'} {self.text}"


def namespace_faults(said: dict[str, Any], kind: Literal["llmix", "llmix-loaded"]) -> list[tuple[str, Fault]]:
    """What is wrong with LLMix's part of a front matter: `mda`'s code for it, and what it is."""
    found = []
    for fault in faults(said, kind):
        told = f"{fault.where} {fault.keyword} {fault.text}"
        code = next(code for pattern, code in LLMIX_CODES if re.match(pattern, told))
        found.append((code, replace(fault, where=f"/metadata/snoai-llmix{fault.where}")))
    return found


def faults(value: Any, kind: Kind) -> list[Fault]:
    """What is wrong with *value*, at most `MOST_FAULTS`."""
    if _is_large(value):
        return [Fault("", "maxItems", f"must NOT have more than {MOST_VALUES} values", "#")]
    found = (fault for error in _validator(kind).iter_errors(value) for fault in _told(error))
    return [fault for fault, _ in zip(found, range(MOST_FAULTS), strict=False)]


def _is_large(value: Any) -> bool:
    left, count = [value], 0
    while left and count <= MOST_VALUES:
        item = left.pop()
        count += 1
        left.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return count + len(left) > MOST_VALUES


@cache
def _validator(kind: Kind) -> Draft202012Validator:
    formats = FormatChecker(formats=())
    formats.checks("date-time")(lambda value: not isinstance(value, str) or bool(DATE_TIME.fullmatch(value)))
    formats.checks("uri")(lambda value: not isinstance(value, str) or bool(URI.fullmatch(value)))
    return Draft202012Validator(SCHEMAS[kind], format_checker=formats)


def _told(error: ValidationError) -> Iterator[Fault]:
    """The fault itself; of alternatives, those of the one that `type` chose."""
    branches = error.context or [] if error.validator == "oneOf" else []
    others = {each.schema_path[0] for each in branches if list(each.path) == ["type"]}
    for each in branches:
        if each.schema_path[0] not in others:
            yield from _told(each)
    where = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path)
    said = TEXTS.get(str(error.validator), "is not allowed here")
    value: Any = error.validator_value
    if error.validator == "required":
        value = error.message.split("'")[1]  # one error for each that is missing
    if error.validator == "additionalProperties":
        value = _additional(error.instance, error.schema)
    if isinstance(value, list):
        value = ",".join(map(str, value))
    rule = "/".join(str(part) for part in error.absolute_schema_path)
    yield Fault(where, str(error.validator), said.replace("{}", str(value).replace(r"\Z", "$")), f"#/{rule}")


def _additional(instance: Any, schema: Any) -> list[str]:
    """The names that may not be there, as far as they fit into a message."""
    patterns = "|".join(schema.get("patternProperties", ["(?!)"]))
    extra = [name for name in instance if name not in schema["properties"] and not re.search(patterns, name)]
    return [name[:40] for name in extra[:3]]
