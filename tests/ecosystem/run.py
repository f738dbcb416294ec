"""Runs the clients' tests, each in an environment of its own: `python tests/ecosystem/run.py [NAME ...]`.

Environments are kept under `.venv-ecosystem/` and used again as long as what they hold is wanted.
"""

# ruff: noqa: T201 - a script prints
from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".venv-ecosystem"
COMMON = [
    "httpx>=0.27",
    "hypothesis>=6.100",
    "pytest>=8.4",
    "pytest-timeout>=2.4",
]


def environment(name: str, client: dict[str, Any]) -> Path:
    """The interpreter of the client's environment, which is made where it is missing."""
    folder = FOLDER / name
    python, done = folder / "bin" / "python", folder / ".done"
    wanted = repr((COMMON, client))
    if not done.exists() or done.read_text() != wanted:
        print(f"installing {name} ...", flush=True)
        subprocess.run([ROOT / ".ci" / "venv", sys.executable, folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        pip = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python]
        ours = ["--editable", f"{ROOT}[{','.join(('anthropic', *client.get('extras', ())))}]"]
        subprocess.run([*pip, *ours, *COMMON, *client["install"]], check=True)
        if alone := client.get("alone"):
            subprocess.run([*pip, "--no-deps", *alone], check=True)
        done.write_text(wanted)
    return python


def main(names: list[str]) -> int:
    """Runs the tests of the named clients, by default of all. Returns how many failed."""
    clients = tomllib.loads((HERE / "clients.toml").read_text())
    if unknown := [name for name in names if name not in clients]:
        sys.exit(f"no such client: {', '.join(unknown)}; known: {', '.join(clients)}")
    failed = []
    for name in names or clients:
        python = environment(name, clients[name])
        print(f"== {name}", flush=True)
        # Deprecations in the clients' own packages are theirs.
        tests = [python, "-m", "pytest", "-q", "-W", "ignore", HERE / clients[name]["file"]]
        if clients[name].get("output"):
            tests.append("-s")
        if subprocess.run(tests, cwd=ROOT, check=False).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all of them passed")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
