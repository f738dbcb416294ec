"""Publishing: whole or not at all, by one of many, whatever happens in between."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.presets import files, root
from muxi_llm.presets.errors import ConfigNotFoundError, InvalidConfigError, ReleaseError, SecurityError
from muxi_llm.presets.publish import (
    ConfigRegistryPublisher,
    ConfigRegistryPublishOptions,
    RegistryRootSigningOptions,
)
from muxi_llm.presets.registry import ConfigRegistryManager
from tests.support.power import Recorder
from tests.support.presets import publish, signer, source, tree, write_sources

ROOT = Path(__file__).parents[2]


def models(registry: Path) -> tuple[str, set[str]]:
    """What is served: the revision, and every model in it."""
    served = ConfigRegistryManager.open(registry)
    configs = (served.preset(name).config for name in served.available_presets())
    return served.active_revision, {config["model"] for config in configs}


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "config/llm"


def told_by(mode: str, folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.support.killing", mode, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


# ------------------------------------------------------------------------------------ what it writes


def test_layout(registry: Path) -> None:
    told = publish(registry, "r1", {"search/fast": source(), "search/_base": source("m")})
    at = "compiled/r1"
    assert set(tree(registry)) - {"compiled/.staging/lock"} == {
        "current.json",
        f"{at}/manifest.json",
        f"{at}/registry-root.json",
        *(f"{at}/source/search/{name}.mda" for name in ("fast", "_base")),
        *(f"{at}/resolved/search/{name}.json" for name in ("fast", "_base")),
        *(f"source/search/{name}.mda" for name in ("fast", "_base")),
    }
    assert told.preset_ids == ("search/_base", "search/fast")
    assert told.created
    assert told.activated
    assert json.loads((registry / "current.json").read_text())["manifest_sha256"] == told.manifest_sha256
    copy = registry / at / "source/search/fast.mda"
    assert copy.read_bytes() == (registry / "source/search/fast.mda").read_bytes()


def test_numbers_are_written_as_in_javascript(registry: Path) -> None:
    publish(registry, "r1", {"a/b": source(more="      temperature: 1.0\n      maxOutputTokens: 12\n")})
    resolved = (registry / "compiled/r1/resolved/a/b.json").read_text()
    assert '"temperature": 1\n' in resolved


def test_files_of_a_root_are_in_javascripts_order() -> None:
    names = ["a_b/x", "a/x", "ab/x", "a_/x", "a1/x", "_default/x"]
    entries = {name: root.Entry.of(name, b"", b"") for name in names}
    payload = root.payload_of(root.Manifest("r", "t", entries), b"", b"")
    order = [file["path"].split("/")[3] for file in payload["files"] if file["role"] == "source"]
    # What `["a_b/x", …].sort((a, b) => a.localeCompare(b))` gives.
    assert order == ["_default", "a_/x"[:2], "a_b", "a", "a1", "ab"]


def test_an_automatic_revision_is_of_the_time_and_the_sources(registry: Path) -> None:
    write_sources(registry, {"a/b": source()})
    told = ConfigRegistryPublisher(registry).publish()
    assert root.REVISION.fullmatch(told.revision)
    assert told.revision[10] == "T"
    assert len(told.revision.partition("_")[2]) == 8
    assert told.registry_root_path is None


def test_a_release_that_is_not_activated_is_there_and_not_served(registry: Path) -> None:
    publish(registry, "r1", {"a/b": source("one")})
    told = publish(registry, "r2", {"a/b": source("two")}, activate=False)
    assert not told.activated
    assert models(registry) == ("r1", {"one"})
    assert ConfigRegistryPublisher(registry).activate("r2").activated
    assert models(registry) == ("r2", {"two"})


@pytest.mark.parametrize("revision", ["", "../x", "a/b", "a..b", "-a", "x" * 129, "ä"])
def test_what_is_no_revision(registry: Path, revision: str) -> None:
    write_sources(registry, {"a/b": source()})
    with pytest.raises(ReleaseError, match="revision is letters"):
        ConfigRegistryPublisher(registry).publish(revision or " ")


def test_what_cannot_be_published_changes_nothing(registry: Path) -> None:
    with pytest.raises(ConfigNotFoundError):
        publish(registry, "r1", {})
    publish(registry, "r1", {"a/b": source()})
    before = tree(registry)
    for name, text, error in (
        ("a/c.yaml", "name: x", InvalidConfigError),
        ("a/Upper.mda", source(), SecurityError),
        ("a/c.mda", "no front matter", InvalidConfigError),
        ("a/c.mda", source(provider="nobody"), InvalidConfigError),
    ):
        path = registry / "source" / name
        path.write_text(text)
        with pytest.raises(error):
            publish(registry, "r2")
        path.unlink()
        assert tree(registry) == before
    (registry / "source/a/c.mda").symlink_to(registry / "source/a/b.mda")
    with pytest.raises(ReleaseError, match="through a link"):
        publish(registry, "r2")


def test_a_signer_must_sign_often_enough(registry: Path) -> None:
    write_sources(registry, {"a/b": source()})
    twice = RegistryRootSigningOptions(lambda asked: [signer().signer(asked)], min_signatures=2)
    with pytest.raises(InvalidConfigError, match="1 signatures of 2"):
        ConfigRegistryPublisher(registry).publish("r1", True, ConfigRegistryPublishOptions(twice))
    assert ConfigRegistryPublisher(registry).active() is None


# --------------------------------------------------------------------------- the same once more


def test_the_same_once_more_is_what_is_there(registry: Path) -> None:
    first = publish(registry, "r1", {"a/b": source()})
    again = publish(registry, "r1")
    assert again.registry_root_sha256 == first.registry_root_sha256
    assert (first.created, again.created) == (True, False)


def test_another_content_for_a_revision_is_refused(registry: Path) -> None:
    publish(registry, "r1", {"a/b": source("one")})
    with pytest.raises(ReleaseError, match="already exists with different contents: r1") as caught:
        publish(registry, "r1", {"a/b": source("two")})
    assert caught.value.code == "revision-exists"
    with pytest.raises(ReleaseError, match="different contents"):
        publish(registry, "r1", {"a/b": source("one")}, key=None)
    assert models(registry) == ("r1", {"one"})


def test_old_releases_are_collected(registry: Path) -> None:
    for number in range(1, 6):
        at = f"2026-01-0{number}T00:00:00Z"
        publish(registry, f"r{number}", {"a/b": source(f"m{number}")}, published_at=at)
    publisher = ConfigRegistryPublisher(registry)
    publisher.activate("r1")
    assert publisher.collect(2) == ["r3", "r2"]
    assert publisher.revisions() == ["r1", "r4", "r5"]
    assert publisher.active() == "r1"
    assert [path.name for path in (registry / "compiled/.staging").iterdir()] == ["lock"]
    shutil.rmtree(registry / "compiled/r4/source")
    (registry / "compiled/r4/manifest.json").write_text("{")
    assert publisher.collect(1) == []  # what cannot be read is for people to look at
    assert publisher.revisions() == ["r1", "r4", "r5"]


def test_a_registry_without_releases(registry: Path) -> None:
    assert ConfigRegistryPublisher(registry).revisions() == []
    assert ConfigRegistryPublisher(registry).active() is None
    registry.mkdir(parents=True)
    (registry / "current.json").write_text("[")
    with pytest.raises(ReleaseError):
        ConfigRegistryPublisher(registry).active()


# ------------------------------------------------------------------------------ killed, and no power


def test_a_publisher_killed_anywhere_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    told = told_by("kill", tmp_path)
    assert len(told) > 40  # as many points as there are, found by counting
    assert [one["killed"] for one in told] == [True] * (len(told) - 1) + [False]
    found = []
    for one in told:
        registry = Path(one["registry"])
        revision, served = models(registry)
        assert served == {revision}, one
        found.append(revision)
        publish(registry, "new")  # and whoever comes next ends it
        assert models(registry) == ("new", {"new"})
        assert [path.name for path in (registry / "compiled/.staging").iterdir()] == ["lock"]
        assert not list(registry.glob(".*"))
    assert found[0] == "old"
    assert found == sorted(found, reverse=True), "once it is the new one, it stays"
    assert found[-1] == "new"


class Unlucky(files.Disk):
    """A disk that is full from its step *number* on."""

    def __init__(self, number: int) -> None:
        self.left = number

    def write(self, path: Path, data: bytes, mode: int | None = None) -> None:
        self.left -= 1
        if self.left < 0:
            path.write_bytes(data[:3])
            raise OSError(28, "No space left on device")
        super().write(path, data, mode)


def test_a_full_disk_leaves_the_old_one_and_nothing_behind(registry: Path) -> None:
    publish(registry, "old", {"a/one": source("old"), "b/two": source("old")})
    before = tree(registry)
    write_sources(registry, {"a/one": source("new"), "b/two": source("new")})
    publisher = ConfigRegistryPublisher(registry, disk=Unlucky(0))
    for number in range(20):
        disk = Unlucky(number)
        publisher = ConfigRegistryPublisher(registry, disk=disk)
        try:
            publisher.publish("new")
        except OSError:
            revision, served = models(registry)
            assert served == {revision} == {"old"}
            left = {name for name in tree(registry) if name not in before and not name.startswith("source/")}
            assert all(name.startswith("compiled/new/") for name in left), left
            continue
        break
    assert number > 5
    assert models(registry) == ("new", {"new"})


@pytest.mark.parametrize("first", [False, True])
def test_a_loss_of_power_leaves_the_old_or_the_new(tmp_path: Path, first: bool) -> None:
    registry = tmp_path / "config"
    registry.mkdir()
    if not first:
        publish(registry, "old", {"a/one": source("old"), "b/two": source("old")}, key=None)
    write_sources(registry, {"a/one": source("new"), "b/two": source("new")})
    disk = Recorder(registry)
    (registry / "compiled/.staging").mkdir(parents=True, exist_ok=True)
    disk = Recorder(registry)
    ConfigRegistryPublisher(registry, disk=disk).publish("new")
    rng = random.Random(7)
    luck = [lambda: False, lambda: True, *[lambda: rng.random() < 0.5] * 4]
    seen = set()
    for last in range(len(disk.steps)):
        for number, keep in enumerate(luck):
            found = tmp_path / f"found-{last}-{number}"
            disk.after(last, keep, found)
            if first and not (found / "current.json").exists():
                assert last < len(disk.steps) - 1
                continue
            revision, served = models(found)
            assert served == {revision}, (last, number)
            seen.add(revision)
            shutil.rmtree(found)
    disk.after(len(disk.steps) - 1, lambda: False, tmp_path / "end")
    assert models(tmp_path / "end") == ("new", {"new"}), "what was told to be published is"
    assert seen == ({"new"} if first else {"old", "new"})


def test_the_model_of_a_disk_notices_what_is_not_flushed(tmp_path: Path) -> None:
    class Hasty(Recorder):
        def flush(self, path: Path) -> None:
            pass

    registry = tmp_path / "config"
    publish(registry, "old", {"a/one": source("old")}, key=None)
    write_sources(registry, {"a/one": source("new")})
    disk = Hasty(registry)
    ConfigRegistryPublisher(registry, disk=disk).publish("new")
    disk.after(len(disk.steps) - 1, lambda: False, tmp_path / "nothing")
    assert models(tmp_path / "nothing") == ("old", {"old"})
    rng, broken = random.Random(7), 0
    for number in range(40):
        disk.after(len(disk.steps) - 1, lambda: rng.random() < 0.7, tmp_path / f"found-{number}")
        try:
            models(tmp_path / f"found-{number}")
        except ReleaseError:
            broken += 1
    assert broken


# ------------------------------------------------------------------------------------- many at once


def test_of_ten_publishers_one_wins_each_revision(tmp_path: Path) -> None:
    told = told_by("race", tmp_path)
    assert len(told) == 50
    for revision in ("r1", "r2", "r3", "r4", "r5"):
        ours = [one for one in told if one["revision"] == revision]
        winners = [one["racer"] for one in ours if one["won"]]
        assert len(winners) == 1, ours
        assert all("different contents" in one["error"] for one in ours if not one["won"])
        preset = tmp_path / f"registry/compiled/{revision}/resolved/a/one.json"
        assert json.loads(preset.read_text())["model"] == f"{revision}-{winners[0]}"
    assert models(tmp_path / "registry")[0] == "r5"
