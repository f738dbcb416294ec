"""What a deployment's configuration does to each body it is sent: fields deleted, added, renamed, in this
order; then the number of tokens that is asked for is brought within its bounds.

A key is a field at the top, or the way to one, with dots: `metadata.user`, `messages.*.name`. Nothing is
touched that no key names: a tool's parameter called `max_tokens` stays what it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Rewriting:
    """delete: keys. add: key → its value, where there is none. rename: key → the field's new name.
    least, most: tokens that an answer may be asked to have, by whichever name; who asks for none says none.
    """

    delete: tuple[str, ...] = ()
    add: Mapping[str, Any] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    least: int | None = None
    most: int | None = None

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        """*body*, rewritten; what is changed is a copy."""
        for key in self.delete:
            body = _changed(body, key.split("."), _without)
        for key, value in self.add.items():
            body = _changed(body, key.split("."), partial(_with, value), make=True)
        for key, new in self.rename.items():
            body = _changed(body, key.split("."), partial(_renamed, new))
        if self.least is not None or self.most is not None:
            for key in LENGTHS:
                body = _changed(body, key.split("."), self._bounded)
        return body

    def _bounded(self, holder: dict[str, Any], name: str) -> dict[str, Any]:
        asked = holder.get(name)
        if not isinstance(asked, int):
            return holder
        tokens = max(asked, self.least or 0)
        return {**holder, name: tokens if self.most is None else min(tokens, self.most)}


LENGTHS = (
    *("max_tokens", "max_completion_tokens", "max_output_tokens", "max_gen_len"),
    *("generationConfig.maxOutputTokens", "inferenceConfig.maxTokens", "options.num_predict"),
)
"""Where a body says how long its answer may be, in each wire."""


def _with(value: Any, holder: dict[str, Any], name: str) -> dict[str, Any]:
    return {name: value, **holder}


def _without(holder: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in holder.items() if key != name}


def _renamed(new: str, holder: dict[str, Any], name: str) -> dict[str, Any]:
    """In its place; what is there under the new name already is what was meant."""
    if new in holder and name in holder:
        return _without(holder, name)
    return {new if key == name else key: value for key, value in holder.items()}


def _changed(
    holder: Any,
    path: list[str],
    change: Callable[[dict[str, Any], str], dict[str, Any]],
    *,
    make: bool = False,
) -> Any:
    name, *rest = path
    if name == "*" and isinstance(holder, list):
        return [_changed(each, rest, change, make=make) for each in holder] if rest else holder
    if not isinstance(holder, dict):
        return holder
    if not rest:
        return change(holder, name)
    if name not in holder:
        if not make:
            return holder
        holder = {**holder, name: {}}
    return {**holder, name: _changed(holder[name], rest, change, make=make)}
