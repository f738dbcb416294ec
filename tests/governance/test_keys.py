"""Virtual keys."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.errors import MuxiLLMError
from muxi_llm.governance.keys import ENTROPY, Holder, Key, Owner, allows, hash_of, is_listed, mint


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


def refused(status: int, code: str) -> Any:
    return pytest.raises(MuxiLLMError, check=lambda e: e.status_code == status and e.code == code)


def test_a_key_that_may_not_be_used_says_why() -> None:
    Holder(Key("k"), {}).check(10.0)
    Holder(Key("k", expires=10.0), {}).check(9.9)
    with refused(401, "expired_api_key"):
        Holder(Key("k", expires=10.0), {}).check(10.0)
    with refused(403, "blocked"):
        Holder(Key("k", blocked=True), {}).check(10.0)
    for kind in ("user", "team", "organization"):
        with refused(403, "blocked") as told:
            Holder(Key("k"), {kind: Owner(blocked=True)}).check(10.0)
        assert kind in str(told.value)


@pytest.mark.parametrize("kind", ["management", "read_only"])
def test_keys_for_managing_call_no_models(kind: str) -> None:
    with refused(403, "wrong_key_type"):
        Holder(Key("k", kind=kind), {}).check_call("/chat/completions", "m")


def test_a_call_has_to_be_in_every_list() -> None:
    owners = {"team": Owner(models=("*-mini",)), "organization": Owner()}
    holder = Holder(Key("k", models=("gpt-*",), routes=("/chat/*",)), owners)
    holder.check_call("/chat/completions", "gpt-4o-mini")
    holder.check_call("/chat/completions", "")  # a file, a batch: of no model
    with refused(403, "route_not_allowed"):
        holder.check_call("/embeddings", "gpt-4o-mini")
    for model in ("gpt-4o", "o1-mini"):
        with refused(403, "model_not_allowed"):
            holder.check_call("/chat/completions", model)


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
