"""Which command of `mda` does what, with which options."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from muxi_llm import __version__
from muxi_llm.commands.mda import documents, releases, signing
from muxi_llm.commands.mda.conformance import conformance
from muxi_llm.commands.mda.results import GLOBAL, Call, Said, Stop, parsed, show
from muxi_llm.commands.mda.texts import HELP, MIGRATED

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[Call], Said | None]


def run(arguments: list[str]) -> int:
    """Run one command; its exit status."""
    words = [word for word in arguments if word not in GLOBAL]
    flags = {word for word in arguments if word in GLOBAL}
    try:
        status = _run(words, flags)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _run(words: list[str], flags: set[str]) -> int:
    if not words or {"--help", "-h"} & set(words):
        print(HELP, end="")
        return 0
    try:
        result = _result(words, flags)
    except Stop as stop:
        result = stop.result
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - reason: whatever goes wrong is one JSON object, by its contract
        if "--verbose" in flags:
            traceback.print_exc()
        text = f"{type(error).__name__}: a bug of ours; --verbose shows where"
        result = Call("internal").stop(("input.internal_error", text), status=4).result
    return 0 if result is None else show(result, flags)


def _result(words: list[str], flags: set[str]) -> Said | None:
    if words[0] in {"version", "--version", "-v"}:
        return Call("version").done(f"mda {__version__}", message=__version__, version=__version__)
    for count in (3, 2, 1):
        command = " ".join(words[:count])
        if command in COMMANDS:
            act, options, own = COMMANDS[command]
            call = parsed(command, words[count:], options, own)
            call.flags |= flags
            return act(call)
    raise _unknown(words)


def _unknown(words: list[str]) -> Stop:
    old = next((old for old in MIGRATED if " ".join(words).startswith(old)), None)
    if old is not None:
        call = Call(old.split()[0] if old.startswith("llmix") else old)
        call.say(replacement=MIGRATED[old])
        wrong = "release.command_migrated", f"Use {MIGRATED[old]} instead of mda {call.command}"
        return call.stop(wrong, "Command moved to the generic release workflow", "use-release-command")
    ours = sorted(name for name in COMMANDS if name.startswith(f"{words[0]} "))
    if ours:
        return Call(words[0]).usage(f"Expected subcommand: {' | '.join(ours)}")
    return Call("root").usage(f"Unknown command: {words[0]}")


EVIDENCE = "did-document offline-sigstore-fixture"
SIGNING = (
    "target sidecar profile did key-id key-file method key identity repo workflow ref out "
    "offline-sigstore-fixture"
)
TRUSTING = "target profile domain min-signatures out repo workflow ref"
FINALIZING = (
    "target registry-dir registry-root release-plan policy expected-root-digest minimum-revision "
    f"minimum-published-at high-watermark out manifest snippet-format snippet-out {EVIDENCE}"
)
COMMANDS: dict[str, tuple[Run, str, str]] = {
    "init": (documents.init, "out template module preset provider model", ""),
    "validate": (documents.validate, "target", "strict"),
    "canonicalize": (documents.canonicalize, "target sidecar", ""),
    "integrity compute": (documents.integrity_compute, "target sidecar algorithm", "write replace"),
    "integrity verify": (documents.integrity_verify, "target sidecar", ""),
    "sign": (signing.sign, SIGNING, "in-place rekor"),
    "verify": (signing.verify, f"target sidecar policy {EVIDENCE}", ""),
    "release trust policy": (releases.trust_policy, TRUSTING, ""),
    "release prepare": (releases.prepare, f"target source registry-dir policy out {EVIDENCE}", ""),
    "release finalize": (releases.finalize, FINALIZING, "derive-root-digest"),
    "doctor release": (releases.doctor, f"target source registry-dir release-plan manifest {EVIDENCE}", ""),
    "conformance": (conformance, "suite level", ""),
}
"""By its words: what it does, its options with a value, and those without."""
