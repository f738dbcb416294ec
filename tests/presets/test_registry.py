"""Serving a registry: what is right is served, what is not is refused, and what was right goes on being served."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from muxi_llm.presets.did_web import DidWebVerifier
from muxi_llm.presets.errors import (
    ConfigNotFoundError,
    InvalidConfigError,
    ReleaseError,
    SecurityError,
)
from muxi_llm.presets.publish import ConfigRegistryPublisher, ConfigRegistryPublishOptions
from muxi_llm.presets.registry import (
    ConfigRegistryManager,
    ConfigRegistryOpenOptions,
    RegistryRootFreshnessInput,
    RegistryRootVerificationOptions,
)
from muxi_llm.presets.sigstore import RekorEntry
from muxi_llm.presets.source import read_preset
from tests.support.length import long
from tests.support.patience import until
from tests.support.presets import (
    DOMAIN,
    ED25519,
    OTHER,
    POLICY,
    Key,
    did_document,
    publish,
    signer,
    source,
    write_sources,
)

MORE = "      temperature: 0.2\n      maxOutputTokens: 64\n    caching:\n      strategy: memory\n"


def signed(*keys: tuple[str, Key], not_after: str | None = None, **wanted: Any) -> ConfigRegistryOpenOptions:
    """Trust in the example's domain, whose keys these are."""
    document = did_document(*(keys or (("release", ED25519),)), not_after=not_after)
    wanted = {"trust_policy": POLICY, "did_web_verifier": DidWebVerifier([document], time.time), **wanted}
    return ConfigRegistryOpenOptions(RegistryRootVerificationOptions(**wanted))


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Two signed releases, of which the second is served."""
    registry = tmp_path / "config/llm"
    publish(registry, "r1", {"a/one": source("m1", more=MORE), "b/two": source("m1", more=MORE)})
    publish(registry, "r2", {"a/one": source("m2", more=MORE), "b/two": source("m2", more=MORE)})
    return registry


def model(served: ConfigRegistryManager) -> str:
    return str(served.get_preset("a", "one")["model"])


# --------------------------------------------------------------------------------------- what it serves


def test_what_is_served(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    assert served.active_revision == "r2"
    assert served.available_presets() == ["a/one", "b/two"]
    config = served.get_preset("a", "one")
    assert config == {
        "provider": "openai",
        "model": "m2",
        "description": "Fast.",
        "common": {"temperature": 0.2, "max_output_tokens": 64},
        "caching": {"strategy": "memory"},
    }
    config["common"]["temperature"] = 9
    assert served.get_preset("a", "one")["common"]["temperature"] == 0.2
    preset = served.preset("a/one")
    assert (preset.revision, preset.body) == ("r2", "# Notes\n\nBe brief.\n")
    assert served.preset("a/one") is preset
    assert served.last_successful_reload_at is not None
    assert served.last_reload_failure_at is None


def test_a_preset_that_is_not_there(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry)
    with pytest.raises(ConfigNotFoundError, match="not found in active Config Registry revision r2: a/three"):
        served.get_preset("a", "three")


def test_a_new_release_is_served_at_the_next_call(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    held = served.current()
    publish(registry, "r3", {"a/one": source("m3")})
    assert model(served) == "m3"
    assert held.preset("a/one").config["model"] == "m2"
    shutil.rmtree(registry / "compiled")  # nothing is read of what is served
    assert model(served) == "m3"


def test_a_release_that_is_collected_while_it_is_read(registry: Path) -> None:
    """A reader that finds its release gone looks again, whatever else happens."""
    publisher = ConfigRegistryPublisher(registry)
    stop = threading.Event()
    wrong: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                held = ConfigRegistryManager.open(registry, signed()).current()
                models = {held.preset(name).config["model"] for name in held.manifest.presets}
                assert models == {held.revision.replace("r", "m")}
            except Exception as error:
                wrong.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(3, 25):
        publish(registry, f"r{number}", {"a/one": source(f"m{number}"), "b/two": source(f"m{number}")})
        publisher.collect(1)
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_a_folder_that_is_a_link_moved_on(registry: Path, tmp_path: Path) -> None:
    shutil.copytree(registry, tmp_path / "next")
    publish(tmp_path / "next", "r3", {"a/one": source("m3")})
    link = tmp_path / "current"
    link.symlink_to(registry)
    served = ConfigRegistryManager.open(link, signed())
    assert model(served) == "m2"
    (tmp_path / "new").symlink_to(tmp_path / "next")
    (tmp_path / "new").replace(link)
    assert model(served) == "m3"


def test_on_an_event_loop_nobody_waits(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())

    async def swap() -> list[str]:
        publish(registry, "r3", {"a/one": source("m3")})
        seen = [model(served)]
        while seen[-1] != "m3":
            await asyncio.sleep(0.001)
            seen.append(model(served))
        return seen

    seen = asyncio.run(asyncio.wait_for(swap(), 30))
    assert set(seen) <= {"m2", "m3"}
    assert served.last_reload_error is None


def test_callers_at_once_reload_once(registry: Path) -> None:
    loads = []

    def watch(asked: RegistryRootFreshnessInput) -> bool:
        loads.append(asked.revision)
        return True

    served = ConfigRegistryManager.open(registry, signed(high_watermark=watch))
    publish(registry, "r3", {"a/one": source("m3")})
    callers = [threading.Thread(target=model, args=(served,)) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert model(served) == "m3"
    assert loads == ["r2", "r3"]


def test_a_call_of_many_does_not_look_each_time(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    assert served.lately().revision == "r2"
    publish(registry, "r3", {"a/one": source("m3")})
    assert until(lambda: served.lately().revision == "r3")


def test_a_fork_is_not_held_up_by_a_thread_it_has_not(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    publish(registry, "r3", {"a/one": source("m3")})
    with served._lock:  # as if another thread were reloading at this moment
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, model(served).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            assert pipe.read() == "m3"
        os.waitpid(child, 0)


# -------------------------------------------------------------------------------------------- tampering


def paths(registry: Path) -> list[str]:
    """Every file of the release that is served, and the pointer."""
    found = [path for path in (registry / "compiled/r2").rglob("*") if path.is_file()]
    return ["current.json", *sorted(path.relative_to(registry).as_posix() for path in found)]


def changed_byte(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def shortened(path: Path, part: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])


def linked(path: Path, outside: Path) -> None:
    shutil.copy(path, outside)
    path.unlink()
    path.symlink_to(outside)


FILES = [
    "current.json",
    "compiled/r2/manifest.json",
    "compiled/r2/registry-root.json",
    *(f"compiled/r2/{kind}/{name}" for kind, end in (("resolved", "json"), ("source", "mda"))
      for name in (f"a/one.{end}", f"b/two.{end}")),
]  # fmt: skip
SPOILED = {
    "current.json": {
        "pointer-invalid", "file-missing", "manifest-digest-mismatch", "binding-mismatch",
    },
    "compiled/r2/manifest.json": {"manifest-digest-mismatch"},
    "compiled/r2/registry-root.json": {
        "root-invalid", "signature-verification-failure", "signature.verification_failed",
        "signature.payload_type_mismatch", "signature.invalid_entry", "signature-digest-mismatch",
        "unknown-signer-method", "no-trusted-signature", "did_web.key_not_found",
        "did_web.document_invalid", "signature.unsupported_algorithm", "schema-violation",
    },
}  # fmt: skip
SPOILED.update({path: {"file-digest-mismatch"} for path in FILES[3:]})


def test_the_loop_knows_every_file(registry: Path) -> None:
    assert sorted(paths(registry)) == sorted(FILES)


def refused(registry: Path, served: ConfigRegistryManager, **wanted: Any) -> str:
    """The code of the refusal, whoever asks; the running manager goes on with what it has."""
    before = served.current()
    with pytest.raises(ReleaseError) as running:
        served.reload()
    assert served.last_reload_error is running.value
    assert served.last_reload_failure_at is not None
    assert served.current() is before
    assert model(served) == before.preset("a/one").config["model"]
    with pytest.raises(ReleaseError) as opening:
        ConfigRegistryManager.open(registry, signed(**wanted))
    assert opening.value.code == running.value.code
    assert str(opening.value) == str(running.value)
    return running.value.code


@pytest.mark.parametrize("path", FILES)
def test_one_byte_changed(registry: Path, path: str) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    whole = (registry / path).read_bytes()
    step = max(len(whole) // long(500, 30), 1)
    for at in range(0, len(whole), step):
        changed_byte(registry / path, at)
        assert refused(registry, served) in SPOILED[path], at
        (registry / path).write_bytes(whole)
    served.reload()
    assert served.last_reload_error is None


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("part", [0, 0.5, 0.999])
def test_truncated(registry: Path, path: str, part: float) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    shortened(registry / path, part)
    # What is missing of the pointer or the root may be a newline, which is signed as well.
    assert refused(registry, served) in SPOILED[path]


@pytest.mark.parametrize("path", FILES)
def test_deleted(registry: Path, path: str) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    (registry / path).unlink()
    assert refused(registry, served) == "file-missing"


@pytest.mark.parametrize("path", FILES)
def test_replaced_by_a_link_out_of_the_tree(registry: Path, tmp_path: Path, path: str) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    linked(registry / path, tmp_path / "outside")
    assert refused(registry, served) == "file-outside"


@pytest.mark.parametrize("path", ["compiled", "compiled/r2", "compiled/r2/source", "compiled/r2/resolved/a"])
def test_a_folder_replaced_by_a_link_out_of_the_tree(registry: Path, tmp_path: Path, path: str) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    shutil.move(registry / path, tmp_path / "outside")
    (registry / path).symlink_to(tmp_path / "outside")
    assert refused(registry, served) == "file-outside"


@pytest.mark.parametrize(
    "path", ["extra", "source/a/three.mda", "resolved/a/three.json", "source/c/one.mda", ".hidden", "link"]
)
def test_added(registry: Path, path: str) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    added = registry / "compiled/r2" / path
    added.parent.mkdir(exist_ok=True)
    if path == "link":
        added.symlink_to(registry)
    else:
        added.write_text(source())
    assert refused(registry, served) == "file-extra"
    ConfigRegistryManager.open(registry)  # nobody has signed it: nobody is asked


@pytest.mark.parametrize("path", FILES[1:])
def test_swapped_with_another_releases(registry: Path, path: str) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    shutil.copy(registry / path.replace("r2", "r1"), registry / path)
    wanted = {"compiled/r2/registry-root.json": {"binding-mismatch"}}
    assert refused(registry, served) in wanted.get(path, SPOILED[path])


def test_two_files_of_a_release_swapped(registry: Path) -> None:
    publish(registry, "r3", {"a/one": source("m3"), "b/two": source("m4")})
    served = ConfigRegistryManager.open(registry, signed())
    one, two = (registry / f"compiled/r3/resolved/{name}.json" for name in ("a/one", "b/two"))
    held = one.read_bytes()
    shutil.copy(two, one)
    two.write_bytes(held)
    assert refused(registry, served) == "file-digest-mismatch"


def test_a_pointer_that_says_the_same_in_other_words(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    pointer = registry / "current.json"
    pointer.write_text(json.dumps(json.loads(pointer.read_text())))
    assert refused(registry, served) == "binding-mismatch"


def test_rolled_back_to_an_older_signed_release(registry: Path, tmp_path: Path) -> None:
    wanted = {"minimum_revision": "r2"}
    served = ConfigRegistryManager.open(registry, signed(**wanted))
    ConfigRegistryPublisher(registry).activate("r1")
    assert refused(registry, served, **wanted) == "revision-rollback"
    assert "Registry root revision r1 is older than minimum r2" in str(served.last_reload_error)


def test_rolled_back_by_its_time(tmp_path: Path) -> None:
    registry = tmp_path / "config/llm"
    publish(registry, "r1", {"a/one": source("m1")}, published_at="2026-05-14T00:00:00.000Z")
    publish(registry, "r2", {"a/one": source("m2")}, published_at="2026-05-15T00:00:00.000Z")
    wanted = {"minimum_published_at": "2026-05-14T12:00:00Z"}
    served = ConfigRegistryManager.open(registry, signed(**wanted))
    ConfigRegistryPublisher(registry).activate("r1")
    assert refused(registry, served, **wanted) == "published-at-rollback"


def test_the_newest_that_was_served_is_kept(registry: Path, tmp_path: Path) -> None:
    wanted = {"watermark": tmp_path / "state/llm.json"}
    ConfigRegistryPublisher(registry).activate("r1")
    served = ConfigRegistryManager.open(registry, signed(**wanted))
    ConfigRegistryPublisher(registry).activate("r2")
    assert served.active_revision == "r2"
    mark = json.loads((tmp_path / "state/llm.json").read_text())
    assert mark["revision"] == "r2"
    ConfigRegistryPublisher(registry).activate("r1")
    assert refused(registry, served, **wanted) == "watermark-rollback"
    ConfigRegistryPublisher(registry).activate("r2")
    assert ConfigRegistryManager.open(registry, signed(**wanted)).active_revision == "r2"
    shutil.rmtree(registry)
    publish(registry, "r2", {"a/one": source("m9")})
    with pytest.raises(ReleaseError, match="another r2 has been served"):
        ConfigRegistryManager.open(registry, signed(**wanted))


def test_a_watermark_that_cannot_be_read_or_kept(registry: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    mark.write_text("{}")
    with pytest.raises(ReleaseError, match="the watermark must have"):
        ConfigRegistryManager.open(registry, signed(watermark=mark))
    with pytest.raises(SecurityError, match="outside of the registry"):
        ConfigRegistryManager.open(registry, signed(watermark=registry / "mark"))
    with pytest.raises(OSError, match="directory"):
        ConfigRegistryManager.open(registry, signed(watermark=mark / "below"))


def test_a_callback_has_its_say(registry: Path) -> None:
    asked = []

    def refuse(about: RegistryRootFreshnessInput) -> bool:
        asked.append(about)
        return False

    with pytest.raises(ReleaseError, match="rejected by high-watermark policy"):
        ConfigRegistryManager.open(registry, signed(high_watermark=refuse))
    assert asked[0].revision == "r2"
    assert asked[0].root_digest.startswith("sha256:")


def test_signed_by_a_key_nobody_trusts(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    publish(registry, "r3", {"a/one": source("evil")}, key=OTHER)
    assert refused(registry, served) == "signature.verification_failed"


def test_signed_by_another_domain(registry: Path) -> None:
    other = {**POLICY, "trustedSigners": [{"type": "did-web", "domain": "other.example.com"}]}
    with pytest.raises(ReleaseError, match="no-trusted-signature") as caught:
        ConfigRegistryManager.open(registry, signed(trust_policy=other))
    assert caught.value.code == "no-trusted-signature"


def test_not_signed_at_all(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    publish(registry, "r3", {"a/one": source("evil")}, key=None)
    assert refused(registry, served) == "file-missing"


def test_a_key_that_has_expired(registry: Path) -> None:
    with pytest.raises(ReleaseError, match="not-after") as caught:
        ConfigRegistryManager.open(registry, signed(not_after="2020-01-01T00:00:00Z"))
    assert caught.value.code == "did_web.key_expired"
    ConfigRegistryManager.open(registry, signed(not_after="2120-01-01T00:00:00Z"))


def test_a_key_that_expires_while_it_is_trusted(registry: Path) -> None:
    now = [time.time()]
    document = did_document(("release", ED25519), not_after="2120-01-01T00:00:00Z")
    served = ConfigRegistryManager.open(
        registry, signed(did_web_verifier=DidWebVerifier([document], lambda: now[0]))
    )
    publish(registry, "r3", {"a/one": source("m3")})
    now[0] += 200 * 365 * 86_400
    assert model(served) == "m2"
    assert isinstance(served.last_reload_error, ReleaseError)
    assert served.last_reload_error.code == "did_web.key_expired"


def test_a_policy_that_is_none(registry: Path) -> None:
    with pytest.raises(ReleaseError, match="trust-policy-violation"):
        ConfigRegistryManager.open(registry, signed(trust_policy={"version": 1}))
    with pytest.raises(ReleaseError, match="it needs a verifier"):
        ConfigRegistryManager.open(registry, signed(did_web_verifier=None))


# ------------------------------------------------------------------------------------------ being trusted


@pytest.mark.parametrize(
    "key",
    [ED25519, ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)],
    ids=["ed25519", "ecdsa-p256", "rsa-pss-sha256"],
)
def test_every_kind_of_key(tmp_path: Path, key: Key) -> None:
    registry = tmp_path / "config/llm"
    publish(registry, "r1", {"a/one": source("m1")}, key=key)
    assert ConfigRegistryManager.open(registry, signed(("release", key))).active_revision == "r1"


def test_by_digest_one_release_alone(registry: Path) -> None:
    told = publish(registry, "r2")
    wanted = {"expected_root_digest": f"sha256:{told.registry_root_sha256}", "expected_revision": "r2"}
    served = ConfigRegistryManager.open(registry, signed(**wanted))
    publish(registry, "r3", {"a/one": source("m3")})
    assert refused(registry, served, **wanted) == "root-digest-mismatch"
    with pytest.raises(ReleaseError) as caught:
        ConfigRegistryManager.open(registry, signed(expected_revision="r2"))
    assert caught.value.code == "revision-mismatch"


def test_by_signer_every_release_from_one_on(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed(minimum_revision="r2"))
    for number in (3, 10, 11):
        publish(registry, f"r{number}", {"a/one": source(f"m{number}")})
        assert model(served) == f"m{number}"


def test_a_key_is_changed_without_a_gap(registry: Path) -> None:
    both = [("release", ED25519), ("next", OTHER)]
    served = ConfigRegistryManager.open(registry, signed(*both))
    write_sources(registry, {"a/one": source("m3")})
    wanted = {"key_id": f"did:web:{DOMAIN}#next"}
    from_next = signer(OTHER, **wanted)
    publisher = ConfigRegistryPublisher(registry)
    publisher.publish("r3", True, ConfigRegistryPublishOptions(from_next))
    assert model(served) == "m3"


class Log:
    """A transparency log with one entry: whatever it is asked for."""

    def fetch_entry(self, rekor_url: str, log_id: str, log_index: int) -> RekorEntry | None:
        return None


def test_sigstore_needs_both_of_its_hooks(registry: Path) -> None:
    policy = {
        "version": 1,
        "trustedSigners": [{"type": "sigstore-oidc", "issuer": "https://issuer.test", "subject": "me"}],
        "rekor": {"url": "https://rekor.test"},
    }
    with pytest.raises(ReleaseError, match="it needs a verifier"):
        ConfigRegistryManager.open(registry, signed(trust_policy=policy, rekor_client=Log()))
    with pytest.raises(ReleaseError) as caught:
        ConfigRegistryManager.open(
            registry, signed(trust_policy=policy, rekor_client=Log(), sigstore_verifier=object())
        )
    assert caught.value.code == "no-trusted-signature"


# ------------------------------------------------------------------------------------------- failing well


def test_what_is_mended_in_place_is_found_again(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    publish(registry, "r3", {"a/one": source("m3")})
    resolved = registry / "compiled/r3/resolved/a/one.json"
    whole = resolved.read_bytes()
    resolved.write_bytes(b"{}")
    assert model(served) == "m2"
    assert served.last_reload_error is not None
    resolved.write_bytes(whole)  # the pointer has not changed since
    assert until(lambda: model(served) == "m3")
    assert served.last_reload_error is None


def test_a_release_that_cannot_be_read_is_no_crash(registry: Path) -> None:
    served = ConfigRegistryManager.open(registry, signed())
    shutil.move(registry, registry.with_name("away"))
    assert model(served) == "m2"
    assert isinstance(served.last_reload_error, ReleaseError)
    shutil.move(registry.with_name("away"), registry)
    assert until(lambda: model(served) == "m2" and served.last_reload_error is None)


def test_nothing_is_served_where_nothing_is_right(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"current\.json"):
        ConfigRegistryManager.open(tmp_path / "none")


def test_an_unsigned_registry_is_checked_too(tmp_path: Path) -> None:
    registry = tmp_path / "config/llm"
    publish(registry, "r1", {"a/one": source("m1")}, key=None)
    served = ConfigRegistryManager.open(registry)
    (registry / "compiled/r1/resolved/a/one.json").write_text('{"provider": "openai", "model": "evil"}')
    with pytest.raises(InvalidConfigError):
        served.reload()
    assert model(served) == "m1"
    with pytest.raises(ReleaseError, match="missing"):
        ConfigRegistryManager.open(registry, signed())


def test_a_config_nobody_could_call(registry: Path) -> None:
    """A root that is signed may still be over nonsense: its preset is refused, the others are not."""
    publisher = ConfigRegistryPublisher(registry)

    def load(name: str, data: bytes) -> Any:
        made = read_preset(data)
        return made.released({"provider": "nobody", "model": 5}, "") if name == "a/one" else made

    write_sources(registry, {"a/one": source("m3")})
    publisher.publish("r3", True, ConfigRegistryPublishOptions(signer(), load))
    served = ConfigRegistryManager.open(registry, signed())
    assert served.get_preset("b", "two")["model"] == "m2"
    with pytest.raises(ReleaseError, match="a/one") as caught:
        served.get_preset("a", "one")
    assert caught.value.code == "config-invalid"


def test_errors_survive_a_queue() -> None:
    error = pickle.loads(pickle.dumps(ReleaseError("a-code", "a message")))
    assert (error.code, str(error)) == ("a-code", "a message")


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    yield
    until(lambda: not any(one.name == "muxi-llm-presets" for one in threading.enumerate()))
