"""The commands that manage a gateway, against the API they are for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from muxi_llm.commands.main import main
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.governance.api.test_money import lost
from tests.support.managed import Managed
from tests.support.upstream import Respond, Upstream


@pytest.fixture
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Managed]:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(store)
    with Managed(store) as one:
        monkeypatch.setenv("MUXI_LLM_ADMIN_KEY", one.begun())
        monkeypatch.setenv("MUXI_LLM_GATEWAY_URL", one.url)
        yield one
    store.close()


Run = Callable[..., str]


@pytest.fixture
def run(managed: Managed, capsys: pytest.CaptureFixture[str]) -> Run:
    def running(*words: str, status: int = 0) -> str:
        assert main(" ".join(words).split()) == status
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return told.err if status else told.out

    return running


def plain(run: Run, *words: str) -> Any:
    """What it says as JSON."""
    return json.loads(run(*words, "--json"))


def test_a_key_from_the_cradle_to_the_grave(run: Run, managed: Managed) -> None:
    run("teams", "create", "search")
    made = run("keys create --name ci --team search --budget 50 --period month --rpm 60")
    assert "The key is shown this once." in made
    told = dict(line.split(None, 1) for line in made.splitlines() if " " in line)
    assert told["key"].startswith("sk-")
    assert (told["max_budget"], told["budget_duration"], told["rpm_limit"]) == ("$50.00", "month", "60")
    which = told["token_id"]
    assert managed.told("/key/info", told["key"].strip())["token_id"] == which

    listed = run("keys", "list", "--team", "search").splitlines()
    assert listed[0].split()[:3] == ["id", "key", "name"]
    assert which in listed[1]
    assert told["key"].strip() not in listed[1]

    run("keys update", which, "--rpm none --tpm 1000 --models gpt-*,claude-* --model-rpm gpt-*=5")
    shown = plain(run, "keys", "show", which)
    assert (shown["rpm_limit"], shown["tpm_limit"], shown["max_budget"]) == (None, 1000, 50.0)
    assert (shown["models"], shown["model_rpm_limit"]) == (["gpt-*", "claude-*"], {"gpt-*": 5})

    assert "blocked" in run("keys", "block", which)
    assert plain(run, "keys", "unblock", which)["blocked"] is False
    rotated = run("keys", "rotate", which, "--grace", "24h")
    assert rotated.startswith("key  sk-")
    assert "good until 20" in rotated
    assert run("keys", "delete", which) == f"deleted: {which}\n"
    assert run("keys", "list", "--team", "search") == "no key\n"


def test_users_teams_and_organizations(run: Run) -> None:
    run("orgs", "create", "acme", "--name", "Acme")
    run("teams", "create", "red", "--org", "acme", "--parallel", "4")
    run("users", "create", "ada", "--email", "ada@example.com", "--role", "internal_user", "--org", "acme")
    assert "ada@example.com" in run("users", "list", "--role", "internal_user")
    assert run("teams", "join", "red", "ada", "--role", "admin").splitlines()[1].split() == [
        *("ada", "admin", "ada@example.com"),
    ]
    assert "ada" in run("teams", "show", "red")
    assert run("teams", "leave", "red", "ada") == "no member\n"
    run("orgs", "update", "acme", "--name", "ACME")
    assert plain(run, "orgs", "list")[0]["organization_alias"] == "ACME"
    assert "ada" in run("orgs", "join", "acme", "ada", "--role", "org_admin")
    assert "remove them first" in run("orgs", "delete", "acme", status=1)
    run("teams", "delete", "red")
    run("users", "delete", "ada")
    assert run("orgs", "delete", "acme") == "deleted: acme\n"


def test_budgets_are_set_listed_and_removed(run: Run) -> None:
    run("teams", "create", "red")
    assert run("budgets", "list") == "no budget\n"
    run("budgets", "set", "team", "red", "500", "--period", "month")
    run("budgets", "set", "team", "red", "400", "--soft")
    run("budgets set team red 20 --name daily --period day --zone Europe/Berlin --tell 50,80")
    told = run("budgets", "set", "team", "red", "25", "--name", "daily")
    assert [line.split() for line in told.splitlines()] == [
        ["of", "id", "name", "budget", "period", "zone", "spent", "told", "at", "%"],
        ["team", "red", "$500.00", "month", "refuses"],
        ["team", "red", "$400.00", "month", "tells"],
        ["team", "red", "daily", "$25.00", "day", "Europe/Berlin", "refuses", "50,", "80"],
    ]
    assert run("budgets", "list", "team") == told
    assert [one["max_budget"] for one in plain(run, "budgets", "list")] == [500.0, 400.0, 25.0]
    run("budgets", "remove", "team", "red")
    assert [one["name"] for one in plain(run, "budgets", "list")] == ["daily"]
    assert run("budgets", "remove", "team", "red", "--name", "daily") == "no budget\n"
    run("budgets", "set", "provider", "openai", "5000", "--period", "month", "--tell", "80")
    run("budgets", "set", "provider", "openai", "200", "--name", "daily", "--period", "day")
    run("budgets", "set", "model", "*", "100", "--period", "day")
    of_providers = plain(run, "budgets", "list", "provider")
    assert [(one["name"], one["window"]) for one in of_providers] == [("daily", "day"), ("provider", "month")]
    assert run("budgets", "remove", "provider", "openai") != "no budget\n"
    assert [one["kind"] for one in plain(run, "budgets", "list")] == ["model", "provider"]


def test_prices_and_what_was_lost(run: Run, managed: Managed) -> None:
    assert run("prices", "list") == "no price but those of the lists\n"
    run("prices", "set", "model", "openai/gpt-5.6", "input=1.25", "output=10")
    told = run("prices", "set", "provider", "openai", "percent=15").splitlines()
    assert told[1].split()[:5] == ["provider", "openai", "percent=15", "own", "2"]
    assert [one["name"] for one in plain(run, "prices", "list")] == ["openai", "openai/gpt-5.6"]
    assert "none" in run("prices", "remove", "provider", "openai")
    assert len(plain(run, "prices", "list", "--history")) == 3
    lost(managed.records.store, "r1", 900, time.time())
    assert run("spend", "unknown").splitlines()[1].split()[2:4] == ["r1", "k"]
    assert "stated" in run("spend", "correct", "r1", "0.0012", "--reason", "invoice")
    assert run("spend", "unknown") == "nothing was spent\n"


def test_spend_is_looked_at_in_every_way(run: Run) -> None:
    for view in ("days", "models", "keys", "users", "teams", "providers", "rows"):
        assert run("spend", view) == "nothing was spent\n"
        assert plain(run, "spend", view)
    assert run("spend").startswith("nothing")
    assert run("spend", "export").startswith("seq,at,kind")
    assert "start_date" in run("spend", "days", "--since", "2026-02-01", "--until", "2026-01-01", status=1)


def test_the_audit_log_is_read_and_reckoned(run: Run, tmp_path: Path) -> None:
    run("teams", "create", "red")
    run("teams", "update", "red", "--rpm", "5")
    listed = run("audit", "list", "--type", "team").splitlines()
    assert [line.split()[-3] for line in listed[1:]] == ["team/update", "team/new"]
    assert "rpm_limit" in run("audit", "show", listed[1].split()[0])
    whole = plain(run, "audit", "verify")
    assert whole["holds"]
    exported = run("audit", "export")
    path = tmp_path / "audit.jsonl"
    path.write_text(exported)
    said = ("--entries", str(whole["entries"]), "--seal", whole["seal"])
    assert run("audit", "verify", str(path), *said).startswith(f"whole: {whole['entries']} entries")

    rows = [orjson.loads(line) for line in exported.splitlines()]
    rows[1]["actor_id"] = "nobody"
    path.write_text("\n".join(orjson.dumps(row).decode() for row in rows))
    assert main(["audit", "verify", str(path)]) == 1
    path.write_text("\n".join(exported.splitlines()[:-1]))  # the end was cut off
    assert main(["audit", "verify", str(path)]) == 0
    assert main(["audit", "verify", str(path), *said]) == 1
    path.write_text("no log")
    assert main(["audit", "verify", str(path)]) == 2
    assert main(["audit", "verify", str(tmp_path / "absent")]) == 2


def test_a_file_is_verified_without_a_gateway(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text(run("audit", "export"))
    monkeypatch.delenv("MUXI_LLM_ADMIN_KEY")
    assert run("audit", "verify", str(path)).startswith("whole: ")
    assert "put an administrator's" in run("audit", "verify", status=2)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("keys", "show", "absent"), "there is no key 'absent' here"),
        (("teams", "create", "red", "--models", "a" * 300), "models"),
        (
            ("keys", "list", "--gateway", "http://127.0.0.1:1"),
            "no gateway can be reached at http://127.0.0.1:1 (ConnectError): is it running",
        ),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(run: Run, words: tuple[str, ...], why: str) -> None:
    told = run(*words, status=1)
    assert why in told
    assert told.startswith("muxi-llm: ")
    assert told.count("\n") == 1


def test_a_server_that_is_no_gateway(run: Run) -> None:
    with Upstream(lambda _: Respond(502, body=b"<html>")) as server:
        assert "none of a gateway's" in run("keys", "list", "--gateway", server.url, status=1)


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "create", "--budget", "much"),
        ("keys", "create", "--rpm", "-1"),
        ("keys", "create", "--model-rpm", "gpt"),
        ("keys", "create", "--model-budget", "gpt=none"),
        ("keys", "create", "--metadata", "[]"),
        ("budgets", "set", "team", "red", "none"),
        ("budgets", "set", "team", "red", "1", "--tell", "half"),
        ("prices", "set", "model", "openai/x", "1.25"),
        ("keys",),
    ],
)
def test_what_is_mistyped_is_told_at_once(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as told:
        main(words)
    assert told.value.code == 2


def test_what_others_have_written_cannot_play_with_the_terminal(run: Run) -> None:
    run("teams", "create", "red", "--name", "\x1b[31mred")
    assert "\x1b" not in run("teams", "list") + run("teams", "show", "red")
