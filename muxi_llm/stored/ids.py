"""Ids of files and batches: whose they are, and how a caller sees them.

`provider/id`; OpenAI's own, which have no slash in them, stand as they are. Where a batch is one model's, the
id of its file says which, behind a `#`: `google/files/abc#gemini-2.5-flash`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.errors import InvalidRequestError, shown
from muxi_llm.providers import registry
from muxi_llm.types.stored import Batch, BatchPage, FilePage

if TYPE_CHECKING:
    from collections.abc import Mapping


class Home(NamedTuple):
    """Where an id is at home: the provider, the id there, and the model a file's lines are for."""

    provider: str
    id: str
    model: str = ""


def home_of(given: Any, param: str) -> Home | None:
    """Whose *given* is, by what it says itself; `None` for one that says nothing, and may be OpenAI's.

    Raises `InvalidRequestError` for what is no id.
    """
    if not isinstance(given, str) or not given.strip():
        raise InvalidRequestError(f"{param} must be an id, not {shown(given)}", param=param)
    prefix, slash, rest = given.partition("/")
    if not slash:
        if given in DOTS:
            raise InvalidRequestError(f"{param} is no id", param=param)
        return None
    kind = registry.find(prefix)
    name, _, model = rest.partition("#")
    if kind is None:
        raise InvalidRequestError(f"{param}: {registry.hint(prefix)}", param=param)
    if not name.strip("/") or not DOTS.isdisjoint(re.split(r"[/\\]", name)):
        raise InvalidRequestError(f"{param} has no id behind '{prefix}/'", param=param)
    return Home(kind.name, name, model)


def homed(value: Any, provider: str, model: str = "") -> Any:
    """*value*, a file, a batch, or a page of either, by the ids callers know: changed in place.

    model: what a file just made is for.
    """
    if provider == OWN:
        return value
    if isinstance(value, FilePage | BatchPage):
        for one in value.data:
            homed(one, provider)
        return value
    if isinstance(value, Batch):
        kind = registry.find(provider)
        lines = kind.lines() if kind is not None else None
        is_of_one = lines is not None and lines.one_model
        for name in ("input_file_id", "output_file_id", "error_file_id"):
            if said := getattr(value, name, None):
                setattr(value, name, f"{provider}/{said}")
        if value.input_file_id and is_of_one and value.model:
            value.input_file_id += f"#{value.model}"
    value.id = f"{provider}/{value.id}" + (f"#{model}" if model else "")
    return value


def one_home(homes: Mapping[str, str | None]) -> str:
    """The provider that all arguments name which name one; OpenAI where none does.

    Raises `InvalidRequestError` where two do not agree.
    """
    said = {param: provider for param, provider in homes.items() if provider}
    for param, provider in said.items():
        first, other = next(iter(said.items()))
        if provider != other:
            raise InvalidRequestError(
                f"{param} is of {provider} and {first} of {other}; both must be of one provider", param=param
            )
    return next(iter(said.values()), OWN)


OWN = "openai"
DOTS = {".", ".."}
