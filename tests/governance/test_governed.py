"""A gateway with a database, as a process: from nothing to a first answer, and what a file declares."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from muxi_llm.commands.governed import prepared
from muxi_llm.gateway.serve import settings_of
from muxi_llm.gateway.settings.reading import ConfigurationError
from tests.support.bodies import chat
from tests.support.patience import until
from tests.support.redis_server import free_port
from tests.support.serving import Serving
from tests.support.upstream import Respond, Upstream

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def configured(folder: Path, upstream: Upstream, more: str = "governance:\n") -> Path:
    more = more.replace("governance:\n", f"governance:\n  spool: {folder}/spool\n")
    file = folder / "config.yaml"
    file.write_text(f"""
server: {{drain_pause: 0s}}
providers:
  - {{name: house, base_url: "{upstream.url}", api_key: sk-provider-secret, models: [gpt-4o, o1]}}
auth: {{enabled: true}}
database: {{url: "sqlite:///{folder}/store.db"}}
{more}""")
    return file


@pytest.fixture
def answering() -> Any:
    with Upstream(lambda _: Respond(json=chat("hello"))) as upstream:
        yield upstream


def ask(url: str, key: str, path: str = "/v1/chat/completions", **body: Any) -> httpx2.Response:
    return httpx2.post(
        url + path, json={**ASKED, **body}, headers={"authorization": f"Bearer {key}"}, timeout=60
    )


def manage(url: str, key: str, method: str, path: str, **given: Any) -> Any:
    told = httpx2.request(method, url + path, headers={"authorization": f"Bearer {key}"}, timeout=60, **given)
    assert told.status_code == 200, told.text
    return told.json()


def test_from_nothing_to_a_first_answer(tmp_path: Path, answering: Upstream) -> None:
    with Serving(configured(tmp_path, answering)) as served:
        assert ask(served.url, "sk-nobody").status_code == 401
        token = re.search(r"x-llmux-bootstrap-token: (\S+)'", "".join(served.said))
        assert token is not None
        made = httpx2.post(
            f"{served.url}/key/generate", json={}, headers={"x-llmux-bootstrap-token": token[1]}, timeout=60
        )
        admin = made.json()["key"]
        key = manage(served.url, admin, "POST", "/key/generate", json={"models": ["gpt-*"]})
        assert ask(served.url, key["key"]).status_code == 200
        assert ask(served.url, key["key"], model="o1").status_code == 403
        manage(served.url, admin, "POST", "/key/block", json={"key": key["token_id"]})
        assert ask(served.url, key["key"]).status_code == 403
        with httpx2.Client(base_url=served.url, timeout=60) as browser:  # one that logs in by that key
            assert browser.post("/auth/login", json={"key": admin}).status_code == 200
            assert browser.get("/user/me").json()["user_role"] == "proxy_admin"
            foreign = browser.post("/team/new", json={}, headers={"sec-fetch-site": "cross-site"})
            assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "cross_site")
            assert browser.post("/team/new", json={"team_id": "red"}).status_code == 200
            browser.post("/auth/logout", json={})
            assert browser.get("/user/me").status_code == 401
        deployments = manage(served.url, admin, "GET", "/control/deployments")["data"]
        names = [one["deployment"]["id"] for one in deployments]
        assert names == ["house/gpt-4o", "house/o1"]
        cooled = {"deployment_id": names[0], "cooldown_seconds": 60}
        assert manage(served.url, admin, "POST", "/control/deployments/cooldown", json=cooled)[
            "cooldown_active"
        ]
        until(
            lambda: (
                served.url
                and manage(served.url, admin, "GET", "/control/deployments")["data"][0]["cooldown_active"]
            )
        )
        assert not manage(
            served.url, admin, "POST", "/control/deployments/release", json={"deployment_id": names[0]}
        )["cooldown_active"]
        told = manage(served.url, admin, "GET", "/control/config")
        assert "sk-provider-secret" not in str(told)
        assert str(tmp_path) not in str(told["settings"]["governance"]["database"])
        assert (
            manage(
                served.url,
                admin,
                "POST",
                "/control/config/reload",
                json={"expected_checksum": told["checksum"]},
            )["reload_count"]
            == 1
        )
        assert [one["id"] for one in manage(served.url, admin, "GET", "/control/models")["data"]] == [
            "gpt-4o",
            "o1",
        ]
        assert manage(served.url, admin, "GET", "/control/providers")["data"][0]["models"] == ["gpt-4o", "o1"]
        assert manage(served.url, admin, "GET", "/control/live")["data"] == []
        assert (
            httpx2.get(f"{served.url}/management/openapi.json").json()["info"]["title"]
            == "muxi-llm management API"
        )
    with Serving(
        configured(tmp_path, answering)
    ) as served:  # the keys are kept, and nobody is told of another way in
        assert "bootstrap" not in "".join(served.said)
        assert manage(served.url, admin, "GET", "/key/list")["total"] == 2


def curled(url: str, key: str) -> None:
    """What people paste: an address of the document's, led to where the gateway is."""
    commands = """
curl http://localhost:8080/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $API_KEY" \\
  -d '{
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "Hello!"}],
    "stream": false
  }'
curl http://localhost:8080/v1/responses \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $API_KEY" \\
  -d '{
    "model": "gpt-4o",
    "input": "Hello!"
  }'
curl http://localhost:8080/v1/models -H "Authorization: Bearer $API_KEY"
curl http://localhost:8080/health/live
curl http://localhost:8080/health/ready
"""
    port = url.rpartition(":")[2]
    shell = (
        f'curl() {{ command curl -sf --connect-to localhost:8080:127.0.0.1:{port} "$@" && echo; }}; set -e\n'
    )
    done = subprocess.run(
        ["bash", "-c", shell + commands],
        check=False,
        env={**os.environ, "API_KEY": key},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) >= 5


DECLARED = """
governance:
  default_price: {input: 1, output: 1}
  own_keys: {keys: 1}
  discounts: {other: 10}
  budgets: [{scope: provider, scope_id: house, budgets: [{name: monthly, max_budget: 100, window: month}]}]
  organizations: [{organization_id: acme, max_budget: 100, budget_duration: month}]
  teams: [{team_id: red, organization_id: acme, members: {ann: admin}}]
  users: [{user_id: ann, user_role: proxy_admin, organization_id: acme}]
  keys: [{token_id: ci, key: "${CI_KEY}", team_id: red, rpm_limit: 5}, {token_id: root, key: "${ROOT_KEY}", user_id: ann}]
"""


def test_what_a_file_declares_is_there_and_changed_there_alone(tmp_path: Path, answering: Upstream) -> None:
    keys = {"CI_KEY": "ci-secret-0123456789", "ROOT_KEY": "root-secret-0123456789"}
    file = configured(tmp_path, answering, DECLARED)
    with Serving(file, **keys) as served:
        assert "bootstrap" not in "".join(served.said)
        assert ask(served.url, keys["CI_KEY"]).status_code == 200
        root = keys["ROOT_KEY"]
        (row,) = until(lambda: manage(served.url, root, "GET", "/spend/rows")["data"])
        assert (row["key_id"], row["team_id"], row["input"], row["output"]) == ("ci", "red", 5, 2)
        assert row["spend"] == 7e-6
        summary = until(
            lambda: (said := manage(served.url, root, "GET", "/spend/logs")["summary"])["requests"] and said
        )
        assert (summary["spend"], summary["requests"]) == (7e-6, 1)
        assert manage(served.url, root, "GET", "/spend/teams")["data"][0]["scope_id"] == "red"
        curled(served.url, keys["CI_KEY"])
        key = manage(served.url, root, "GET", "/key/info?key=ci")
        assert (key["declared"], key["organization_id"], key["rpm_limit"]) == (True, "acme", 5)
        change = httpx2.post(
            f"{served.url}/key/update",
            json={"key": "ci", "rpm_limit": 9},
            headers={"x-api-key": root},
            timeout=60,
        )
        assert (change.status_code, change.json()["error"]["code"]) == (409, "declared")
        for path, body in (
            ("/budget/set", {"scope": "provider", "scope_id": "house", "budgets": []}),
            ("/price/set", {"scope": "provider", "name": "other", "price": {"percent": 90}}),
        ):
            change = httpx2.post(served.url + path, json=body, headers={"x-api-key": root}, timeout=60)
            assert (change.status_code, change.json()["error"]["code"]) == (409, "declared")
        assert manage(served.url, root, "GET", "/budget/list")["data"][0]["standing"][0]["spent"] > 0
        price = {"scope": "model", "name": "house/gpt-4o", "price": {"input": 2, "output": 2}}
        version = manage(served.url, root, "POST", "/price/set", json=price)["version"]
        assert ask(served.url, keys["CI_KEY"]).status_code == 200  # at once by the new one
        (row,) = until(
            lambda: [
                row
                for row in manage(served.url, root, "GET", "/spend/rows")["data"]
                if row["prices"] == version
            ]
        )
        assert row["spend"] == 14e-6
        entries = manage(served.url, root, "GET", "/audit/stats")["total"]
        assert not [line for line in served.said if any(secret in line for secret in keys.values())]
        configured(tmp_path, answering, DECLARED.replace("rpm_limit: 5", "rpm_limit: 6"))
        until(lambda: manage(served.url, root, "GET", "/key/info?key=ci")["rpm_limit"] == 6)
        (entry, *_) = manage(served.url, root, "GET", "/audit/logs?action=key/update")["logs"]
        assert (entry["actor_type"], entry["diff"]["rpm_limit"]) == ("file", [5, 6])
        assert (
            manage(served.url, root, "GET", "/audit/stats")["total"] == entries + 1
        )  # nothing else was written
        configured(
            tmp_path,
            answering,
            DECLARED.replace('{token_id: ci, key: "${CI_KEY}", team_id: red, rpm_limit: 5}, ', ""),
        )
        until(lambda: ask(served.url, keys["CI_KEY"]).status_code == 401)


def test_the_management_has_a_port_of_its_own_where_one_is_given(tmp_path: Path, answering: Upstream) -> None:
    keys = {"CI_KEY": "ci-secret-0123456789", "ROOT_KEY": "root-secret-0123456789"}
    port = free_port()
    with Serving(
        configured(tmp_path, answering, DECLARED), "--admin-port", str(port), "--workers", "2", **keys
    ) as served:
        headers = {"x-api-key": keys["ROOT_KEY"]}
        assert httpx2.get(f"{served.url}/key/list", headers=headers, timeout=60).status_code == 404
        assert httpx2.get(f"http://127.0.0.1:{port}/key/list", headers=headers, timeout=60).status_code == 200
        with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as client:
            client.sendall(
                b"GET /key/list HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-api-key: %s\r\nconnection: close\r\n\r\n"
                % (port, keys["ROOT_KEY"].encode())
            )
            assert client.recv(100).startswith(b"HTTP/1.1 404")
        served.tell(signal.SIGTERM)
        assert served.ended() == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("governance: {teams: [{team_id: a b}]}", "governance.teams.0.team_id"),
        ("governance: {keys: [{token_id: ci, key: short}]}", "governance.keys.0.key"),
        (
            "governance: {keys: [{token_id: ci, key: long-enough-0123456, team_id: no}]}",
            "there is no team 'no'",
        ),
        ("governance: {teans: []}", "governance.teans"),
    ],
)
def test_a_declaration_that_cannot_be_is_named_at_the_start(
    tmp_path: Path, answering: Upstream, more: str, said: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        prepared.prepare(settings_of(str(configured(tmp_path, answering, more)), {}), print, "http://gateway")
    assert said in str(told.value)
    assert "long-enough" not in str(told.value)
