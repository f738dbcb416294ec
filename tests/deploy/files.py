"""The files in `deploy/`, as a test reads them."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONFIG = "/etc/muxi-llm/config.yaml"


def dockerfile() -> list[tuple[str, str]]:
    """Its instructions."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]


def said(instruction: str) -> str:
    """What the last of those says."""
    return [rest for word, rest in dockerfile() if word == instruction][-1]


def documents(name: str) -> list[Any]:
    return list(YAML(typ="safe").load_all((DEPLOY / name).read_text(encoding="utf-8")))


def command(arguments: list[str], config: Path) -> tuple[str, ...]:
    """What the container runs, here: our interpreter's command, that file, any port."""
    program, *words = json.loads(said("ENTRYPOINT"))
    assert program == "muxi-llm"
    own = [str(config) if word == CONFIG else "0" if word == "8080" else word for word in arguments]
    assert str(config) in own
    return (str(Path(sys.executable).parent / program), *words, *own)


def variables(config: str) -> set[str]:
    """Those a configuration cannot be read without."""
    return set(re.findall(r"\$\{(\w+)\}", config))


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def copied() -> list[str]:
    """What of the repository the image is made of."""
    return [source for word, rest in dockerfile() if word == "COPY" and "--from" not in rest
            for source in shlex.split(rest)[:-1]]  # fmt: skip
