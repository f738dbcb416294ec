"""`mda init`, `validate`, `canonicalize`, `integrity`."""

from __future__ import annotations

import base64

import pytest

from muxi_llm.presets.source import document
from tests.commands.mda.conftest import INIT, SIGN, SOURCE, Mda
from tests.presets.test_source import SEED

PRESET = """\
---
name: llmix-search-summary-openai-fast
description: LLMix preset search_summary/openai_fast
metadata:
  snoai-llmix:
    module: search_summary
    preset: openai_fast
    common:
      provider: openai
      model: gpt-5-mini
---
# search_summary/openai_fast

Describe when this LLMix preset should be used.
"""
PLAIN = '---\nname: "hello"\ndescription: "Describe what this Markdown AI document does."\n---\n# hello\n\nDescribe the instructions, workflow, or capability here.\n'
DIGEST = "sha256:9b12b072e7124e779a010f8f16f57c6f0a628cdf3c07a2a09afdb1192ad84e10"


def test_a_preset_begun(cli: Mda) -> None:
    said = cli(f"{INIT} --out {SOURCE}")
    assert list(said)[7:] == [
        "template",
        "module",
        "preset",
        "provider",
        "model",
        "scaffold",
        "out",
        "written",
    ]
    assert said["artifacts"] == [{"kind": "mda-source", "path": SOURCE, "target": "source"}]
    assert [(each["id"], each["required"]) for each in said["nextActions"]] == [
        ("validate-llmix-source", True), ("write-integrity", False),
    ]  # fmt: skip
    assert said["scaffold"] == PRESET == (cli.folder / SOURCE).read_text()
    assert cli.codes(f"{INIT} --out {SOURCE}", 3) == ["filesystem.io"]
    assert (
        "Refusing to overwrite existing file" in cli(f"{INIT} --out {SOURCE}", 3)["diagnostics"][0]["message"]
    )


def test_on_stdout(cli: Mda) -> None:
    assert cli.shell(INIT) == (0, PRESET + "\n", "")
    said = cli(INIT)
    assert (said["out"], said["written"], said["scaffold"]) == (None, False, PRESET)
    assert said["nextActions"][0]["external"] == "write the scaffold bytes to disk"
    assert cli("init hello")["scaffold"] == PLAIN
    assert cli("init hello --out h.mda")["name"] == "hello"
    assert cli("validate h.mda")["nextActions"][0]["id"] == "compile-source"


def test_base_and_default(cli: Mda) -> None:
    said = cli("init --template llmix-preset --module _default --preset _base_x --provider google --model g")
    assert said["scaffold"].startswith("---\nname: llmix-default-base-x\n")


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ("--module=Bad", ["llmix.invalid_identifier"]),
        ("--preset=../x", ["llmix.invalid_identifier"]),
        ("--provider=acme", ["llmix.invalid_provider"]),
        ("--model=' '", ["llmix.invalid_model"]),
    ],
)
def test_a_preset_that_cannot_be_begun(cli: Mda, change: str, codes: list[str]) -> None:
    said = cli(INIT.replace(change.split("=", maxsplit=1)[0], "--template") + f" {change}", 2)
    assert [each["code"] for each in said["diagnostics"]] == codes
    assert said["nextActions"][0]["id"] == "fix-llmix-init"
    assert cli.codes("init --template other", 2) == ["input.usage"]
    assert cli.codes("init", 2) == ["input.usage"]
    assert cli.codes(f"{INIT} word", 2) == ["input.usage"]


def test_a_model_that_yaml_would_misread(cli: Mda) -> None:
    cli(f"{INIT.replace('gpt-5-mini', 'yes')} --out a.mda")
    assert cli("validate a.mda")["diagnostics"] == []
    assert 'model: "yes"' in (cli.folder / "a.mda").read_text()


# ----------------------------------------------------------------------------------------- validate


def test_the_seeds_preset_is_taken_with_a_warning(cli: Mda) -> None:
    cli.write("a.mda", SEED)
    (warning,) = cli("validate a.mda --target source")["diagnostics"]
    assert warning["severity"] == "warning"
    assert warning["message"].startswith(
        '/name must match pattern "^(?:[a-z0-9]+(-[a-z0-9]+)*)$" (taken here'
    )
    (error,) = cli("validate a.mda --strict", 1)["diagnostics"]
    assert error == {
        "code": "schema.validation", "message": '/name must match pattern "^(?:[a-z0-9]+(-[a-z0-9]+)*)$"',
        "severity": "error", "schema": "#/properties/name/pattern", "instancePath": "/name",
    }  # fmt: skip
    assert "schema.validation: /name must match" in cli.shell("validate a.mda")[1]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (b"---\nname: \xff\n---\n", ["input.invalid_encoding"]),
        (b"---\nname: a\n", ["input.unterminated_frontmatter"]),
        (b"---\nname: [\n---\n", ["input.frontmatter_yaml_parse"]),
        (b"# only\n", ["input.missing_required_frontmatter"]),
        (b"---\ncreated-date: 5\n---\n", ["schema.validation"]),
        (b'---\nname: a\n---\n[^x]: {\n[^y]: {"rel-type": 1}\n[^z]: {"rel-type" 1}\n',
         ["schema.validation", "schema.validation", "schema.relationship_footnote_json_parse"]),
        (b"---\nmetadata: {snoai-llmix: {odd: 1, common: {provider: x, model: m}}}\n---\n",
         ["llmix.invalid_provider", "llmix.unknown_namespace_key"]),
        (b"---\nsignatures: []\n---\n", ["schema.validation", "schema.validation"]),
    ],
)  # fmt: skip
def test_what_is_not_valid(cli: Mda, text: bytes, codes: list[str]) -> None:
    cli.write("a.mda", text)
    said = cli("validate a.mda", 1)
    assert sorted(each["code"] for each in said["diagnostics"]) == sorted(codes)
    assert said["nextActions"][0]["command"] == "mda validate a.mda --target source"


def test_relationships_in_footnotes(cli: Mda) -> None:
    cli.write("a.mda", '---\nname: a\n---\nText[^1].\n\n[^1]: {"rel-type": "cites", "doc-id": "x"}\n')
    assert cli("validate a.mda")["ok"]


def test_so_many_relationships_are_too_many(cli: Mda) -> None:
    note = '[^1]: {"rel-type": "cites", "doc-id": "x"}\n'
    cli.write("a.mda", "---\nname: a\n---\n" + note * 100)
    cli("validate a.mda")
    cli.write("a.mda", "---\nname: a\n---\n" + note * 101)
    (wrong,) = cli("validate a.mda", 1)["diagnostics"]
    assert wrong["message"] == "more than 100 footnotes are relationships"


def test_what_kind_a_document_is(cli: Mda) -> None:
    cli.write("AGENTS.md", "# Body\n")
    cli.write("SKILL.md", "---\nname: a\ndescription: D\nallowed-tools: Read\n---\n")
    cli.write("other.md", "---\nname: a\n---\n")
    cli.write("other.txt", "---\nname: a\n---\n")
    assert cli("validate AGENTS.md")["target"] == "AGENTS.md"
    assert cli("validate SKILL.md")["nextActions"][0]["id"] == "verify-integrity"
    assert "Ambiguous Markdown target" in cli("validate other.md", 2)["diagnostics"][0]["message"]
    assert "Could not auto-detect" in cli("validate other.txt", 2)["diagnostics"][0]["message"]
    assert cli("validate other.md --target source")["ok"]
    assert cli.codes("validate other.md --target SKILL.md") == ["schema.validation"]
    assert cli.codes("validate other.md --target PDF", 2) == ["input.usage"]
    cli.write("AGENTS.md", " \n")
    assert cli.codes("validate AGENTS.md") == ["input.missing_required_body"]
    cli.write("MCP-SERVER.md", "# x\n")
    assert cli.codes("validate MCP-SERVER.md") == ["input.missing_required_frontmatter"]


def test_a_file_that_is_not_there_is_not_valid(cli: Mda) -> None:
    for line in ("validate x.mda", "canonicalize x.mda", "integrity verify x.mda"):
        (wrong,) = cli(line, 1)["diagnostics"]
        assert (wrong["code"], wrong["path"]) == ("filesystem.io", "x.mda")


# ------------------------------------------------------------------------------------ canonicalize


def test_canonical_bytes(cli: Mda) -> None:
    cli.write("a.mda", SEED)
    said = cli("canonicalize a.mda")
    text = base64.b64decode(said["canonicalBytesBase64"])
    assert list(said)[7:] == ["file", "target", "files", "byteLength", "canonicalBytesBase64"]
    assert said["byteLength"] == len(text)
    assert document(SEED).canonical == text
    status, out, err = cli.shell("canonicalize a.mda")
    assert (status, out.encode(), err) == (0, text, "")


def test_a_sidecar(cli: Mda) -> None:
    cli.write("MCP-SERVER.md", "---\nname: a\ndescription: D\n---\n")
    cli.write("mcp-server.json", {"b": 1, "a": 2})
    assert cli.codes("canonicalize MCP-SERVER.md", 2) == ["integrity.missing_required_sidecar"]
    said = cli("canonicalize MCP-SERVER.md --sidecar mcp-server.json")
    text = base64.b64decode(said["canonicalBytesBase64"])
    assert text.endswith(b'---\n\n--MDA-FILE-BOUNDARY--\n{"a":2,"b":1}')
    assert said["files"] == ["MCP-SERVER.md", "mcp-server.json"]
    assert cli.codes("canonicalize MCP-SERVER.md --sidecar x.json", 3) == ["filesystem.io"]
    cli.write("bad.json", "{")
    assert cli.codes("canonicalize MCP-SERVER.md --sidecar bad.json") == ["input.invalid_json"]
    cli("integrity compute MCP-SERVER.md --sidecar mcp-server.json --write")
    cli("integrity verify MCP-SERVER.md --sidecar mcp-server.json")
    cli.write("mcp-server.json", {"b": 1, "a": 3})
    assert cli.codes("integrity verify MCP-SERVER.md --sidecar mcp-server.json") == ["integrity.mismatch"]
    cli.write("a.mda", SEED)
    assert cli.codes("integrity compute a.mda --sidecar mcp-server.json --write", 2) == ["input.usage"]


# ---------------------------------------------------------------------------------------- integrity


def test_a_digest(cli: Mda) -> None:
    cli.write("a.mda", SEED)
    said = cli("integrity compute a.mda")
    assert list(said)[7:] == ["message", "file", "target", "files", "algorithm", "digest"]
    assert said["digest"] == said["message"] == said["artifacts"][0]["digest"] == DIGEST
    assert said["nextActions"][0]["id"] == "record-integrity"
    assert cli("integrity compute a.mda --algorithm sha512")["digest"].startswith("sha512:")
    assert cli.codes("integrity compute a.mda --algorithm md5", 2) == ["input.usage"]
    assert cli.codes("integrity verify a.mda") == ["integrity.missing_required"]


def test_a_digest_is_written_once(cli: Mda) -> None:
    text = SEED.replace(b"name:", b"# ours\nname:").replace(b"\n", b"\r\n")
    cli.write("a.mda", text)
    (cli.folder / "a.mda").chmod(0o640)
    said = cli("integrity compute a.mda --write")
    assert (said["written"], said["message"]) == (True, "wrote integrity to a.mda")
    after = (cli.folder / "a.mda").read_bytes()
    entry = f"integrity:\r\n  algorithm: sha256\r\n  digest: {DIGEST}\r\n".encode()
    assert after == text.replace(b"---\r\n# openai_fast", entry + b"---\r\n# openai_fast")
    assert (cli.folder / "a.mda").stat().st_mode & 0o777 == 0o640
    assert cli("integrity compute a.mda --write")["written"] is False
    assert cli("integrity verify a.mda")["expected"] == DIGEST
    assert (cli.folder / "a.mda").read_bytes() == after


def test_a_digest_that_is_no_longer_right(cli: Mda) -> None:
    cli.write("a.mda", SEED)
    cli("integrity compute a.mda --write")
    cli.write("a.mda", (cli.folder / "a.mda").read_bytes() + b"More.\n")
    said = cli("integrity compute a.mda --write", 1)
    assert said["diagnostics"][0]["code"] == "integrity.existing_mismatch"
    assert said["written"] is False
    said = cli("integrity verify a.mda", 1)
    assert (said["diagnostics"][0]["code"], said["declared"]) == ("integrity.mismatch", DIGEST)
    assert said["nextActions"][0]["id"] == "recompute-integrity"


def test_a_digest_is_replaced_if_asked_for_and_signatures_over_the_old_one_go(signed: Mda) -> None:
    text = (signed.folder / SOURCE).read_text().replace("gpt-5-mini", "gpt-5  # bigger")
    signed.write(SOURCE, text)
    said = signed(f"integrity compute {SOURCE} --write --replace")
    assert said["written"] is True
    start, end = text.index("integrity:"), text.index("---\n# ")
    entry = f"integrity:\n  algorithm: sha256\n  digest: {said['digest']}\n"
    assert (signed.folder / SOURCE).read_text() == text[:start] + entry + text[end:]
    assert signed(f"integrity compute {SOURCE} --write --replace")["written"] is False
    signed(f"sign {SOURCE} {SIGN} --in-place")


def test_other_algorithms(cli: Mda) -> None:
    cli.write("a.mda", SEED.replace(b"name:", b"integrity: {algorithm: md5, digest: 'md5:0'}\nname:"))
    assert cli.codes("integrity verify a.mda") == ["integrity.unsupported_algorithm"]


def test_what_has_no_front_matter_has_no_digest(cli: Mda) -> None:
    cli.write("AGENTS.md", "# only\n")
    said = cli("integrity compute AGENTS.md", 1)
    assert said["diagnostics"][0]["code"] == "input.missing_required_frontmatter"
    assert said["nextActions"][0]["command"] == "mda integrity compute AGENTS.md --target AGENTS.md"


def test_a_folder_that_cannot_be_written_to(cli: Mda) -> None:
    cli.write("file", "x")
    assert cli.codes(f"{INIT} --out file/a.mda", 3) == ["filesystem.io"]
    assert cli.codes(f"sign {SOURCE} {SIGN} --in-place") == ["filesystem.io"]
