"""A configuration file → `Settings`, and everything that is wrong in it at once.

A file's dialect is told by its ending. Unknown keys are errors with the nearest name: a misspelt limit that
is passed over in silence is found on the bill.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about a configuration. where: `providers[0].name`."""

    where: str
    message: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class ConfigurationError(ValueError):
    """A configuration that cannot be used; `findings` says all that is wrong in it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, findings)))


@dataclass(slots=True)
class Section:
    """A table of a configuration, read key by key; what nobody has read at its `end` is unknown."""

    raw: Mapping[str, Any]
    where: str
    findings: list[Finding]
    _read: set[str] = field(default_factory=set)

    def at(self, name: str) -> str:
        """Where *name* stands."""
        return f"{self.where}.{name}" if self.where else name

    def error(self, name: str, message: str) -> None:
        """Something is wrong with *name*."""
        self.findings.append(Finding(self.at(name) if name else self.where, message))

    def warn(self, name: str, message: str) -> None:
        """Something about *name* should be known."""
        self.findings.append(Finding(self.at(name) if name else self.where, message, is_error=False))

    @overload
    def take(self, name: str, kind: Callable[[object], T], default: T) -> T: ...
    @overload
    def take(self, name: str, kind: Callable[[object], T], default: None = None) -> T | None: ...
    def take(self, name: str, kind: Callable[[object], T], default: T | None = None) -> T | None:
        """The value of *name*, as *kind* reads it; what it cannot read is an error."""
        self._read.add(name)
        value = self.raw.get(name)
        if value is None:
            return default
        try:
            return kind(value)
        except ValueError as error:
            self.error(name, str(error))
            return default

    def table(self, name: str) -> Mapping[str, Any]:
        """The table *name*, empty where there is none."""
        found = self.take(name, table)
        return {} if found is None else found

    def strings(self, name: str) -> tuple[str, ...]:
        """The strings *name*: a list of them, or one."""
        return self.take(name, strings) or ()

    def items(self, name: str) -> list[Any]:
        """The list *name*."""
        return self.take(name, items_of) or []

    def section(self, name: str) -> Section:
        """The table *name*, to be read key by key."""
        return Section(self.table(name), self.at(name), self.findings)

    def sections(self, name: str) -> list[Section]:
        """The list of tables *name*."""
        out = []
        for index, item in enumerate(self.items(name)):
            where = f"{self.at(name)}[{index}]"
            if isinstance(item, Mapping):
                out.append(Section(item, where, self.findings))
            else:
                self.findings.append(Finding(where, f"must be a table, not {shown(item)}"))
        return out

    def skip(self, **names: str) -> None:
        """Keys that are known, and that mean nothing here: name → why, or what does it instead."""
        for name, why in names.items():
            self._read.add(name)
            value = self.raw.get(name)
            if value and not (isinstance(value, Mapping) and value.get("enabled") is False):
                self.warn(name, f"means nothing here: {why}")

    def end(self) -> None:
        """Nothing more is read: the rest is unknown."""
        for name in self.raw.keys() - self._read:
            near = get_close_matches(str(name), self._read, n=1, cutoff=0.6)
            known = ", ".join(sorted(self._read)) or "none"
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {known}"
            self.error(str(name), f"there is no such key; {hint}")


# -------------------------------------------------------------------------------- kinds of values


def text(value: object) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {shown(value)}")  # noqa: TRY004 - one kind of them for all
    return value


def whole(value: object) -> int:
    """A whole number from 0; digits will do, since variables are strings."""
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"must be a whole number from 0, not {shown(value)}")
    return number


def number(value: object) -> float:
    """A number from 0; digits will do here too."""
    value = float(value) if isinstance(value, str) and DECIMAL.fullmatch(value) else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"must be a number from 0, not {shown(value)}")
    return float(value)


def part(value: object) -> float:
    """A part of one."""
    found = number(value)
    if found > 1:
        raise ValueError(f"must be a number from 0 to 1, not {shown(value)}")
    return found


def flag(value: object) -> bool:
    """Yes or no."""
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {shown(value)}")  # noqa: TRY004
    return value


def seconds(value: object) -> float:
    """A time: a number of seconds, or one with a unit (`100ms`, `30s`, `5m`, `1h30m`)."""
    if isinstance(value, str) and DURATION.fullmatch(value):
        return sum(float(n) * UNITS[unit] for n, unit in re.findall(r"([\d.]+)(ms|s|m|h|d)", value))
    if isinstance(value, str) and not DECIMAL.fullmatch(value):
        raise ValueError(f"must be a time such as 30s or 1h30m, not {value!r}")
    return number(value)


def strings(value: object) -> tuple[str, ...]:
    """Strings: a list of them, or one."""
    if isinstance(value, str):
        return (value,)
    return tuple(text(item) for item in items_of(value))


def items_of(value: object) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise ValueError(f"must be a list, not {shown(value)}")  # noqa: TRY004
    return value


def table(value: object) -> Mapping[str, Any]:
    """A table."""
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a table, not {shown(value)}")  # noqa: TRY004
    return value


def secrets(value: object) -> dict[str, str]:
    """Names and secrets."""
    return {str(name): text(secret) for name, secret in table(value).items()}


def one_of(*known: str) -> Callable[[object], str]:
    """One of these words."""

    def kind(value: object) -> str:
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}, not {shown(value)}")
        return str(value)

    return kind


def level(value: object) -> str:
    """A level of the log's, in the log's own words."""
    found = LEVELS.get(text(value).upper())
    if found is None:
        raise ValueError(f"must be one of {', '.join(LEVELS).lower()}, not {value!r}")
    return found


def shown(value: object) -> str:
    """A value as a message may tell it: it may be a secret."""
    return repr(value) if isinstance(value, int | float) or not value else f"a {type(value).__name__}"


# ------------------------------------------------------------------------------------------ files


def parsed(path: Path, content: str) -> tuple[Literal["toml", "yaml"], dict[str, Any]]:
    """The file's dialect, and its data, variables put in. Raises `ConfigurationError`."""
    dialect = DIALECTS.get(path.suffix.lower())
    if dialect is None:
        raise ConfigurationError([Finding(str(path), f"must end in one of {', '.join(DIALECTS)}")])
    try:
        raw = tomllib.loads(content) if dialect == "toml" else YAML(typ="safe", pure=True).load(content)
    except (tomllib.TOMLDecodeError, YAMLError) as error:
        raise ConfigurationError(
            [Finding(str(path), f"is no {dialect.upper()}: {fault_of(error)}")]
        ) from None
    if not isinstance(raw, dict):
        raise ConfigurationError([Finding(str(path), "is empty, or no table")])
    missing: list[Finding] = []
    data = _expanded(raw, "", missing)
    if missing:
        raise ConfigurationError(missing)
    return dialect, data


def fault_of(error: Exception) -> str:
    """What is wrong and where, and nothing of what stands there: it may be a secret."""
    mark = getattr(error, "problem_mark", None)
    what = str(getattr(error, "problem", error)).partition(" with value ")[0]
    return f"{what} (at line {mark.line + 1}, column {mark.column + 1})" if mark else what


def _expanded(value: Any, where: str, missing: list[Finding]) -> Any:
    """*value* with `${NAME}`, `${NAME:default}` and `${file:/path}` put in, in all its strings."""
    if isinstance(value, dict):
        return {
            key: _expanded(item, f"{where}.{key}" if where else str(key), missing)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_expanded(item, f"{where}[{index}]", missing) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def put(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name == "file" and default:
            try:
                return Path(default).read_text(encoding="utf-8").strip()
            except OSError as error:
                missing.append(Finding(where, f"the file {default} cannot be read: {error.strerror}"))
                return ""
        found = os.environ.get(name, "")
        if not found and default is None:
            missing.append(
                Finding(where, f"the variable {name} is not set; set it, or write ${{{name}:default}}")
            )
        return found or default or ""

    return VARIABLE.sub(put, value)


# ------------------------------------------------------------------------------------------ tables

DIALECTS: dict[str, Literal["toml", "yaml"]] = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-?(?P<default>[^}]*))?\}")
DECIMAL = re.compile(r"\d+(\.\d+)?")
DURATION = re.compile(r"(\d+(\.\d+)?(ms|s|m|h|d))+")
LEVELS = {
    **{name: name for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")},
    "TRACE": "DEBUG",
    "WARN": "WARNING",
    "FATAL": "CRITICAL",
}
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
