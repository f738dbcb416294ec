"""Virtual keys."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.governance.keys import ENTROPY, Key, Standing, allows, hash_of, is_listed, mint


def test_a_key_is_made_of_enough_chance_and_kept_as_its_hash() -> None:
    one, other = mint(os.urandom(ENTROPY)), mint(os.urandom(ENTROPY))
    assert one.secret != other.secret
    assert re.fullmatch(r"sk-muxi-[\w-]{43}", one.secret)
    assert one.hash == hash_of(one.secret)
    assert one.secret.startswith(one.prefix)
    assert len(one.prefix) == len("sk-muxi-") + 4
    with pytest.raises(ValueError, match="32 random bytes"):
        mint(b"short")


@given(st.text())
def test_a_hash_is_64_digits_whatever_somebody_sends(secret: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", hash_of(secret))


def test_a_key_says_nothing_of_its_hashes() -> None:
    assert "abc" not in repr(Key("k", hash="abc", old_hash="abcd"))


def test_standing() -> None:
    assert Key("k").standing(10.0) is Standing.GOOD
    assert Key("k", expires=10.0).standing(9.9) is Standing.GOOD
    assert Key("k", expires=10.0).standing(10.0) is Standing.EXPIRED
    assert Key("k", blocked=True, expires=5.0).standing(10.0) is Standing.BLOCKED


@pytest.mark.parametrize(
    ("patterns", "model", "listed"),
    [
        ((), "gpt-4o", True),
        (("*",), "gpt-4o", True),
        (("all-proxy-models",), "gpt-4o", True),
        (("gpt-*",), "GPT-4o", True),
        (("GPT-4o",), "gpt-4o", True),
        (("gpt-4o",), "gpt-4o-mini", False),
        (("gpt-4o",), "azure/gpt-4o", False),
        (("*/gpt-4o",), "azure/gpt-4o", True),
        (("gpt-4[!o]",), "gpt-4o", False),
        (("odd[name]",), "odd[name]", True),
    ],
)
def test_lists_of_models(patterns: tuple[str, ...], model: str, listed: bool) -> None:
    assert is_listed(patterns, model) is listed


def test_every_list_has_to_have_it() -> None:
    assert allows([("gpt-*",), (), ("*-mini",)], "gpt-4o-mini")
    assert not allows([("gpt-*",), (), ("*-mini",)], "gpt-4o")
    assert allows([], "anything")
