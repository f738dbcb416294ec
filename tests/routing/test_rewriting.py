"""What a deployment's configuration does to a body, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.routing.rewriting import Rewriting

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"max_tokens": {}}}}}
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("rewriting", "body", "after"),
    [
        (Rewriting(), {"a": 1}, {"a": 1}),
        (Rewriting(delete=("a", "x")), {"a": 1, "b": 2}, {"b": 2}),
        (Rewriting(add={"a": 9, "c": 3}), {"a": 1}, {"a": 1, "c": 3}),
        (Rewriting(add={"m.user": "u"}), {"a": 1}, {"a": 1, "m": {"user": "u"}}),
        (Rewriting(rename={"a": "b"}), {"a": 1, "c": 2}, {"b": 1, "c": 2}),
        (Rewriting(rename={"a": "b"}), {"a": 1, "b": 2}, {"b": 2}),
        (Rewriting(rename={"a": "b"}), {"c": 2}, {"c": 2}),
        (Rewriting(delete=("a",), add={"a": 5}, rename={"a": "z"}), {"a": 1}, {"z": 5}),
        (Rewriting(delete=("m.*.name",)), {"m": [{"name": "x", "b": 1}, 3]}, {"m": [{"b": 1}, 3]}),
        (Rewriting(delete=("m.user",)), {"m": "text"}, {"m": "text"}),
        (Rewriting(delete=("m.*",)), {"m": [1]}, {"m": [1]}),
        (
            Rewriting(rename={"max_tokens": "n"}),
            {"tools": [TOOL], "max_tokens": 3},
            {"tools": [TOOL], "n": 3},
        ),
    ],
)
def test_fields_are_deleted_added_renamed(rewriting: Rewriting, body: Any, after: Any) -> None:
    assert rewriting(body) == after


@given(
    st.dictionaries(st.sampled_from("abc"), JSON, max_size=3),
    st.lists(st.sampled_from(["a", "b.c", "a.*.b", "*.a"]), max_size=3),
)
def test_the_body_given_is_never_changed(body: dict[str, Any], keys: list[str]) -> None:
    before = repr(body)
    Rewriting(tuple(keys), dict.fromkeys(keys, 1), dict.fromkeys(keys, "c"))(body)
    assert repr(body) == before
