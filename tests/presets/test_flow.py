"""The way of a preset from its first draft to a service that serves it: LLMix's own commands, word for word."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import muxi_llm
from muxi_llm.presets.errors import MdaError, ReleaseError, SecurityError
from muxi_llm.presets.publish import ConfigRegistryPublisher, ConfigRegistryPublishOptions
from tests.conftest import SHARED
from tests.presets.test_source import SEED
from tests.support.presets import POLICY, publish, signer, tree, write_json
from tests.support.release import FLOW, Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def test_the_whole_flow(place: Workplace) -> None:
    told = place.said(FLOW.read_text())
    assert [one["ok"] for one in told] == [True] * len(told)
    published, checked = (next(one for one in told if one["command"] == name) for name in (
        "publish-registry", "check-registry",
    ))  # fmt: skip
    assert list(published) == [
        "ok", "command", "root", "releasePlan", "revision", "activated", "current", "compiledPath",
        "manifestPath", "manifestSha256", "registryRootPath", "registryRootSha256", "presetIds",
    ]  # fmt: skip
    assert published["presetIds"] == ["search_summary/openai_fast"]
    assert list(checked) == [
        "ok", "command", "root", "trust", "activeRevision", "preset", "provider", "model", "tamperProof",
    ]  # fmt: skip
    assert checked["model"] == "gpt-5-mini"
    assert checked["tamperProof"]["rejected"] is True
    assert checked["tamperProof"]["message"].startswith("Registry root file digest mismatch: compiled/")
    trust, keys = place.folder / "deploy/llmix-trust.json", [place.folder / "release/did.json"]
    served = muxi_llm.presets.open(place.registry, trust=trust, did_documents=keys)
    assert served.get_preset("search_summary", "openai_fast")["model"] == "gpt-5-mini"


def test_the_documents_own_preset_is_taken_and_strict_says_why_others_would_not(tmp_path: Path) -> None:
    path = tmp_path / "openai_fast.mda"
    path.write_bytes(SEED)
    preset = muxi_llm.presets.load(path)
    assert preset.config["common"] == {"temperature": 0.2, "maxOutputTokens": 512}
    assert preset.body == "# openai_fast\nSummarize search results for a research workflow.\n"
    assert any("/name" in warning for warning in preset.warnings)
    with pytest.raises(MdaError, match='/name must match pattern "'):
        muxi_llm.presets.load(path, strict=True)
    registry = tmp_path / "config/llm"
    shutil.copytree(tmp_path, registry / "source/search_summary", ignore=lambda *_: ["config"])
    ConfigRegistryPublisher(registry).publish("r1")
    resolved = registry / "compiled/r1/resolved/search_summary/openai_fast.json"
    assert json.loads(resolved.read_text())["common"]["temperature"] == 0.2


# ------------------------------------------------------------------------------------- LLMix's release

RELEASE = SHARED / "fixtures/llmix/derived/secure_release"


@pytest.mark.shared
def test_a_release_of_llmixs_own_is_served() -> None:
    trust, keys = RELEASE / "deploy/llmix-trust.json", [RELEASE / "release/did.json"]
    for pin in ("digest", "signer"):
        served = muxi_llm.presets.open(RELEASE / "config/llm", trust=trust, did_documents=keys, pin=pin)
        assert served.active_revision == "2026-05-14T000000Z"
        config = served.get_preset("search_summary", "openai_fast")
        assert (config["provider"], config["model"]) == ("openai", "gpt-5-mini")
        assert config["common"]["max_output_tokens"] == 512


@pytest.mark.shared
def test_our_publisher_makes_the_same_release(tmp_path: Path) -> None:
    registry = tmp_path / "config/llm"
    shutil.copytree(RELEASE / "config/llm/source", registry / "source")
    theirs = RELEASE / "config/llm"
    manifest = json.loads((theirs / "compiled/2026-05-14T000000Z/manifest.json").read_text())
    options = ConfigRegistryPublishOptions(signer(), published_at=manifest["published_at"])
    ConfigRegistryPublisher(registry).publish("2026-05-14T000000Z", True, options)
    shutil.rmtree(registry / "compiled/.staging")
    assert tree(registry) == tree(theirs), "with their time and their key, to the last byte"


@pytest.mark.shared
def test_that_release_passes_our_own_command(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    for part in ("config", "deploy", "release"):
        shutil.copytree(RELEASE / part, tmp_path / part, dirs_exist_ok=True)
    (told,) = place.said(
        "llmix check-registry --trust deploy/llmix-trust.json --preset search_summary/openai_fast "
        "--did-document release/did.json --tamper-proof --json"
    )
    assert told["activeRevision"] == "2026-05-14T000000Z"


def test_without_a_key_nothing_signed_is_served(place: Workplace) -> None:
    publish(place.registry, "r1", {"a/one": SEED.decode()})
    policy = write_json(place.folder / "policy.json", POLICY)
    with pytest.raises(ReleaseError, match="it needs a verifier"):
        muxi_llm.presets.open(place.registry, trust=policy)
    with pytest.raises(SecurityError, match="must be outside the registry root"):
        muxi_llm.presets.open(place.registry, trust=write_json(place.registry / "policy.json", POLICY))
    for wrong in ([], {"kind": "llmix-trust-manifest"}):
        with pytest.raises(SecurityError):
            muxi_llm.presets.open(place.registry, trust=write_json(place.folder / "wrong.json", wrong))
    assert muxi_llm.presets.open(place.registry).active_revision == "r1"
    wanted = {"did_documents": [place.folder / "release/did.json"], "minimum_revision": "r1"}
    assert muxi_llm.presets.open(place.registry, trust=POLICY, **wanted).active_revision == "r1"
