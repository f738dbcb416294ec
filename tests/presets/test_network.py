"""`requires.network`, at load time and at the call."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.network import check_allowed, check_called, is_local

LOCAL = ["localhost", "a.localhost", "gpu.local", "db.internal", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "10.0.0.1",
         "172.31.0.1", "192.168.1.1", "fd00::1"]  # fmt: skip
REMOTE = [
    "api.openai.com",
    "8.8.8.8",
    "172.32.0.1",
    "localhost.evil.test",
    "2001:db8::1",
    "",
    "notlocal",
    "internal",
]


def test_what_is_local() -> None:
    assert [host for host in LOCAL if not is_local(host)] == []
    assert [host for host in REMOTE if is_local(host)] == []


@pytest.mark.parametrize(
    ("network", "allowed", "is_right"),
    [
        (None, [], True),
        ("none", [], True),
        ("local", [], True),
        ("local", ["localhost", "10.0.0.1"], True),
        ("local", ["localhost", "api.openai.com"], False),
        ("public", ["*"], True),
        ("public", ["api.openai.com"], False),
        (["api.openai.com"], ["api.openai.com"], True),
        (["API.openai.com"], ["api.OPENAI.com"], True),
        (["api.openai.com"], ["*.openai.com"], True),
        (["api.openai.com"], ["api-*.openai.com"], False),
        (["api-eu.openai.com"], ["api-*.openai.com"], True),
        (["api-.openai.com"], ["api-*.openai.com"], False),
        (["a.b.openai.com"], ["*.openai.com"], False),
        (["openai.com"], ["*.openai.com"], False),
        (["a.test", "b.test"], ["a.test"], False),
        (["a.test"], ["*"], True),
        (["a.test"], [], False),
        ([], ["*"], False),
        ("everywhere", ["*"], False),
        ([5], ["*"], False),
        ({"a": 1}, ["*"], False),
    ],
)
def test_at_load_time(network: Any, allowed: list[str], is_right: bool) -> None:
    if is_right:
        check_allowed(network, allowed)
    else:
        with pytest.raises(MdaError) as caught:
            check_allowed(network, allowed)
        assert caught.value.category == "requires-not-satisfied"


@pytest.mark.parametrize(
    ("network", "url", "is_right"),
    [
        (None, "https://a.test/v1", True),
        ("none", "https://a.test/v1", True),
        ("public", "https://a.test/v1", True),
        ("local", "http://localhost:8000/v1", True),
        ("local", "http://[::1]:8000/v1", True),
        ("local", "https://a.test/v1", False),
        (["a.test"], "https://a.test:8443/v1", True),
        (["a.test"], "https://A.test./v1", True),
        (["*.a.test"], "https://eu.a.test", True),
        (["a.test"], "https://a.test@evil.test/v1", False),
        (["a.test"], "https://evil.test/a.test", False),
        (["a.test"], "", False),
        (["a.test"], "https://[", False),
        (None, "https://[", True),
    ],
)
def test_at_the_call(network: Any, url: str, is_right: bool) -> None:
    if is_right:
        check_called(network, url)
    else:
        with pytest.raises(MdaError):
            check_called(network, url)


def test_many_stars_take_no_time() -> None:
    with pytest.raises(MdaError):
        check_called(["*" * 10_000 + ".test", "*a" * 5000], "https://" + "a" * 250)
