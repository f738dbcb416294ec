"""The suite itself: nobody is left out of it by accident."""

from __future__ import annotations

import pytest

from muxi_llm.providers import registry
from tests.contract.contact import CHATS, CHATTERS, PROVIDERS, VARIANTS
from tests.support.speakers import SPEAKERS, speaker_of
from tests.support.speakers.base import Said


def test_all_of_ours_are_asked() -> None:
    """Every name of the registry's own tables leads to a class, and every class that chats is asked."""
    assert all(PROVIDERS.values())
    assert set(PROVIDERS) <= set(registry.names())
    assert {*CHATTERS} - {*VARIANTS} == {*CHATS}


@pytest.mark.parametrize("name", CHATS)
def test_every_wire_has_a_speaker(name: str) -> None:
    kind = PROVIDERS[name]
    assert kind is not None
    assert speaker_of(kind.wires["chat"]).__doc__, "a speaker says where its wire is described"


@pytest.mark.parametrize("wire", SPEAKERS)
def test_a_speaker_streams_in_pieces(wire: str) -> None:
    """More than a head and an end: otherwise the suites would prove little."""
    assert len(SPEAKERS[wire].events(Said())) > 4
