"""Front matter: what YAML is taken, within which bounds, and edits that leave all else as it was."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.yaml import LIMITS, Limits, block, edited, read_yaml, scalar, without


def test_the_core_schema() -> None:
    text = """
    a: 012
    b: 1e3
    c: 0o14
    d: 2026-05-14
    e: yes
    f: 0x1F
    g: ~
    h:
    i: -1.5
    j: !!str 5
    50256: -100
    k: "5"
    l: ! 5
    m: True
    n: .5
    """
    assert read_yaml(text) == {
        "a": 12, "b": 1000.0, "c": 12, "d": "2026-05-14", "e": "yes", "f": 31, "g": None, "h": None, "i": -1.5,
        "j": "5", "50256": -100, "k": "5", "l": "5", "m": True, "n": 0.5,
    }  # fmt: skip


def test_no_text_is_no_value() -> None:
    assert read_yaml("") is None
    assert read_yaml("# nothing\n") is None


REFUSED = {
    "a key twice": "a: 1\na: 2",
    "a key twice, said otherwise": "1: 1\n'1': 2",
    "a key that is no string": "? [a]\n: 1",
    "null as a key": "~: 1",
    "a merge": "a: &a {b: 1}\nc: {<<: *a}",
    "a tag": "a: !!python/name:os.system x",
    "a tag on a list": "a: !!set [x]",
    "a date by its tag": "a: !!timestamp 2026-05-14",
    "several documents": "a: 1\n...\n--- \nb: 2",
    "a directive": "%YAML 1.1\n--- \na: yes",
    "an unknown alias": "a: *b",
    "a value within itself": "a: &a [*a]",
    "infinity": "a: .inf",
    "no number": "a: .NaN",
    "a number beyond all bounds": "a: 1e999",
    "a whole number that not all keep": "a: 9007199254740993",
    "a long number": "a: " + "9" * 5000,
    "half a surrogate pair": 'a: "\\ud800"',
    "an open quote": 'a: "b',
    "a tabulator": "a:\n\t- b",
    "a separator of lines": 'a: "b\u2028c"',
    "YAML 1.1's next line": 'a: "b\x85c"',
    "an odd escape": 'a: "\\U99999999"',
}
BOMBS = {
    "long": "a: " + "x " * LIMITS.size,
    "nodes": "a: [" + "1," * LIMITS.nodes + "]",
    "depth in brackets": "a: " + "[" * 10_000,
    "depth in braces": "a: " + "{a: " * 5000,
    "depth by dashes": "- " * 5000,
    "depth by indent": "".join(" " * n + "k:\n" for n in range(LIMITS.depth + 2)),
    "aliases": "a: &a 1\nb: [" + "*a," * (LIMITS.aliases + 1) + "]",
    "laughs": "a: &a ["
    + "x," * 30
    + "]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: &d [*c,*c,*c]\ne: [*d,*d,*d]",
}


@pytest.mark.parametrize("text", [*REFUSED.values(), *BOMBS.values()], ids=[*REFUSED, *BOMBS])
def test_yaml_that_is_refused(text: str) -> None:
    with pytest.raises(MdaError) as caught:
        read_yaml(text)
    assert caught.value.category == "frontmatter-yaml-parse-error"
    assert len(str(caught.value)) < 250


def test_the_limits_are_what_they_say() -> None:
    few = Limits(size=40, nodes=6, depth=3, aliases=1)
    assert read_yaml("a: [1, 2, 3]", few) == {"a": [1, 2, 3]}
    assert read_yaml("a: &a 1\nb: *a", few) == {"a": 1, "b": 1}
    for text in ("a: [1, 2, 3, 4]", "a: [[1]]\nb: 2", "a: &a [1]\nb: *a", "a: &a 1\nb: [*a, *a]", "#" * 41):
        with pytest.raises(MdaError):
            read_yaml(text, few)


def test_what_is_behind_an_alias_is_a_value_of_its_own_size() -> None:
    assert read_yaml("a: &a {x: [1, 2]}\nb: *a\nc: *a") == {name: {"x": [1, 2]} for name in "abc"}


PIECES = st.sampled_from(
    [*"abc01:-?[]{}&*!|>'\"%@`#,~\n \t", "\r\n", "---", "...", "<<", "a: ", "- ", "\\u", "é"]
)


@given(st.text() | st.lists(PIECES, max_size=40).map("".join))
def test_any_text_ends_in_a_value_or_in_a_declared_error(text: str) -> None:
    with suppress(MdaError):
        read_yaml(text)


# ----------------------------------------------------------------------------------------- writing

OURS = """\
# who made this
name: x   # short
"description": 'two: words'
signatures:
- signer: did-web:a.test   # the first
  key-id: "k"
# a tail

tags: [a, b]
# the end"""
ENTRY = {"signer": "did-web:b.test", "key-id": "did:web:b.test#k", "signature": "ab+/=="}


def test_a_new_name_comes_last_and_nothing_else_changes() -> None:
    value = {"algorithm": "sha256", "digest": "sha256:ab"}
    assert edited(OURS, read_yaml(OURS), "integrity", value) == (
        OURS + "\nintegrity:\n  algorithm: sha256\n  digest: sha256:ab\n"
    )


def test_a_list_that_grows_gets_what_is_new() -> None:
    front = read_yaml(OURS)
    text = edited(OURS, front, "signatures", [*front["signatures"], ENTRY])
    new = "- signer: did-web:b.test\n  key-id: did:web:b.test#k\n  signature: ab+/==\n"
    assert text == OURS.replace('  key-id: "k"\n', '  key-id: "k"\n' + new) + "\n"


def test_a_value_that_changes_is_written_anew_alone() -> None:
    text = edited(OURS, read_yaml(OURS), "tags", ["c"])
    assert text == OURS.replace("tags: [a, b]", "tags:\n  - c") + "\n"


def test_an_inline_list_is_written_in_lines() -> None:
    text = "a: [1, 2]  # two\nb: 1\n"
    assert edited(text, read_yaml(text), "a", [1, 2, 3]) == "a:\n  - 1\n  - 2\n  - 3\nb: 1\n"


def test_a_name_goes_with_its_lines_alone() -> None:
    text = without(OURS, read_yaml(OURS), "signatures")
    assert text == OURS.replace(OURS[OURS.index("signatures") : OURS.index("# a tail")], "")
    assert without("{a: 1, b: 2}", {"a": 1, "b": 2}, "a") == "b: 2\n"
    assert without("a: 1\n", {"a": 1}, "a") == ""


def test_front_matter_in_braces_is_written_anew() -> None:
    text = "{name: x, more: {a: [1, [2, []], {b: {}}]}}"
    front = read_yaml(text)
    assert read_yaml(edited(text, front, "k", 1)) == {**front, "k": 1}


def test_front_matter_with_aliases_stays() -> None:
    text = "a: &a\n  b: 1\nc: *a\n"
    assert edited(text, read_yaml(text), "d", "e") == text + "d: e\n"


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(MdaError):
        edited("a: 1\n", {"a": 1}, "b", [1] * LIMITS.nodes)


@pytest.mark.parametrize(
    "value",
    ["", "yes", "No", "null", "1", "1e3", "a: b", "a #b", "-", "- a", "[", "{", "a\nb", " a", "a ", "é", "~",
     "true", "2026-05-14", "did:web:a.test#b", "sha256:ab", "a:", "*a", "&a", "!a", "%a", "@a", "`a", "a,b",
     "gpt-5-mini", "meta-llama/Llama-3.3-70B", "\u2028", "\x85", "\x7f", "a\tb"],
)  # fmt: skip
def test_a_scalar_reads_back(value: str) -> None:
    assert read_yaml(f"k: {scalar(value)}") == {"k": value}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.text(max_size=5), VALUES)
def test_what_is_written_reads_back(front: dict[str, Any], name: str, value: Any) -> None:
    text = "".join(map(block, front, front.values()))
    try:
        before = read_yaml(text) or {}
        after = edited(text, before, name, value)
    except MdaError:
        return  # `<<`, or half a surrogate pair
    assert read_yaml(after) == {**before, name: value}
    assert before == front
