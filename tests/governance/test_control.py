"""A gateway's explanations and its presets' releases, as the management tells of them and changes them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from muxi_llm import harness
from muxi_llm.gateway.app import Gateway
from muxi_llm.gateway.control import Control
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.state import State
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.harness.making import SHARED
from tests.support.managed import Managed
from tests.support.presets import DOMAIN, ED25519, POLICY, did_document, publish, source, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEFORE = {"chat/fast": source("gpt-5-mini"), "chat/old": source("gpt-4o")}
AFTER = {"chat/fast": source("gpt-5-nano"), "chat/new": source("gpt-5")}
ASKED = {"model": "fast", "messages": [{"role": "user", "content": "a secret plan"}]}


def gateway_of(folder: Path, presets: Any = None, **more: Any) -> Gateway:
    model = {"name": "fast", "preset": "chat/fast"} if presets else "fast"
    file = folder / "gateway.yaml"
    providers = [
        {"name": name, "type": "openai", "base_url": "http://127.0.0.1:9", "api_key": "k", "models": [model]}
        for name in ("openai", "other")[: 1 if presets else 2]
    ]
    settings = {"providers": providers, **({"presets": presets} if presets else {}), **more}
    file.write_text(json.dumps(settings), encoding="utf-8")
    return Gateway(State(files.read(file)[0]))


def people(managed: Managed) -> None:
    """An administrator, one who looks, a user, and a key for calling alone."""
    managed.begun()
    for user, role in {"vera": "proxy_admin_viewer", "ann": "internal_user"}.items():
        managed.ok("/user/new", user_id=user, user_role=role)
        managed.keys[user] = managed.ok("/key/generate", user_id=user)["key"]
    managed.keys["caller"] = managed.ok("/key/generate", key_type="llm_api")["key"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(store)
    yield store
    store.close()


def test_where_a_request_would_go_is_told_to_who_is_known(tmp_path: Path, store: Store) -> None:
    gateway = gateway_of(tmp_path)
    with Managed(store, gateway=Control(gateway)) as managed:
        people(managed)
        for who, status in {"ann": 200, "caller": 200, "vera": 200, "": 401}.items():
            reply = managed.ask("POST", "/control/explain", managed.keys.get(who, ""), json=ASKED)
            assert reply.status_code == status, who
        Control(gateway).cool("openai/fast", 60)
        told = managed.ok("/control/explain", **ASKED)
        assert [one["deployment"] for one in told["chosen"]] == ["other/fast"]
        assert [one["deployment"] for one in told["refused"]] == ["openai/fast"]
        assert 0 < told["refused"][0]["seconds"] <= 60
        wrong = managed.ask("POST", "/control/explain", managed.keys["ann"], json={"messages": []})
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "model")
        assert not [
            entry for entry in managed.told("/audit/logs")["logs"] if entry["action"] == "control/explain"
        ]


def test_the_breakers_of_a_program_that_serves_a_gateway_are_told(tmp_path: Path) -> None:
    control = Control(gateway_of(tmp_path))

    def states() -> dict[str, str]:
        return {one["deployment"]["name"]: one["circuit_state"] for one in control.deployments()}

    assert states() == {"openai/fast": "closed", "other/fast": "closed"}
    rule = harness.configure(breaker=True).rule()
    assert rule is not None
    try:
        place = SHARED.places.of("openai", "http://127.0.0.1:9", "fast")
        place.breaker(rule).open_until(time.monotonic() + 60)
        control.cool("other/fast", 60)
        assert states() == {"openai/fast": "open", "other/fast": "open"}
        place.breaker(rule).state(time.monotonic() + 100)  # its cool-down is over
        control.cool("other/fast", 0)
        assert states() == {"openai/fast": "half-open", "other/fast": "closed"}
    finally:
        harness.configure()


def test_a_registry_is_told_compared_and_rolled_back(tmp_path: Path, store: Store) -> None:
    registry = tmp_path / "llm"
    publish(registry, "r1", BEFORE)
    (registry / "source/chat/old.mda").unlink()
    publish(registry, "r2", AFTER)
    control = Control(gateway_of(tmp_path, {"dir": str(registry)}))
    with Managed(store, gateway=control) as managed:
        people(managed)
        told = managed.told("/control/presets", managed.keys["vera"])
        assert (told["active"], told["is_checked"], told["error"]) == ("r2", False, None)
        assert told["used"] == {"openai/fast": "chat/fast"}
        assert {one["revision"]: one["presets"] for one in told["data"]} == {
            "r1": ["chat/fast", "chat/old"],
            "r2": ["chat/fast", "chat/new"],
        }
        assert told["data"][0]["signers"] == [f"did-web:{DOMAIN}"]
        query = {"before": "r1", "after": "r2"}
        found = managed.told("/control/presets/diff", managed.keys["vera"], **query)
        assert (found["added"], found["removed"]) == (["chat/new"], ["chat/old"])
        assert found["changed"] == {"chat/fast": {"model": ["gpt-5-mini", "gpt-5-nano"]}}
        wrong = managed.ask("GET", "/control/presets/diff?before=r1&after=r9", managed.keys["vera"])
        assert wrong.status_code == 409
        refused = managed.ask(
            "POST", "/control/presets/activate", managed.keys["vera"], json={"revision": "r1"}
        )
        assert refused.status_code == 403
        assert managed.ok("/control/presets/activate", revision="r1")["active"] == "r1"
        assert managed.ok("/control/explain", **ASKED)["preset"]["revision"] == "r1"
        entry = managed.told("/audit/logs", action="control/presets/activate", success="true")["logs"][0]
        assert entry["diff"]["revision"] == ["r2", "r1"]
        for revision in ("r9", "../r1"):
            wrong = managed.ask(
                "POST", "/control/presets/activate", managed.keys["admin"], json={"revision": revision}
            )
            assert wrong.status_code == 409
        assert managed.told("/control/presets")["active"] == "r1"


def test_no_older_release_is_served_than_the_policy_lets_be(tmp_path: Path, store: Store) -> None:
    registry = tmp_path / "llm"
    publish(registry, "r1", BEFORE)
    publish(registry, "r2", AFTER)
    write_json(tmp_path / "policy.json", POLICY)
    write_json(tmp_path / "did.json", did_document(("release", ED25519)))
    presets = {
        "dir": str(registry),
        "trust": str(tmp_path / "policy.json"),
        "did_documents": [str(tmp_path / "did.json")],
        "watermark": str(tmp_path / "mark.json"),
    }
    control = Control(gateway_of(tmp_path, presets))
    with Managed(store, gateway=control) as managed:
        managed.begun()
        assert managed.told("/control/presets")["is_checked"]
        wrong = managed.ask(
            "POST", "/control/presets/activate", managed.keys["admin"], json={"revision": "r1"}
        )
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "watermark-rollback")
        told = managed.told("/control/presets")
        assert (told["active"], told["error"]) == ("r2", None)
        (entry,) = managed.told("/audit/logs", action="control/presets/activate")["logs"]
        assert not entry["success"]


def test_without_a_registry_there_is_none_to_tell_of(tmp_path: Path, store: Store) -> None:
    with Managed(store, gateway=Control(gateway_of(tmp_path))) as managed:
        managed.begun()
        told = managed.told("/control/presets")
        assert (told["registry"], told["data"]) == (None, [])
        wrong = managed.ask(
            "POST", "/control/presets/activate", managed.keys["admin"], json={"revision": "r1"}
        )
        assert wrong.status_code == 404
