"""The page on presets, down to "A preset": its commands, one after the other, and its program."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support.presets import publish, source
from tests.support.release import ROOT, Workplace
from tests.support.upstream import Upstream
from tests.support.world import answer, environment

PAGE = (ROOT / "docs/presets.md").read_text().partition("\n## A preset\n")[0]


def test_ten_commands_from_an_empty_folder_and_a_program(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert len(commands.splitlines()) == 10
    done = place.run(commands)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed content is refused" in done.stdout
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "service.py").write_text(program)
    with Upstream(answer) as upstream:
        done = place.run(f"{sys.executable} service.py", **environment(upstream))
        assert done.returncode == 0, done.stderr
    told = "search_summary/openai_fast 2026-05-14T000000Z openai/gpt-5-mini"
    assert done.stdout.strip() == told
    assert (tmp_path / "state/llm.json").is_file()


def test_going_back_is_refused_by_who_has_seen_more(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    publish(place.registry, "r1", {"a/one": source()})
    publish(place.registry, "r2")
    done = place.run("llmix rollback --to r1 && llmix list")
    assert done.returncode == 0, done.stderr
    assert "r2 -> r1" in done.stdout
