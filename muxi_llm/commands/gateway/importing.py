"""`muxi-llm import`: another gateway's configuration in our words, and what became of each of its fields."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import os
import sys
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from muxi_llm.gateway.settings.litellm import imported
from muxi_llm.gateway.settings.litellm_fields import ADAPTED, DROPPED, IMPORTED
from muxi_llm.gateway.settings.reading import ConfigurationError, Finding, fault_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from muxi_llm.gateway.settings.litellm import Fate


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of `import`."""
    parser.add_argument("kind", choices=["litellm"], help="whose configuration it is")
    parser.add_argument("file", help="LiteLLM's config.yaml")
    parser.add_argument("--out", metavar="FILE", help="where ours goes, a new file; without it, to stdout")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Ours on stdout or in a file, the table on stderr; 0 if nothing was dropped, 1 if something was, 2 where
    there is nothing to serve.
    """
    try:
        out, fates = imported(read(Path(given.file)))
        write(written(out), given.out)
    except ConfigurationError as error:
        for finding in error.findings:
            print(f"muxi-llm: {finding}", file=sys.stderr)
        return 2
    print("\n".join(lines_of(fates)), file=sys.stderr)
    return 1 if any(fate.verdict == DROPPED for fate in fates) else 0


def read(file: Path) -> dict[str, Any]:
    """A LiteLLM configuration, as it stands. Raises `ConfigurationError`."""
    try:
        found = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else f"it is no YAML: {fault_of(error)}"
        raise ConfigurationError([Finding(str(file), f"cannot be read: {why}")]) from None
    if not isinstance(found, dict):
        raise ConfigurationError([Finding(str(file), "is empty, or no table")])
    return found


def written(out: dict[str, Any]) -> str:
    """A configuration as YAML."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 4096
    text = StringIO()
    yaml.dump(out, text)
    return text.getvalue()


def write(text: str, to: str | None) -> None:
    """Into a new file that its owner alone may read, since keys may stand in it; without one, to stdout."""
    if to is None:
        print(text, end="")
        return
    try:
        with os.fdopen(
            os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError as error:
        raise ConfigurationError([Finding(to, f"cannot be written: {error.strerror}")]) from None


def lines_of(fates: Iterable[Fate]) -> list[str]:
    """The table: what was dropped last, where it is seen; fields of many deployments once."""
    counted = Counter(fates)
    rows = sorted(counted, key=lambda fate: VERDICTS.index(fate.verdict))
    wheres = {fate: f"{fate.where} ({counted[fate]})" if counted[fate] > 1 else fate.where for fate in rows}
    width = max(map(len, wheres.values()), default=0)
    told = [f"{fate.verdict:<8}  {wheres[fate]:<{width}}  {fate.how}" for fate in rows]
    sums = Counter(fate.verdict for fate in fates)
    return [*told, ", ".join(f"{sums[verdict]} {verdict}" for verdict in VERDICTS)]


VERDICTS = (IMPORTED, ADAPTED, DROPPED)
