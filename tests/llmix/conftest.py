"""Both faces of a pipeline, and a state folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> str:
    """Both ways to call a pipeline."""
    return str(request.param)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's switches, locks and batches are."""
    folder = tmp_path / "state"
    monkeypatch.setenv("LLMIX_STATE_DIR", str(folder))
    return folder
