"""`muxi-llm kill-switch`: the file that stops every call, made and removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from muxi_llm.commands import main as command
from muxi_llm.harness.kill_switch import KillSwitch


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path / "new" / "state"))
    return tmp_path / "new" / "state"


def test_on_and_off(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each says how it stands then; to say it twice changes nothing."""
    for turn, stands in (
        ("status", "off"),
        ("on", "on"),
        ("on", "on"),
        ("status", "on"),
        ("off", "off"),
        ("off", "off"),
    ):
        assert command.main(["kill-switch", turn]) == 0
        assert capsys.readouterr().out == f"{stands}: {state / 'killswitch'}\n"
        assert KillSwitch().state == stands


def test_a_switch_elsewhere(tmp_path: Path) -> None:
    assert command.main(["kill-switch", "on", "--state-dir", str(tmp_path)]) == 0
    assert (tmp_path / "killswitch").exists()


def test_one_that_cannot_be_turned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, with status 2: a switch that may not work must not look as if it did."""
    (tmp_path / "file").touch()
    assert command.main(["kill-switch", "on", "--state-dir", str(tmp_path / "file")]) == 2
    assert "muxi-llm: " in capsys.readouterr().err
