"""The wheel, each extra of it alone, in an environment made for it: `python tests/package.py WHEEL [EXTRA ...]`.

Asks a package index for what the extras need. In the bare one README's blocks run, and mypy reads the types.
"""

# ruff: noqa: T201 - a script prints
from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = {
    "": "muxi_llm.clients.openai",
    "all": "muxi_llm.gateway.app",
    "anthropic": "muxi_llm.clients.anthropic",
    "aws": "muxi_llm.providers.aws_signing",
    "cli": "muxi_llm.commands.chat.rich_screen",
    "fast": "muxi_llm.transport.fast",
    "gateway": "muxi_llm.gateway.app",
    "google": "google.auth.transport.requests",
    "otel": "muxi_llm.harness.otel",
    "presets": "muxi_llm.commands.mda.command",
    "realtime": "muxi_llm.clients.realtime",
    "redis": "muxi_llm.harness.redis_tier",
}
"""Extra → a module that wants it."""

TYPED = """\
from muxi_llm import ChatCompletion

response = ChatCompletion.create(model="openai/m", messages=[])
text: str | None = response.choices[0].message.content
attempts: int = len(response.muxi.attempts)
"""


def tried(wheel: Path, extra: str, folder: Path) -> None:
    """Install, import, and ask for the version. Raises where anything fails."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=True)
    subprocess.run([python, "-W", "error", "-c", f"import {EXTRAS[extra]}"], check=True, cwd=folder)
    subprocess.run([str(folder / "bin" / "muxi-llm"), "--version"], check=True, cwd=folder)
    subprocess.run([str(folder / "bin" / "muxi-llm"), "demo", "ask", "Hello"], check=True, cwd=folder)


def blocks_and_types(folder: Path) -> None:
    """README's blocks that need no extra, and the types from outside."""
    python = str(folder / "bin" / "python")
    for block in (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]:
        code = block.partition("```")[0]
        if "Anthropic" not in code:
            (folder / "it.py").write_text(code, encoding="utf-8")
            command = [str(folder / "bin" / "muxi-llm"), "demo", python, "it.py"]
            subprocess.run(command, check=True, cwd=folder)
    (folder / "typed.py").write_text(TYPED, encoding="utf-8")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "mypy", "pyright"], check=True)
    for checker in (["mypy", "--strict"], ["pyright", "--pythonpath", python]):
        subprocess.run([python, "-m", *checker, "typed.py"], check=True, cwd=folder)


def main(given: list[str]) -> int:
    """Each, one after the other; 0 if all of them work."""
    wheel, *chosen = given
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    missing = declared["optional-dependencies"].keys() - EXTRAS.keys() - {"dashboard", "demo", "llama_cpp"}
    if missing:
        sys.exit(f"say in EXTRAS which module wants {', '.join(sorted(missing))}")
    for extra in chosen or EXTRAS:
        print(f"== {extra or 'nothing but the package'}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            tried(Path(wheel).resolve(), extra, Path(folder))
            if not extra:
                blocks_and_types(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
