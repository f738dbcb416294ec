"""The wheel and the sdist: what is in them, and that the wheel works where nothing else of ours is."""

from __future__ import annotations

import os
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from muxi_llm import __version__
from tests.support.wheels import ROOT, Environment, built
from tests.support.world import snippets


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Sdist and wheel."""
    return built(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def environment(given: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"), given[1])


def test_what_is_in_the_wheel(given: tuple[Path, Path]) -> None:
    """The package, its types and its licence; every file of it, and nothing else."""
    with zipfile.ZipFile(given[1]) as wheel:
        names = set(wheel.namelist())
        told = Parser().parsestr(wheel.read(f"muxi_llm-{__version__}.dist-info/METADATA").decode())
    source = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "muxi_llm").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == source
    assert f"muxi_llm-{__version__}.dist-info/licenses/LICENSE" in names
    assert told["Version"] == __version__
    assert told["Author"] == "muxi-llm contributors"
    assert {"Homepage", "Changelog"} < {url.partition(",")[0] for url in told.get_all("Project-URL", [])}
    assert "](./" not in told.get_payload()  # README's links work off the repository


def test_the_sdist_has_no_tests(given: tuple[Path, Path]) -> None:
    """They need what is beside them in the repository."""
    with tarfile.open(given[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "CHANGELOG.md", "muxi_llm/py.typed"} < names
    assert not [name for name in names if name.startswith("tests")]


def test_the_wheel_works_where_nothing_else_is(environment: Environment, tmp_path: Path) -> None:
    """README's first block, by the installed command."""
    where = "import muxi_llm; print(muxi_llm.__file__, muxi_llm.VERSION)"
    file, version = environment.run("python", "-c", where, cwd=tmp_path).stdout.split()
    assert (Path(file).is_relative_to(environment.bin.parent), version) == (True, __version__)
    (tmp_path / "it.py").write_text(snippets(ROOT / "README.md")[0])
    done = environment.run("muxi-llm", "demo", str(environment.bin / "python"), "it.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('This is gpt-5.6-luna. You asked "Name a planet".\nopenai/gpt-5.6-luna 1 ')


@pytest.mark.parametrize("program", ["muxi-llm", "llmux", "mda", "llmix"])
def test_every_command_is_there(program: str, environment: Environment, tmp_path: Path) -> None:
    assert os.access(environment.bin / program, os.X_OK)
    done = environment.run(program, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
