"""What all commands of `mda` share: options, help, what people see, and what a bug looks like."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import muxi_llm
from muxi_llm.commands import main, mda
from muxi_llm.commands.mda import command
from muxi_llm.commands.mda.results import Call
from tests.commands.mda.conftest import INIT, SOURCE, Mda


def test_help(cli: Mda) -> None:
    for line in ("", "--help", "sign x -h", "--json --help"):
        status, out, _ = cli.shell(line)
        assert status == 0
        assert out.startswith("mda: MDA documents")
    assert {name.split()[0] for name in command.COMMANDS} <= set(out.split())


def test_version(cli: Mda) -> None:
    for line in ("version", "--version", "-v"):
        said = cli(line)
        assert (said["command"], said["version"]) == ("version", muxi_llm.__version__)
    assert cli.shell("version")[1] == f"{muxi_llm.__version__}\n"


@pytest.mark.parametrize(
    ("line", "name", "text"),
    [
        ("publish", "root", "Unknown command: publish"),
        ("integrity", "integrity", "Expected subcommand: integrity compute | integrity verify"),
        (
            "release trust",
            "release",
            "Expected subcommand: release finalize | release prepare | release trust policy",
        ),
        ("doctor", "doctor", "Expected subcommand: doctor release"),
        ("validate a.mda --odd", "validate", "Unsupported flag: --odd"),
        ("validate a.mda --target", "validate", "Missing value for --target"),
        ("validate a.mda --target --strict", "validate", "Missing value for --target"),
        ("validate a.mda --strict=yes", "validate", "Unsupported flag: --strict"),
        ("validate", "validate", "Expected one file: mda validate <file>"),
        ("validate a b", "validate", "Expected one file: mda validate <file>"),
    ],
)
def test_what_is_not_understood(cli: Mda, line: str, name: str, text: str) -> None:
    said = cli(line, 2)
    assert (said["command"], said["summary"]) == (name, f"{name} usage error")
    assert said["diagnostics"] == [{"code": "input.usage", "message": text, "severity": "error"}]
    assert said["nextActions"] == [
        {"id": "show-help", "required": True, "reason": "Review command usage", "command": "mda --help"}
    ]


def test_commands_of_old(cli: Mda) -> None:
    for line, name, new in (
        ("llmix release plan --source x", "llmix", "mda release prepare --target llmix-registry"),
        ("llmix", "llmix", "mda release --help"),
        ("doctor llmix", "doctor llmix", "mda doctor release --target llmix-registry"),
    ):
        said = cli(line, 1)
        assert (said["command"], said["nextActions"][0]["command"]) == (name, new)
        assert said["diagnostics"][0]["code"] == "release.command_migrated"


def test_an_option_may_have_its_value_beside_it_and_commas_in_it(cli: Mda) -> None:
    said = cli("init --template=llmix-preset --module=m --preset=p --provider=openai --model=a,b")
    assert said["model"] == "a,b"
    assert (
        cli("init --template=llmix-preset --module m --module n --preset p --provider openai --model x")[
            "module"
        ]
        == "m"
    )


def test_flags_may_stand_anywhere(cli: Mda) -> None:
    status, out, _ = cli.shell("--json validate --no-next a.mda")
    assert status == 1
    assert '"command": "validate"' in out


def test_what_people_see(cli: Mda) -> None:
    status, out, err = cli.shell(f"{INIT} --out {SOURCE}")
    assert (status, err) == (0, "")
    assert out == (
        f"wrote {SOURCE}\n"
        "Next:\n"
        f"- Validate the LLMix source file: mda validate {SOURCE} --target source\n"
        f"- optional: Record integrity before release: mda integrity compute {SOURCE} --target source --write\n"
    )
    assert cli.shell(f"validate {SOURCE} --no-next")[1] == "ok: validate\n"
    assert cli.shell(f"validate {SOURCE} --quiet")[1] == ""
    status, out, err = cli.shell("validate missing.mda")
    assert (status, out) == (1, "")
    assert err.startswith("filesystem.io: No such file or directory: missing.mda\nNext:\n- Fix the reported")


def test_a_command_to_paste_is_quoted(cli: Mda) -> None:
    said = cli("init x --out 'a b;c.mda'")
    assert said["nextActions"][0]["command"] == "mda validate 'a b;c.mda' --target source"


class Terminal:
    """A stdout that is one."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals(cli: Mda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    cli(f"{INIT} --out {SOURCE}")
    for line, colours in ((f"validate {SOURCE}", True), (f"validate {SOURCE} --no-color", False)):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        mda.main(line.split())
        monkeypatch.undo()
        assert ("\x1b[32mok\x1b[0m: validate" in terminal.text) is colours
        assert ("\x1b[" in terminal.text) is colours
        monkeypatch.chdir(cli.folder)


def test_a_document_does_not_steer_a_terminal(cli: Mda) -> None:
    cli.write("a.mda", '---\n"a\\e[2Jb": 1\n---\n')
    status, out, err = cli.shell("validate a.mda")
    assert (status, out) == (1, "")
    assert "\x1b" not in err
    status, out, err = cli.shell("validate 'x\x1b[2J\x9b.mda'")
    assert "\x1b[2J" not in err
    assert "\x9b" not in err


def test_a_files_name_may_be_any_bytes(cli: Mda) -> None:
    for line in ("validate 'x\udcff.mda'", "validate 'x\udcff.mda' --json"):
        status, out, err = cli.shell(line)
        assert status == 1
        assert "x\\udcff.mda" in out + err


def test_a_bug_is_one_object_too(cli: Mda, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(call: Call) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setitem(command.COMMANDS, "validate", (broken, "", ""))
    said = cli("validate", 4)
    assert said["command"] == "internal"
    assert said["diagnostics"][0]["code"] == "input.internal_error"
    assert "secret" not in str(said)
    assert "ZeroDivisionError: secret" in cli.shell("validate --verbose")[2]


def test_it_is_a_part_of_muxi_llm(cli: Mda) -> None:
    assert main.main(["mda", "init", "x"]) == 0
    assert cli.capsys.readouterr().out.startswith('---\nname: "x"\n')


def test_a_reader_that_has_seen_enough_is_no_error(cli: Mda) -> None:
    script = "from muxi_llm.commands.mda import main; import sys; sys.exit(main(['--help']))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # type: ignore[union-attr]
    assert process.wait() == 0
    assert process.stderr.read() == b""  # type: ignore[union-attr]
    process.stderr.close()  # type: ignore[union-attr]
