"""Loading presets from files, as strictly as is asked; by LLMix's names, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import muxi_llm.llmix
from muxi_llm.llmix import (
    MdaConfigLoadOptions,
    build_mda_config_file_path,
    load_mda_config,
    load_mda_config_from_file,
    load_mda_config_preset,
)
from muxi_llm.llmix.types import ConfigAccessError, ConfigNotFoundError, InvalidConfigError, SecurityError
from muxi_llm.presets import load
from muxi_llm.presets.did_web import DidWebVerifier
from muxi_llm.presets.errors import MdaError
from tests.presets.signing import OTHER_KEY, POLICY, did_document, method, signed
from tests.presets.test_sigstore import ENTRY, Fulcio, Rekor
from tests.presets.test_source import SEED, preset_text

BY_DID = DidWebVerifier([did_document()], lambda: 1_800_000_000.0)
SIGNED = signed(preset_text())


def written(folder: Path, data: bytes, name: str = "m/p.mda") -> Path:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def test_the_seeds_preset(tmp_path: Path) -> None:
    path = written(tmp_path, SEED, "config/llm/source/search_summary/openai_fast.mda")
    wanted = {
        "provider": "openai",
        "model": "gpt-5-mini",
        "common": {"temperature": 0.2, "max_output_tokens": 512},
        "caching": {"strategy": "redis-or-memory"},
        "provider_options": {"openai": {"reasoning_effort": "medium"}},
        "description": "Fast OpenAI preset for search summaries.",
    }
    assert load_mda_config(str(path)) == wanted
    assert load_mda_config_preset("openai_fast", path.parent) == wanted
    assert load_mda_config_preset("openai_fast.mda", str(path.parent)) == wanted
    assert load_mda_config_from_file(path.parents[1], "search_summary", "openai_fast") == wanted
    assert build_mda_config_file_path(path.parents[1], "search_summary", "openai_fast") == path
    preset = load(path)
    assert preset.body.startswith("# openai_fast\n")
    assert preset.config["providerOptions"] == {"openai": {"reasoningEffort": "medium"}}
    assert len(preset.warnings) == 1
    with pytest.raises(
        InvalidConfigError, match=r"MDA config failed for .*openai_fast.mda: \[schema-violation\] /name"
    ):
        load(path, strict=True)


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    path = written(tmp_path, SEED)
    with pytest.raises(ConfigNotFoundError):
        load(tmp_path / "none.mda")
    with pytest.raises(ConfigAccessError):
        load(written(tmp_path, b"", "folder.mda/x").parent)
    with pytest.raises(InvalidConfigError, match="mda files"):
        load(written(tmp_path, SEED, "m/p.yaml"))
    with pytest.raises(InvalidConfigError, match="no longer YAML"):
        load_mda_config_preset("p.yml", path.parent)
    with pytest.raises(InvalidConfigError, match="invalid-encoding"):
        load(written(tmp_path, b"---\nname: \xff\n---\n", "m/bad.mda"))
    written(tmp_path, preset_text(module="other"))
    with pytest.raises(InvalidConfigError, match="module must be that of the path"):
        load_mda_config_from_file(tmp_path, "m", "p")
    assert load(path).module == "other"


def test_names_do_not_lead_elsewhere(tmp_path: Path) -> None:
    path = written(tmp_path, SEED)
    for module, preset in (("..", "p"), ("m", "../p"), ("m", "$p"), ("M", "p"), ("m", "p/q")):
        with pytest.raises(SecurityError):
            load_mda_config_from_file(tmp_path, module, preset)
    outside = written(tmp_path, SEED, "elsewhere/p.mda")
    (tmp_path / "m/link.mda").symlink_to(outside)
    for act in (lambda: load(tmp_path / "m/link.mda"), lambda: load_mda_config_preset("link", path.parent)):
        with pytest.raises(SecurityError, match="Path traversal detected"):
            act()


def category(path: Path, **options: Any) -> str:
    with pytest.raises(MdaError) as caught:
        load(path, **options)
    assert caught.value.path == str(path)
    return caught.value.category


def test_integrity_is_checked_if_asked_for(tmp_path: Path) -> None:
    assert load(written(tmp_path, SIGNED), verify_integrity=True).id is None
    changed = written(tmp_path, SIGNED.replace(b"Body.", b"Other."))
    assert load(changed).body == "Other.\n"
    assert category(changed, verify_integrity=True) == "integrity-mismatch"
    assert category(written(tmp_path, SEED), verify_integrity=True) == "missing-required-integrity"


def test_signatures_are_checked_if_asked_for(tmp_path: Path) -> None:
    trusted = {"trust_policy": POLICY, "did_web_verifier": BY_DID}
    path = written(tmp_path, SIGNED)
    for asked in ({"verify_signatures": True}, {"trusted_runtime": True}):
        assert load(path, **asked, **trusted)
        assert category(path, **asked) == "trust-policy-violation"
        assert category(path, **asked, trust_policy=POLICY) == "trust-policy-violation"
    evil = DidWebVerifier([did_document(method(OTHER_KEY))], lambda: 0.0)
    assert (
        category(path, trusted_runtime=True, trust_policy=POLICY, did_web_verifier=evil)
        == "signature-verification-failure"
    )
    assert category(written(tmp_path, SEED), trusted_runtime=True, **trusted) == "missing-required-integrity"
    bare = SIGNED[: SIGNED.index(b"signatures:")] + SIGNED[SIGNED.index(b"---\nBody") :]
    assert category(written(tmp_path, bare), trusted_runtime=True, **trusted) == "missing-required-signature"
    options = MdaConfigLoadOptions(trusted_runtime=True, trust_policy=POLICY, did_web_verifier=BY_DID)
    assert load_mda_config(written(tmp_path, SIGNED), options)["model"] == "m"


def test_networks_are_checked_if_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, preset_text().replace(b'"name"', b'"requires": {"network": ["a.test"]}, "name"'))
    assert load(path).network == ["a.test"]
    assert load(path, enforce_requires=True, allowed_networks=["a.test"])
    assert category(path, enforce_requires=True, allowed_networks=["b.test"]) == "requires-not-satisfied"
    assert category(path, enforce_requires=True) == "requires-not-satisfied"


def test_llmix_has_these_names_and_no_others() -> None:
    assert muxi_llm.llmix.load_mda_config is load_mda_config
    with pytest.raises(AttributeError, match="has no attribute 'load_yaml'"):
        muxi_llm.llmix.load_yaml  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'save'"):
        muxi_llm.presets.save  # noqa: B018


# ------------------------------------------------------------------------------------------- shared

CASES = [
    "01-minimal", "02-with-integrity", "03-sigstore-signed", "04-with-requires-network", "05-bom-prefixed",
    "06-crlf-line-endings", "07-body-contains-hr", "08-empty-body", "09-unterminated-frontmatter",
    "10-yaml-parse-error", "11-integrity-mismatch", "12-signature-digest-mismatch", "13-non-utf8",
    "14-rekor-entry-type-wrong", "15-network-violation", "sample_preset",
]  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("case", CASES)
def test_llmixs_own_documents(case: str, shared: Path) -> None:
    """Each gets the verdict and the error that its manifest has for it."""
    from dataclasses import replace as altered

    from muxi_llm.presets import canonical, network, source, trust
    from muxi_llm.presets.sigstore import SigstoreChecker
    from muxi_llm.presets.yaml import Limits, read_yaml

    folder = shared / "fixtures/llmix/fixtures/mda"
    listed = read_yaml((folder / "manifest.yaml").read_text(), Limits(size=100_000, nodes=5000))["fixtures"]
    entry = next(
        (each for each in listed if each["id"] == case),
        {"verdict": "accept", "semantic-checks": ["integrity"]},
    )
    (path,) = folder.glob(f"*/{case}*")
    checks = entry.get("semantic-checks", ())

    def opened() -> None:
        found = source.document(path.read_bytes())
        source.check(found, strict=True)
        if "integrity" in checks:
            canonical.check_integrity(found.canonical, found.front["integrity"])
        if "signatures" in checks:
            signatures, integrity = found.front["signatures"], found.front["integrity"]
            kind = "hashedrekord-v0.0.1" if case.startswith("14") else "dsse-v0.0.1"
            trust.verify(
                signatures, integrity, by_human, {"sigstore-oidc": _by_log(signatures[0], integrity, kind)}
            )
        if "requires-network" in checks:
            network.check_allowed(found.front["requires"]["network"], ["api.openai.com"])

    human = {"type": "sigstore-oidc", "issuer": "https://accounts.google.com", "subject": "a@b.test"}
    by_human = {"version": 1, "trustedSigners": [human], "rekor": {"url": "https://rekor.sigstore.dev"}}

    def _by_log(claim: Any, integrity: Any, kind: str) -> Any:
        import base64

        payload = base64.b64encode(canonical.integrity_payloads(integrity)[0]).decode()
        envelope = {
            "payload_type": claim.get("payload-type", trust.INTEGRITY_TYPE), "payload": payload,
            "signatures": [{"sig": claim["signature"], "keyid": claim["key-id"]}],
        }  # fmt: skip
        logged = altered(
            ENTRY,
            kind=kind,
            log_id=claim["rekor-log-id"],
            log_index=claim["rekor-log-index"],
            dsse_envelope=envelope,
        )
        rekor = Rekor(logged)
        rekor.fetch_entry = lambda *_: logged  # type: ignore[method-assign]
        return SigstoreChecker(rekor, Fulcio(human))

    if entry["verdict"] == "accept":
        opened()
        return
    with pytest.raises(MdaError) as caught:
        opened()
    assert caught.value.category == entry["expected-error"]


@pytest.mark.shared
def test_every_document_of_llmixs_is_among_the_cases(shared: Path) -> None:
    paths = (shared / "fixtures/llmix/fixtures/mda").glob("*valid/*.mda")
    assert sorted(path.name.split(".")[0] for path in paths) == sorted(CASES)
