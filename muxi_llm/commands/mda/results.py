"""What a command of `mda` is given, and what it says: one object, as JSON or as lines for people."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from muxi_llm.commands.mda.texts import CODES, NEXT
from muxi_llm.presets import artifact, canonical, files, loading, source
from muxi_llm.presets.errors import MdaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from muxi_llm.presets.schema import Kind

Said = dict[str, Any]
Wrong = list[Said] | tuple[str, str] | MdaError
GLOBAL = {"--json", "--quiet", "--verbose", "--no-color", "--no-next"}


class Stop(Exception):  # noqa: N818 - it ends a command, with its result
    """A command is over: *result* is what it says."""

    def __init__(self, result: Said) -> None:
        super().__init__(result["command"])
        self.result = result


@dataclass(slots=True)
class Call:
    """One command: its words, its options (name without dashes → values), flags of all kinds.

    said: what its result says beside what every result does. about: the result's artifacts.
    """

    command: str
    words: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    said: Said = field(default_factory=dict)
    about: list[Said] = field(default_factory=list)

    def option(self, *names: str) -> str | None:
        """An option's value, the first if there are several; of several options, the first that is there."""
        return next((self.options[name][0] for name in names if name in self.options), None)

    def needed(self, *names: str) -> list[str]:
        """The options' values; ends the command if one is missing."""
        for name in names:
            if not self.option(name):
                raise self.usage(f"--{name} <{name}> is required")
        return [self.options[name][0] for name in names]

    def say(self, **said: Any) -> None:
        """Say more, in this order."""
        self.said |= said

    def touch(self, kind: str, path: str, target: str | None = None, digest: str | None = None) -> None:
        """Say what the result is about."""
        said = {"kind": kind, "path": path, "target": target, "digest": digest}
        self.about = [{name: value for name, value in said.items() if value is not None}]

    # ----------------------------------------------------------------------------------- ending

    def done(self, summary: str, then: str = "", message: str | None = None, **more: Any) -> Said:
        """It went well. then: names in `NEXT`."""
        return self._result(0, summary, [], then, {"message": message} if message else {}, more)

    def stop(self, wrong: Wrong, summary: str = "", then: str = "", status: int = 1, **more: Any) -> Stop:
        """It did not: *wrong* are diagnostics, a code and a text, or an error of the presets'."""
        found = told(wrong) if isinstance(wrong, MdaError) else wrong
        listed = [diagnostic(*found)] if isinstance(found, tuple) else found
        return Stop(self._result(status, summary or f"{self.command} failed", listed, then, {}, more))

    def usage(self, text: str) -> Stop:
        """It was not understood."""
        return self.stop(("input.usage", text), f"{self.command} usage error", "show-help", 2)

    def io(self, error: OSError | str) -> Stop:
        """It could not read or write."""
        text = f"{error.strerror or error}: {error.filename}" if isinstance(error, OSError) else error
        return self.stop(("filesystem.io", text), f"{self.command} IO error", "fix-filesystem", 3)

    @contextmanager
    def guarded(self, summary: str = "", then: str = "", **more: Any) -> Iterator[None]:
        """Ends the command for an error of the presets', or of a disk."""
        try:
            yield
        except MdaError as error:
            status = 2 if error.category == "missing-required-sidecar" else 1
            raise self.stop(error, summary, then, status, **more) from error
        except OSError as error:
            raise self.io(error) from error

    def _result(
        self, status: int, summary: str, wrong: list[Said], then: str, message: Said, more: Said
    ) -> Said:
        return {
            "ok": status == 0, "command": self.command, "exitCode": status, "summary": summary,
            "artifacts": self.about, "diagnostics": wrong, "nextActions": [*map(self._step, then.split())],
            **message, **self.said, **more,
        }  # fmt: skip

    def _step(self, name: str) -> Said:
        required, reason, command = NEXT[name]
        given = {key: values[0] for key, values in self.options.items()} | self.said
        quoted = _Quoted({key: shlex.quote(value) for key, value in given.items() if isinstance(value, str)})
        command = command.format_map(quoted | {"command": self.command, "new": self.said.get("replacement")})
        kind = "external" if command.startswith("> ") else "command"
        said = {"id": name.partition("@")[0], "required": required, "reason": reason}
        return {**said, kind: command.removeprefix("> ")}

    # ------------------------------------------------------------------------------------ files

    def file(self, usage: str) -> str:
        """The one word of the command."""
        if len(self.words) != 1:
            raise self.usage(usage)
        return self.words[0]

    def kind_of(self, path: str) -> Kind:
        """What kind of artifact *path* is: as `--target` says, else by its name."""
        said, name = self.option("target") or "auto", Path(path).name
        if said not in {"auto", *artifact.KINDS}:
            raise self.usage("--target must be source, SKILL.md, AGENTS.md, MCP-SERVER.md, or auto")
        found = said if said != "auto" else "source" if name.endswith(".mda") else name
        if found in artifact.KINDS:
            return artifact.KINDS[found]
        what = "Ambiguous Markdown target for" if name.endswith(".md") else "Could not auto-detect target for"
        self.say(file=path)
        raise self.usage(f"{what} {path}; pass --target source|SKILL.md|AGENTS.md|MCP-SERVER.md")

    def artifact(self, path: str, summary: str = "", then: str = "") -> bytes:
        """The bytes of the artifact itself; where there are none, it is not valid."""
        try:
            return loading.read_bytes(path, source.SOURCE_BYTES)
        except OSError as error:
            wrong = diagnostic("filesystem.io", f"{error.strerror}: {path}", path=path)
            raise self.stop([wrong], summary, then) from error

    def sidecar(self) -> bytes | None:
        """The bytes of the artifact's other file, if one is named. Raises `OSError`."""
        path = self.option("sidecar")
        return loading.read_bytes(path, canonical.JSON_BYTES) if path else None

    def json(self, path: str) -> Any:
        """The value of a JSON file."""
        try:
            return loading.read_values([path], "JSON")[0]
        except (OSError, MdaError) as error:
            raise self.io(error if isinstance(error, OSError) else error.message) from error

    def free(self, path: str | None) -> None:
        """Ends the command if there is something at *path*: no file is written over."""
        if path and os.path.lexists(path):
            raise self.io(f"Refusing to overwrite existing file: {path}")

    def write(self, path: str, data: bytes | str, *, instead: bool = False) -> None:
        """The file, whole and durable; *instead* of one that is there, or only where none is."""
        place, raw = Path(path).absolute(), data.encode() if isinstance(data, str) else data
        try:
            files.folders(place.parent)
            files.replace(place.resolve(), raw) if instead else files.create(place, raw)
        except OSError as error:
            self.free(None if instead else path)
            raise self.io(error) from error


class _Quoted(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"

    def __or__(self, other: Any) -> Any:
        return _Quoted({**self, **other})


def diagnostic(code: str, message: str, **more: str) -> Said:
    """What is wrong. more: `path`, `schema`, `instancePath`."""
    return {"code": code, "message": message, "severity": "error", **more}


def told(error: MdaError, **more: str) -> list[Said]:
    """An error of the presets' as diagnostics: one for each fault of a schema."""
    code = error.code or CODES.get(error.category, "input.internal_error")
    whole = [] if error.faults and code == "schema.validation" else [diagnostic(code, error.message, **more)]
    return whole + [
        diagnostic("schema.validation", str(fault), schema=fault.rule, instancePath=fault.where, **more)
        for fault in error.faults
    ]


# ----------------------------------------------------------------------------------------- printing


def show(result: Said, flags: set[str]) -> int:
    """Print *result*; its exit status."""
    if "--json" in flags:
        _print(json.dumps(result, indent=2, ensure_ascii=False), sys.stdout)
    elif "--quiet" not in flags:
        _show_lines(result, flags)
    return int(result["exitCode"])


def _show_lines(result: Said, flags: set[str]) -> None:
    stream = sys.stdout if result["ok"] else sys.stderr
    is_plain = "--no-color" in flags or "NO_COLOR" in os.environ or not stream.isatty()

    def paint(colour: int, text: str) -> str:
        return text if is_plain else f"\x1b[{colour}m{text}\x1b[0m"

    lines = [result.get("message") or f"{paint(32, 'ok')}: {result['command']}"] if result["ok"] else []
    for each in result["diagnostics"]:
        colour = 33 if each["severity"] == "warning" else 31
        lines += [f"{paint(colour, each['code'])}: {each['message']}"]
    steps = [] if "--no-next" in flags else result["nextActions"]
    for each in steps:
        mark = "-" if each["required"] else "- optional:"
        command = paint(36, each["command"]) if "command" in each else each["external"]
        lines += [*(["Next:"] if each is steps[0] else []), f"{mark} {each['reason']}: {command}"]
    _print("\n".join(UNSEEN.sub("\ufffd", line) for line in lines), stream)


def _print(text: str, stream: TextIO) -> None:
    """Whatever can be in a file's name, on whatever can be behind a stream."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)


UNSEEN = re.compile("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]|\x1b(?!\\[[0-9]*m)")
"""What a terminal would obey, but for our own colours."""


def parsed(command: str, given: Sequence[str], options: str, flags: str) -> Call:
    """The call that *given* is. Ends the command for an option that is not its own, or has no value."""
    call = Call(command)
    left = list(given)
    while left:
        word = left.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            call.words.append(word)
        elif name in flags.split() and not equals:
            call.flags.add(name)
        elif name not in options.split():
            raise call.usage(f"Unsupported flag: --{name}")
        elif equals or (left and not left[0].startswith("--")):
            call.options.setdefault(name, []).append(value if equals else left.pop(0))
        else:
            raise call.usage(f"Missing value for --{name}")
    return call
