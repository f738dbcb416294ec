"""Where presets are: `config/llm` in the project, unless somebody says otherwise."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class LLMixPathConfig:
    """Where to look. env_var: the variable's name, `LLMIX_CONFIG_DIR` by default; relative paths are
    relative to *project_root*, which is found if it is not given.
    """

    config_dir: str | Path | None = None
    env_var: str | None = None
    default_path: str | None = None
    project_root: str | Path | None = None


@dataclass(frozen=True, slots=True)
class ResolvedConfigDir:
    """An absolute path, and who said so."""

    config_dir: str
    source: Literal["explicit", "env", "default"]


def resolve_config_dir(options: LLMixPathConfig | None = None) -> ResolvedConfigDir:
    """The folder of presets: `config_dir`, else the variable's, else `config/llm` in the project."""
    wanted = options or LLMixPathConfig()
    if wanted.config_dir:
        return ResolvedConfigDir(str(Path(wanted.config_dir).resolve()), "explicit")
    root = Path(wanted.project_root) if wanted.project_root else find_project_root()
    named = os.environ.get(wanted.env_var or "LLMIX_CONFIG_DIR")
    if named:
        return ResolvedConfigDir(str((root / named).resolve()), "env")
    return ResolvedConfigDir(str((root / (wanted.default_path or "config/llm")).resolve()), "default")


def find_project_root(start: str | Path | None = None) -> Path:
    """The project around *start* (default: the working directory).

    Going up: a package.json with `workspaces` wins, then the nearest lock file, then the nearest
    pyproject.toml or package.json, then the working directory itself.
    """
    here = Path(start or Path.cwd()).resolve()
    folders = [here, *here.parents]
    for is_root in (_has_workspaces, _has_lockfile, _has_project):
        found = next((folder for folder in folders if is_root(folder)), None)
        if found is not None:
            return found
    return Path.cwd()


def _has_workspaces(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        package = json.loads((folder / "package.json").read_bytes())
        return isinstance(package, dict) and "workspaces" in package
    return False


def _has_lockfile(folder: Path) -> bool:
    return any((folder / name).exists() for name in LOCKFILES)


def _has_project(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("pyproject.toml", "package.json"))


LOCKFILES = (
    "bun.lock",
    "pnpm-lock.yaml",
    "package-lock.json",
    "yarn.lock",
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "pdm.lock",
)
