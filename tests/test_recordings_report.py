"""Every recording is replayed by some test, or has a reason why not; `python -m tests.recordings` runs them all."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.recordings import MODULES, complaints
from tests.support.recordings import DECLARED


@pytest.mark.shared
def test_every_recording_is_replayed_or_said_why_not(shared):
    """And no reason is out of date."""
    for path in MODULES:
        import_module(f"tests.{path.stem}")
    assert complaints(DECLARED) == []
