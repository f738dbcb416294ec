"""Run an example without keys: `python -m examples.offline examples/fallback.py`.

The demo's providers are started on loopback and the environment points at them; the example is unchanged.
Their models are no models: an answer repeats the question, to show what reached the server.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from examples.demo.providers import Mood, Providers, busy, cut_off, down

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
    with Providers(TROUBLES.get(Path(path).stem, {})) as providers:
        os.environ.update(providers.environment)
        runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    main()
