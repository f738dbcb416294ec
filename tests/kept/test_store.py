"""Where responses are kept, and what may be asked of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import muxi_llm
from muxi_llm.errors import InvalidRequestError
from muxi_llm.kept import requests, store
from muxi_llm.kept.responses import KeptResponses
from muxi_llm.kept.store import Entry, MemoryStore, chosen, is_ours, new_id
from muxi_llm.wire.base import Ledger, dumps


def entry(number: int = 0, items: int = 0) -> Entry:
    given: list[Any] = [{"id": f"item_{n}", "role": "user", "content": str(n)} for n in range(items)]
    return {"response": {"id": str(number), "output": []}, "input": given}


@settings(max_examples=60, deadline=None)
@example([("put", 0), ("put", 1), ("put", 2), ("get", 0), ("put", 3)])
@given(st.lists(st.tuples(st.sampled_from(["get", "put", "delete"]), st.integers(0, 5)), max_size=40))
def test_the_memory_holds_what_was_used_last(steps: list[tuple[str, int]]) -> None:
    """Against a plain list as the model: the latest three, whatever is done in whatever order."""
    store, model = MemoryStore(limit=3), list[int]()
    for verb, number in steps:
        was_there = number in model
        if verb == "get":
            assert (store.get(str(number)) is not None) == was_there
        elif verb == "put":
            store.put(str(number), entry(number))
        else:
            store.delete(str(number))
        used = verb == "put" or (verb == "get" and was_there)
        model = [*(n for n in model if n != number), *([number] if used else [])][-3:]
    assert [n for n in range(6) if store.get(str(n))] == sorted(model)


def test_a_thousand_by_default() -> None:
    """The one put first goes first."""
    store = MemoryStore()
    for number in range(1001):
        store.put(str(number), entry(number))
    assert store.get("0") is None
    assert store.get("1") == entry(1)


def test_it_holds_so_much_and_what_turns_share_counts_once() -> None:
    """A conversation of a hundred turns is no hundred conversations."""
    long = [{"type": "message", "role": "user", "content": "y" * 1000, "id": "item_1"}]
    store = MemoryStore(most=3000)
    for number in range(9):
        store.put(str(number), {"response": {"id": str(number), "output": []}, "input": long})
    assert [n for n in range(9) if store.get(str(n))] == list(range(9))
    for number in (20, 21, 22):
        store.put(str(number), {"response": {"id": "x", "output": [{"text": "z" * 1100}]}, "input": []})
    assert [n for n in range(30) if store.get(str(n))] == [21, 22]
    store.put("21", {"response": {"id": "x", "output": "z" * 900}, "input": []})
    store.put("30", {"response": {"id": "x", "output": "z" * 5000}, "input": []})
    assert not any(store.get(str(n)) for n in range(31))
    for number in (1, 2):
        store.put(str(number), {"response": {"id": "x", "output": [{"text": "z" * 1100}]}, "input": []})
        store.delete("1")
    assert store.get("2")


def test_64_threads() -> None:
    """All at once on one small store: it never breaks, and never grows."""
    store = MemoryStore(limit=8)

    def work(number: int) -> None:
        for turn in range(200):
            name = str((number * turn) % 32)
            store.put(name, entry(int(name)))
            found = store.get(name)
            assert found is None or found["response"]["id"] == name
            store.delete(str(turn % 32))

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(work, range(64)))
    for number in range(100, 200):
        store.put(str(number), entry(number))
    assert len([n for n in range(200) if store.get(str(n))]) == 8


FORKED_UNDER_LOCK = """
import os, warnings
from muxi_llm.kept.store import chosen

warnings.simplefilter("ignore", DeprecationWarning)
store = chosen()
store.put("a", {"response": {}, "input": []})
store._lock.acquire()  # as a thread at work would have it
child = os.fork()
if child == 0:
    os._exit(0 if store.get("a") else 1)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_a_forked_child_has_a_lock_of_its_own() -> None:
    """Whatever a thread of the parent was doing."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED_UNDER_LOCK], check=False, capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """`"memory"`, `None`, an object with the methods; nothing else."""
    assert isinstance(chosen(), MemoryStore)
    assert chosen() is chosen()
    assert not store.waits("/v1/responses")
    muxi_llm.config.response_store = own = MemoryStore()
    assert chosen() is own
    muxi_llm.config.response_store = None
    assert chosen() is None
    muxi_llm.config.response_store = {}  # type: ignore[assignment]
    with pytest.raises(
        ValueError, match=r"response_store must be 'memory', None, or an object with get, put"
    ):
        chosen()


def test_ids() -> None:
    """Ours can be told from OpenAI's, and no two are the same."""
    assert len({new_id() for _ in range(1000)}) == 1000
    assert is_ours(new_id())
    assert is_ours("msg_muxi_0_1")
    assert not any(is_ours(name) for name in ("resp_68aa", "muxi_1", "", None, 5, ["resp_muxi_1"]))


# ---------------------------------------------------------------------------- what may be asked of one


@pytest.fixture
def kept() -> str:
    """The id of a response with five input items."""
    name = new_id()
    muxi_llm.config.response_store = store = MemoryStore()
    store.put(name, entry(items=5))
    return name


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, "43210", False),
        ({"order": "asc"}, "01234", False),
        ({"limit": "2"}, "43", True),
        ({"limit": "2", "after": "item_3"}, "21", True),
        ({"limit": "2", "after": "item_1", "order": "asc"}, "23", True),
        ({"limit": "1", "after": "item_1"}, "0", False),
        ({"after": "item_0"}, "", False),
    ],
    ids=str,
)
def test_pages(query: dict[str, str], ids: str, more: bool, kept: str) -> None:
    """Limit, order and cursor, as OpenAI's lists have them."""
    page = requests.told("GET", f"/v1/responses/{kept}/input_items", query)
    assert page is not None
    assert "".join(item["id"][-1] for item in page["data"]) == ids
    names = [item["id"] for item in page["data"]] or [None]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (names[0], names[-1], more)


@pytest.mark.parametrize(
    ("method", "tail", "query", "told"),
    [
        ("GET", "/input_items", {"limit": "0"}, "limit must be a whole number from 1 to 100, not 0"),
        ("GET", "/input_items", {"limit": "101"}, "limit must be a whole number from 1 to 100, not 101"),
        ("GET", "/input_items", {"limit": "x"}, "limit must be a whole number"),
        ("GET", "/input_items", {"after": "item_9"}, "Item with id 'item_9' not found"),
        ("GET", "", {"stream": "true"}, "stream: only responses made in the background"),
        ("POST", "/cancel", {}, "Cannot cancel a synchronous response"),
    ],
)
def test_what_is_refused(method: str, tail: str, query: dict[str, str], told: str, kept: str) -> None:
    """With OpenAI's class for it."""
    with pytest.raises(openai.BadRequestError, match=told):
        requests.told(method, f"/v1/responses/{kept}{tail}", query)


@pytest.mark.parametrize(
    "path",
    ["/v1/responses", "/v1/responses/resp_68aa", "/v1/chat/completions/resp_muxi_1", "/v1/responses/compact"],
)
def test_everything_else_is_somebody_else_s(path: str) -> None:
    """Neither answered nor refused."""
    assert requests.told("GET", path, {}) is None


@pytest.mark.parametrize(
    ("item", "listed"),
    [
        (
            {"role": "user", "content": "a"},
            {
                "type": "message",
                "status": "completed",
                "role": "user",
                "content": [{"type": "input_text", "text": "a"}],
            },
        ),
        (
            {"role": "assistant", "content": "a"},
            {
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "text": "a"}],
            },
        ),
        (
            {"type": "function_call_output", "call_id": "c", "output": "ok"},
            {"type": "function_call_output", "status": "completed", "call_id": "c", "output": "ok"},
        ),
    ],
    ids=["user", "assistant", "result"],
)
def test_items_as_they_are_listed(item: Any, listed: Any, kept: str) -> None:
    """With what a client may leave out."""
    store: Any = muxi_llm.config.response_store
    store.put(kept, {"response": {"output": []}, "input": [{"id": "i", **item}]})
    page = requests.told("GET", f"/responses/{kept}/input_items", {})
    assert page is not None
    assert page["data"] == [{"id": "i", **listed}]


# ------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"type": "message", "role": "user"}, "is not an item: content is missing"),
        ({"type": "item_reference"}, "is not an item: id is missing"),
        ("Hi there", 'must be an item, such as {"role": "user", "content": "Hello"}, not a string'),
    ],
    ids=["no content", "no id", "no item"],
)
def test_malformed_input_after_something_kept(item: Any, why: str, kept: str) -> None:
    """Is the client's mistake, said so."""
    wire = KeptResponses(Ledger("the chat form"))
    with pytest.raises(InvalidRequestError, match=re.escape(f"input[0] {why}")):
        wire.decode_request(dumps({"model": "a/b", "previous_response_id": kept, "input": [item]}))


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"input": None},
        {"input": "Hi"},
        {"input": 1},
        {"input": ["Hi"]},
        {"input": [{"role": "user", "content": "Hi"}]},
    ],
    ids=str,
)
def test_the_own_server_s_bodies_are_left_alone(raw: Any) -> None:
    """The very same object, where nothing of ours is in it."""
    ledger = Ledger("openai")
    assert KeptResponses(ledger).own_body(raw, ledger) is raw
    assert ledger.entries == []


OFF_SCHEMA: dict[str, tuple[Any, int]] = {
    "whole": ({"id": "resp_1", "status": "completed", "output": []}, 1),
    "cut off": ({"id": "resp_1", "status": "incomplete", "output": []}, 1),
    "failed": ({"id": "resp_1", "status": "failed", "output": []}, 0),
    "under way": ({"id": "resp_1", "status": "queued", "output": []}, 0),
    "no output": ({"id": "resp_1", "status": "completed"}, 0),
    "no id": ({"status": "completed", "output": []}, 0),
    "a list": ([], 0),
    "nothing": (None, 0),
}


@pytest.mark.parametrize("name", OFF_SCHEMA)
def test_what_is_kept_of_a_server_s_answer(name: str) -> None:
    """Whole or as the last event, only what was said to the end; pings say nothing."""
    answer, kept = OFF_SCHEMA[name]
    for streamed in (False, True):
        muxi_llm.config.response_store = store = MemoryStore()
        wire = KeptResponses(Ledger("the chat form"))
        wire.decode_request(dumps({"model": "a/b", "input": "Hi"}))
        if streamed:
            wire.keep_events(
                b"event: ping\ndata:\n\ndata: []\n\ndata: " + dumps({"response": answer}) + b"\n\n"
            )
        else:
            wire.keep(dumps(answer))
        assert (store.get("resp_1") is not None) == bool(kept)


def test_ids_a_client_gave_are_kept(kept: str) -> None:
    """Items without one get one."""
    wire = KeptResponses(Ledger("the chat form"))
    given = [{"id": "msg_1", "role": "user", "content": "a"}, {"id": None, "role": "user", "content": "b"}]
    wire.decode_request(dumps({"model": "a/b", "input": given}))
    assert [item["id"] for item in wire.items] == ["msg_1", wire.response_id.replace("resp_", "item_") + "_1"]
