"""The audit log's chain."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.governance.audit import Break, Head, broken, changes, seal_of

Sealed = list[tuple[int, str, dict[str, Any]]]


def chain(entries: list[dict[str, Any]], start: Head | None = None) -> tuple[Sealed, Head]:
    out, head = [], start or Head()
    for entry in entries:
        head = Head(head.number + 1, seal_of(head.seal, entry))
        out.append((head.number, head.seal, entry))
    return out, head


ENTRIES = st.lists(
    st.dictionaries(st.sampled_from(["action", "actor", "after"]), st.text(max_size=5) | st.none()),
    min_size=1,
    max_size=8,
)


@given(ENTRIES)
def test_a_whole_chain_holds_and_so_does_its_rest(entries: list[dict[str, Any]]) -> None:
    rows, head = chain(entries)
    assert broken(rows, head) is None
    assert broken([], Head()) is None
    number, seal, _ = rows[0]
    assert broken(rows[1:], head, Head(number, seal)) is None


@given(ENTRIES, st.data())
def test_whatever_is_changed_left_out_put_in_or_cut_off_is_seen(
    entries: list[dict[str, Any]], data: st.DataObject
) -> None:
    rows, head = chain(entries)
    at = data.draw(st.integers(0, len(rows) - 1))
    number, seal, entry = rows[at]
    changed = [*rows]
    changed[at] = (number, seal, {**entry, "actor": "somebody else"})
    assert broken(changed, head) == Break(number, "the entry, or one before it, was changed")
    without = [*rows[:at], *rows[at + 1 :]]
    assert (broken(without, head) or Break(0, "")).number == number
    twice = [*rows[: at + 1], *rows[at:]]
    assert broken(twice, head) is not None
    rewritten, other = chain(
        [{**entry, "actor": "x"} if n == at else entry for n, entry in enumerate(entries)]
    )
    if other != head:  # all of it sealed anew: the head tells
        assert broken(rewritten, head) is not None
    assert broken(rows, Head(head.number - 1, head.seal)) is not None


def test_what_differs() -> None:
    assert changes({"a": 1, "b": 2}, {"b": 3, "c": 4}) == {"a": [1, None], "b": [2, 3], "c": [None, 4]}
    assert changes({"a": 1}, {"a": 1}) == {}
