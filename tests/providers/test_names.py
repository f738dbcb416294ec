"""A model's name never leads to another path than its own, whichever provider has it in its URL."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest

from muxi_llm.errors import InvalidModelError, MuxiLLMError
from muxi_llm.providers import registry
from muxi_llm.wire.base import Ledger
from tests.support.bodies import HELLO

ODD = [
    "../x", "a/../../../admin", "a/..", "./x", "a/./b", "..", ".", "%2e%2e/x", "a/%2E%2e", "a%2f..%2fb", "..\\x",
    "a\\..\\b", "a?b=c", "a/b#c", "a b", "a\nb", "a\x00b", "a/?../b", "..?x",
]  # fmt: skip
BODIES = {"chat": {"messages": HELLO}, "completion": {"prompt": "x"}, "embedding": {"input": "x"}}
PATHS = [
    (kind.name, endpoint)
    for kind in registry.own()
    if kind.__module__.startswith("muxi_llm.")
    for endpoint in BODIES
    if endpoint in kind.wires
]


def url_of(name: str, endpoint: str, model: str, *, stream: bool) -> str:
    """Where a call of *model* would go."""
    kind = registry.find(name)
    assert kind is not None
    settings = dict.fromkeys(kind.settings_env, "s")
    provider = kind(api_key="k", base_url="http://host.test/base", settings=settings)
    wire = provider.wire_for(endpoint, model, Ledger(name))  # type: ignore[arg-type]
    return provider.prepare(wire, BODIES[endpoint], stream=stream, extra={}).url


@pytest.mark.parametrize(("name", "endpoint"), PATHS)
def test_no_name_leads_elsewhere(name: str, endpoint: str) -> None:
    """It is part of one path, in full and quoted, or it is refused."""
    for stream in (False, True):
        for odd in ODD:
            try:
                url = url_of(name, endpoint, odd, stream=stream)
            except MuxiLLMError:
                continue
            assert url.startswith("http://host.test/base/")
            assert url.isprintable()
            assert not re.search(r"[\\\s#]", url)
            assert not {".", ".."} & set(re.split(r"[/\\]", unquote(urlsplit(url).path))), url
            assert "b=c" not in urlsplit(url).query


def test_why_it_is_refused() -> None:
    """By name: the model's is the argument at fault."""
    with pytest.raises(InvalidModelError, match=r"'\.\./x' would lead to another path") as caught:
        url_of("google", "chat", "../x", stream=False)
    assert caught.value.param == "model"
