"""Ways in that others were entered by, tried here: servers, commands, templates and code that a client names, hashes
of keys, doors that no budget stands behind.
"""

from __future__ import annotations

import ast
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert

from muxi_llm.governance.budgets import Row
from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.store import money
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.governance.store.schema import balances
from tests.gateway.test_app import serving
from tests.governance.test_governor import World, ask
from tests.support import bodies
from tests.support.gateway import Served
from tests.support.managed import Managed
from tests.support.upstream import Respond, Upstream

PACKAGE = sorted((Path(__file__).parents[2] / "muxi_llm").rglob("*.py"))


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('ways')}/store.db")
    migrate(store)
    with Managed(store) as managed:
        managed.peopled()
        yield managed
    store.close()


def test_no_client_names_the_server_that_is_asked() -> None:
    """Nor is anything of this machine filled into what it says."""
    said = "{{7*7}} ${HOME} {% raw %} %(path)s"
    with Upstream(lambda _: Respond(json=bodies.chat("hello"))) as upstream, Upstream() as trap:
        named = dict.fromkeys(("api_base", "base_url", "api_url", "custom_llm_provider", "api_key"), trap.url)
        with Served(serving(upstream, "openai")) as served:
            for path, field in (
                ("chat/completions", "messages"),
                ("messages", "messages"),
                ("responses", "input"),
            ):
                for more in (named, {"litellm_params": named}, {"extra_body": named}):
                    told = [{"role": "user", "content": said}]
                    asked = {"model": "m", "max_tokens": 9, field: told, **more}
                    headers = {
                        "x-base-url": trap.url,
                        "x-api-base": trap.url,
                        "x-portkey-custom-host": trap.url,
                    }
                    httpx2.post(f"{served.url}/v1/{path}", json=asked, headers=headers, timeout=60)
            for model in (f"{trap.url}/m", f"openai/{trap.url}", "openai/../../m"):
                asked = {"model": model, "messages": told}
                assert httpx2.post(
                    f"{served.url}/v1/chat/completions", json=asked, timeout=60
                ).status_code in {400, 404}
        assert trap.requests == []
        assert upstream.requests
        assert all(said in str(one.json) for one in upstream.requests)


def words(schema: Any) -> Iterator[str]:
    """Every field that a document's schemas name."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for each in schema.values():
            yield from words(each)
    if isinstance(schema, list):
        for each in schema:
            yield from words(each)


def test_the_management_takes_no_command_no_code_no_template_and_no_address(managed: Managed) -> None:
    document = managed.ask("GET", "/management/openapi.json").json()
    taken = [
        operation.get("requestBody", {}) for path in document["paths"].values() for operation in path.values()
    ]
    named = {name for body in taken for name in _resolved(document, body)}
    assert {"models", "max_budget", "price"} <= named
    assert not named & {
        "command",
        "args",
        "env",
        "stdio",
        "code",
        "script",
        "template",
        "url",
        "base_url",
        "api_base",
    }
    assert not [path for path in document["paths"] if "config" in path and "update" in path]


def _resolved(document: Any, body: Any) -> set[str]:
    """The fields of a body, of what it refers to among them."""
    text = str(body)
    found = set(words(body))
    for name, schema in document["components"]["schemas"].items():
        if f"schemas/{name}'" in text:
            found |= _resolved(document, schema)
    return found


def test_the_hash_that_is_kept_opens_nothing(managed: Managed) -> None:
    """Whoever has read the database can be nobody: https://github.com/advisories/GHSA-69x8-hrgq-fjj8."""
    hashed = hash_of(managed.keys["admin"])
    for headers in (
        {"x-api-key": hashed},
        {"authorization": f"Bearer {hashed}"},
        {"cookie": f"session={hashed}"},
    ):
        assert managed.ask("GET", "/key/list", headers=headers).status_code == 401
    assert managed.ask("POST", "/auth/login", json={"key": hashed}).status_code == 401


def test_who_is_over_budget_sees_what_is_theirs(managed: Managed) -> None:
    made = managed.ok("/key/generate", user_id="ann", team_id="red", max_budget=1)
    with managed.records.store.writing() as connection:
        spent = {"budget_id": f"key:{made['token_id']}:max", "subject": "", "period": 0, "spent": 2_000_000}
        connection.execute(insert(balances).values(**spent, reserved=0, told=0))
    standing = managed.told("/key/info", made["key"], key=made["token_id"])["standing"]
    assert standing[0]["spent"] == 2
    assert managed.told("/user/info", made["key"])["user"]["user_id"] == "ann"
    assert managed.told("/spend/logs", made["key"])["summary"]["requests"] == 0


def test_a_cell_of_an_export_is_no_formula(managed: Managed) -> None:
    key = managed.ok("/key/generate", key_alias="=HYPERLINK(1)")["token_id"]
    row = Row("f:0", "usage", 1, "+openai", {"model": "@m", "answered": "-m"})
    with managed.records.store.writing() as connection:
        receipt = money.Receipt("f", time.time(), time.time(), (), {"key_id": key}, (row,))
        money.apply(connection, [receipt], time.time())
    (line,) = csv.DictReader(managed.ask("GET", "/spend/export", managed.keys["admin"]).text.splitlines())
    cells = [line[name] for name in ("key_name", "provider", "model", "answered")]
    assert cells == ["'=HYPERLINK(1)", "'+openai", "'@m", "'-m"]


DOORS: dict[str, dict[str, Any]] = {
    "chat/completions": {},
    "completions": {"prompt": "a"},
    "messages": {},
    "responses": {"input": "a"},
    "embeddings": {"input": "a"},
    "moderations": {"input": "a"},
    "rerank": {"query": "a", "documents": ["a"]},
    "images/generations": {"prompt": "a"},
    "audio/speech": {"input": "a", "voice": "a"},
}


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_spent_budget_stands_behind_every_door(store: Store, tmp_path: Path) -> None:
    world = World(store, tmp_path)
    world.budget("b", 10, window="total")
    with store.writing() as connection:
        connection.execute(
            insert(balances).values(budget_id="b", subject="", period=0, spent=10, reserved=0, told=0)
        )
    try:
        with world.served() as served:
            for path, more in DOORS.items():
                assert ask(served, path, **more).status_code in {400, 429}, path
        assert [one.requests for one in world.upstreams] == [[], []]
    finally:
        world.close()


FORBIDDEN = {
    "eval",
    "exec",
    "compile",
    "pickle.loads",
    "pickle.load",
    "marshal.loads",
    "os.system",
    "os.popen",
}
MARKS = {"statement[kind] % marks"}
"""Filled with marks for parameters, as many as there are."""
STATEMENTS = {"text", "exec_driver_sql"}
SUSPECT = (
    "eval(",
    "exec(",
    "compile(",
    "pickle",
    "marshal",
    "os.system",
    "os.popen",
    "subprocess",
    "sqlalchemy",
)


def test_nothing_is_run_that_came_as_text() -> None:
    """No code, no shell, no statement of a database that is put together of strings."""
    found = []
    for path in PACKAGE:
        source = path.read_text()
        for node in ast.walk(ast.parse(source)) if any(one in source for one in SUSPECT) else ():
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                is_shell = name.startswith("subprocess.") and any(
                    word.arg == "shell" for word in node.keywords
                )
                is_text = name.rpartition(".")[2] in STATEMENTS and "sqlalchemy" in source
                if name in FORBIDDEN or is_shell or (is_text and _is_built(node.args[0])):
                    found.append(f"{path.name}:{node.lineno} {name}")
    assert found == []


def _is_built(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call) and ast.unparse(node) not in MARKS
