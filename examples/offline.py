"""Run an example without keys: `python -m examples.offline examples/fallback.py`.

The demo's providers are started on loopback and the environment points at them; the example is unchanged.
Their models are no models: an answer repeats the question, to show what reached the server.
"""

from __future__ import annotations

import os
import runpy
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from muxi_llm.commands.demo.providers import Mood, Providers, busy, cut_off, down

if TYPE_CHECKING:
    from collections.abc import Iterator

TROUBLES: dict[str, dict[str, Mood]] = {
    "configuration": {"groq": down},
    "drop_in_client": {"openai": down},
    "fallback": {"openai": down, "groq": busy},
    "local_model": {"openai": down},
    "resilience": {"groq": down},
    "retries": {"groq": busy},
    "streaming": {"mistral": cut_off},
}
"""What has to go wrong for an example to have something to show."""


def main() -> None:
    """Run the example named on the command line."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("usage: python -m examples.offline examples/EXAMPLE.py")
    path = sys.argv[1]
    stem = Path(path).stem
    with Providers(TROUBLES.get(stem, {})) as providers, sessions(stem) as more:
        os.environ.update({**providers.environment, **more})
        runpy.run_path(path, run_name="__main__")


@contextmanager
def sessions(stem: str) -> Iterator[dict[str, str]]:
    """A realtime server, for the one example that wants it: its library is an extra."""
    if stem != "realtime":
        yield {}
        return
    from examples.demo.sessions import Sessions

    with Sessions() as server:
        yield server.environment


if __name__ == "__main__":
    main()
