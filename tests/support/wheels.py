"""The package as it is given away, and environments that have nothing but it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.support.patience import LIFETIME

ROOT = Path(__file__).parents[2]
SOURCES = (
    "muxi_llm",
    "tests",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "SECURITY.md",
    "MANIFEST.in",
)
BUILD = """
import setuptools.build_meta as backend
backend.build_sdist("dist")
backend.build_wheel("dist")
"""


def built(folder: Path) -> tuple[Path, Path]:
    """Sdist and wheel, of a copy: nothing is left in the checkout."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
            )
        else:
            shutil.copy(source, folder / name)
    command = [sys.executable, "-W", "ignore", "-c", BUILD]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIFETIME, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((folder / "dist").glob("*.tar.gz")), next((folder / "dist").glob("*.whl"))


class Environment:
    """An empty one in *folder*, with *wheel* in it; what that needs is borrowed from this interpreter's."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.bin = folder / "bin"
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "--quiet"]
        subprocess.run(
            [*pip, "--no-deps", "--no-index", str(wheel)], env=_alone(), check=True, timeout=LIFETIME
        )
        site = next(folder.glob("lib/python*/site-packages"))
        # A path alone: what is installed editable there, ours among it, is not found by it.
        (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")

    def run(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """A program of the environment's, by its name."""
        command = [str(self.bin / words[0]), *words[1:]]
        return subprocess.run(
            command, cwd=cwd, env=_alone(), capture_output=True, text=True, timeout=LIFETIME, check=False
        )


def _alone() -> dict[str, str]:
    """The environment without what would lead to the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
