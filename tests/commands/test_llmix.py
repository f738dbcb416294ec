"""The command `llmix`: options, codes, objects, and what it says to people."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from muxi_llm.commands import llmix
from muxi_llm.commands import main as muxi_llm_command
from muxi_llm.presets import canonical, evidence
from muxi_llm.presets.did_web import DidWebVerifier
from muxi_llm.presets.loading import LoadOptions, checked
from muxi_llm.presets.source import document
from muxi_llm.presets.trust import Identity
from tests.support.presets import (
    DID,
    ED25519,
    KEY_ID,
    OTHER,
    POLICY,
    Key,
    did_document,
    pem,
    publish,
    source,
    write_json,
)
from tests.support.presets import signer as root_signer

REGISTRY = "config/llm"


class Release:
    """A folder with a plan, signed sources and keys, and the command there."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        os.chdir(folder)
        write_json(folder / "policy.json", POLICY)
        self.key(ED25519)
        self.draft({"a/one": "gpt-5-mini", "b/two": "gpt-4.1"})

    def key(self, key: Key, root: Key | None = None) -> None:
        """Who signs, and what the domain says of it."""
        write_json(self.folder / "did.json", did_document(("release", key)))
        (self.folder / "key.pem").write_bytes(pem(root or key))

    def draft(self, models: dict[str, str]) -> None:
        """Sources, signed, and a plan of them."""
        entries = []
        for name, model in models.items():
            data = signed(source(model).encode())
            path = self.folder / REGISTRY / f"source/{name}.mda"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            module, _, preset = name.partition("/")
            made = document(data)
            who = Identity("did-web", f"did-web:{DID[8:]}", KEY_ID, made.front["integrity"]["digest"])
            entries.append(evidence.plan_source((module, preset), f"{name}.mda", data, made, who))
        plan = evidence.plan(f"{REGISTRY}/source", REGISTRY, "policy.json", entries)
        write_json(self.folder / "plan.json", plan)

    def run(self, *words: str) -> tuple[int, str, str]:
        """Status, and what was said on both streams."""
        self._capsys.readouterr()
        status = llmix.main(list(words))
        told = self._capsys.readouterr()
        return status, told.out, told.err

    def publish(self, revision: str, *more: str, **instead: str) -> tuple[int, Any, str]:
        """`publish-registry`."""
        options = {
            "root": REGISTRY, "release-plan": "plan.json", "revision": revision, "policy": "policy.json",
            "did-document": "did.json", "root-did": DID, "root-key-id": KEY_ID, "root-key-file": "key.pem",
        }  # fmt: skip
        given = {**options, **{name.replace("_", "-"): value for name, value in instead.items()}}
        words = [f"--{name}={value}" for name, value in given.items()]
        status, out, err = self.run("publish-registry", *words, *more, "--json")
        return status, json.loads(out) if out else None, err

    def error(self, *words: str) -> tuple[int, str]:
        """Of a command that fails, by its JSON."""
        status, out, err = self.run(*words, "--json")
        assert not out
        told = json.loads(err)
        assert list(told) == ["ok", "error"]
        assert told["ok"] is False
        return status, told["error"]


def signed(data: bytes) -> bytes:
    """A source with integrity and the release key's signature."""
    made = document(data)
    integrity = {"algorithm": "sha256", "digest": made.digest()}
    whole = document(made.with_entry("integrity", integrity))
    payload = canonical.integrity_payloads(integrity)[0]
    kind = "application/vnd.mda.integrity+json"
    entry = {
        "signer": "did-web:config.example.com", "key-id": KEY_ID, "payload-digest": integrity["digest"],
        "algorithm": "ed25519", "payload-type": kind,
        "signature": base64.b64encode(ED25519.sign(canonical.pae(kind, payload))).decode(),
    }  # fmt: skip
    out = whole.with_entry("signatures", [entry])
    verifier = DidWebVerifier([did_document(("release", ED25519))], lambda: 0.0)
    checked(out, LoadOptions(trusted_runtime=True, trust_policy=POLICY, did_web_verifier=verifier))
    return out


@pytest.fixture
def release(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Release:
    monkeypatch.chdir(tmp_path)
    return Release(tmp_path, capsys)


# ---------------------------------------------------------------------------------- publish-registry


def test_publishing(release: Release) -> None:
    status, told, err = release.publish("r1")
    assert (status, err) == (0, "")
    assert told["root"] == str(release.folder / REGISTRY)
    assert told["current"] == str(release.folder / REGISTRY / "current.json")
    assert told["activated"] is True
    assert told["presetIds"] == ["a/one", "b/two"]
    assert Path(told["registryRootPath"]).is_file()
    status, told, _ = release.publish("r2", "--no-activate")
    assert (status, told["activated"]) == (0, False)
    status, told, _ = release.publish("r3", "--keep", "1")
    assert told["collected"] == ["r2", "r1"]


def test_publishing_says_what_comes_next(release: Release) -> None:
    status, out, _ = release.run(
        "publish-registry", "--release-plan", "plan.json", "--revision", "r1", "--policy", "policy.json",
        "--did-document", "did.json", "--root-did", DID, "--root-key-id", KEY_ID, "--root-key-file", "key.pem",
    )  # fmt: skip
    assert status == 0
    first, second, last = out.splitlines()
    assert first == "ok: publish-registry"
    assert second == "r1: a/one, b/two"
    assert last.startswith("Next: mda release finalize --target llmix-registry --registry-dir config/llm")


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)], ids=["ec", "rsa"]
)
def test_publishing_with_other_keys(release: Release, key: Key) -> None:
    document = did_document(("release", ED25519), ("root", key))
    write_json(release.folder / "did.json", document)
    (release.folder / "key.pem").write_bytes(pem(key))
    status, _, err = release.publish("r1", root_key_id=f"{DID}#root")
    assert (status, err) == (0, "")
    status, out, _ = release.run(
        "check-registry",
        "--trust",
        "policy.json",
        "--preset",
        "a/one",
        "--did-document",
        "did.json",
        "--json",
    )
    assert (status, json.loads(out)["model"]) == (0, "gpt-5-mini")


def test_what_is_not_published(release: Release) -> None:
    plan = json.loads((release.folder / "plan.json").read_text())
    inside = f"{REGISTRY}/plan.json"
    write_json(release.folder / inside, plan)
    write_json(release.folder / "elsewhere.json", {**plan, "registryDir": "other"})
    write_json(release.folder / "spoiled.json", {**plan, "sourceSetDigest": "sha256:" + "0" * 64})
    write_json(release.folder / "no.json", [])
    for given, message in (
        ({"release_plan": inside}, "release plan must be outside the registry root"),
        ({"release_plan": "elsewhere.json"}, "release plan is for another registry"),
        ({"release_plan": "spoiled.json"}, "sourceSetDigest"),
        ({"release_plan": "no.json"}, "Release plan"),
        ({"release_plan": "none.json"}, "No such file"),
        ({"root_key_file": "plan.json"}, "no private key"),
        ({"revision": "../r"}, "a revision is letters"),
    ):
        status, _, err = release.publish(**{"revision": "r1", **given})
        assert status == 1, given
        assert message in json.loads(err)["error"]
    assert not (release.folder / REGISTRY / "compiled").exists()


def test_only_what_the_plan_is_of_is_published(release: Release) -> None:
    path = release.folder / REGISTRY / "source/a/one.mda"
    data = path.read_bytes()
    path.write_bytes(data + b"\n")
    status, _, err = release.publish("r1")
    assert (status, "source digest is not the release plan's: a/one" in err) == (1, True)
    path.unlink()
    status, _, err = release.publish("r1")
    assert "sources are not the release plan's: a/one" in err
    path.write_bytes(data)
    (path.parent / "extra.mda").write_bytes(data)
    status, _, err = release.publish("r1")
    assert "sources are not the release plan's: a/extra" in err


def test_nothing_is_published_that_nobody_would_trust(release: Release) -> None:
    release.key(ED25519, root=OTHER)
    status, _, err = release.publish("r1")
    assert (status, "signature-verification-failure" in err) == (1, True)
    release.key(OTHER)
    status, _, err = release.publish("r1")
    assert "a/one.mda" in err
    assert not (release.folder / REGISTRY / "current.json").exists()


# ------------------------------------------------------------------------------------- check-registry


def test_checking(release: Release) -> None:
    release.publish("r1")
    words = ["check-registry", "--trust=policy.json", "--preset=a/one", "--did-document=did.json"]
    status, out, _ = release.run(*words, "--tamper-proof")
    assert status == 0
    assert out.splitlines()[1] == "a/one of r1: openai/gpt-5-mini"
    assert "refused: Registry root file digest mismatch" in out
    status, out, _ = release.run(*words, "--json")
    assert json.loads(out)["tamperProof"] is None


def test_what_is_wrong_with_a_check(release: Release) -> None:
    release.publish("r1")
    trusted = ["--trust", "policy.json", "--did-document", "did.json"]
    write_json(release.folder / REGISTRY / "policy.json", POLICY)
    for words, status, message in (
        ([*trusted, "--preset", "one"], 2, "--preset must use <module>/<preset>"),
        (["--trust", "policy.json", "--preset", "a/one"], 2, "did:web policy requires --did-document"),
        (
            [*trusted, "--preset", "a/none"],
            1,
            "Preset not found in active Config Registry revision r1: a/none",
        ),
        (
            ["--trust", f"{REGISTRY}/policy.json", "--did-document", "did.json", "--preset", "a/one"],
            1,
            "trust anchor must be outside the registry root",
        ),
        ([*trusted], 2, "required: --preset"),
        ([*trusted, "--preset", "a/one", "--nope"], 2, "unrecognized arguments: --nope"),
        ([*trusted, "--preset", "a/one", "more"], 2, "unrecognized arguments: more"),
        ([*trusted, "--preset", "a/one", "--root", "none"], 1, "missing: current.json"),
    ):
        code, error = release.error("check-registry", *words)
        assert code == status, words
        assert message in error
    status, out, err = release.run("check-registry", "--trust", "policy.json", "--preset", "a/one")
    assert (status, out) == (2, "")
    assert err.startswith("llmix: did:web policy requires")
    release.key(OTHER)
    code, error = release.error("check-registry", *trusted, "--preset", "a/one")
    assert (code, "Registry root signature verification failed" in error) == (1, True)


# -------------------------------------------------------------------------------- list, diff, rollback


def test_list_diff_and_rollback(release: Release) -> None:
    release.publish("r1")
    release.draft({"a/one": "gpt-5", "b/two": "gpt-4.1"})
    release.publish("r2")
    status, out, _ = release.run("list")
    assert [line[:5] for line in out.splitlines()[1:]] == ["* r2 ", "  r1 "]
    _, out, _ = release.run("list", "--json")
    told = json.loads(out)
    assert told["active"] == "r2"
    assert [row["revision"] for row in told["revisions"]] == ["r2", "r1"]
    assert told["revisions"][0]["signed"] is True
    _, out, _ = release.run("diff", "r1")
    assert '    model: "gpt-5-mini" -> "gpt-5"' in out.splitlines()
    _, out, _ = release.run("diff", "r2", "r1", "--json")
    assert json.loads(out)["changed"] == {"a/one": {"model": ["gpt-5", "gpt-5-mini"]}}
    status, out, _ = release.run("rollback")
    assert (status, out.splitlines()[1]) == (0, "r2 -> r1")
    assert "publish it anew" in out
    code, error = release.error("rollback")
    assert (code, "there is no release before" in error) == (1, True)
    status, out, _ = release.run("rollback", "--to", "r2", "--json")
    assert json.loads(out)["revision"] == "r2"


def test_going_back_with_a_new_revision(release: Release) -> None:
    release.publish("r1")
    release.draft({"a/one": "gpt-5", "b/two": "gpt-4.1"})
    release.publish("r2")
    code, error = release.error("rollback", "--revision", "r3")
    assert (code, "--revision needs" in error) == (2, True)
    signing = ["--root-did", DID, "--root-key-id", KEY_ID, "--root-key-file", "key.pem"]
    status, out, _ = release.run("rollback", "--revision", "r3", *signing, "--json")
    assert (status, json.loads(out)["revision"]) == (0, "r3")
    status, out, _ = release.run(
        "check-registry",
        "--trust",
        "policy.json",
        "--preset",
        "a/one",
        "--did-document",
        "did.json",
        "--json",
    )
    assert json.loads(out)["model"] == "gpt-5-mini"
    broken = release.folder / REGISTRY / "compiled/r1/source/a/one.mda"
    broken.write_text("evil")
    code, error = release.error("rollback", "--to", "r1", "--revision", "r4", *signing)
    assert (code, "digest mismatch" in error) == (1, True)
    _, out, _ = release.run("list")
    assert "digest mismatch" in out


def test_releases_that_differ_in_their_presets(release: Release) -> None:
    folder = release.folder / REGISTRY
    publish(folder, "r1", key=ED25519)
    (folder / "source/a/one.mda").unlink()
    publish(folder, "r2", {"c/three": source("m", more="      temperature: 1\n")})
    _, out, _ = release.run("diff", "r1", "r2")
    assert out.splitlines()[1:] == ["+ c/three", "- a/one"]
    assert root_signer().min_signatures == 1


def test_nothing_there(release: Release) -> None:
    assert release.run("list")[1].splitlines() == ["ok: list"]
    code, error = release.error("diff", "r1")
    assert (code, "missing" in error) == (1, True)


def test_as_a_command_of_ours(release: Release, capsys: pytest.CaptureFixture[str]) -> None:
    assert muxi_llm_command.main(["llmix", "list"]) == 0
    assert capsys.readouterr().out == "ok: list\n"
    with pytest.raises(SystemExit) as caught:
        muxi_llm_command.main(["llmix", "--help"])
    assert caught.value.code == 0
    assert "publish-registry" in capsys.readouterr().out
