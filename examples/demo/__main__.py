"""The main job on a fresh machine, without keys: `python -m examples.demo`.

Providers are started on loopback, the environment points at them, and real calls go to them over real HTTP.
Exits with 1 if any call does not do what the demo claims.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING

from examples.demo import sections as shown
from examples.demo.gateway import gateway
from examples.demo.model_swap import model_swap
from examples.demo.providers import Providers, busy, cut_off, down
from examples.demo.real_model import real_model
from examples.demo.stage import Stage
from muxi_llm import AdaptationWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Section = Callable[[Stage], None]

ABOUT = """\
muxi-llm: real calls over real HTTP, no keys. On loopback there are now

    openai       down: answers 503 to everything
    groq         busy: answers 429 to the first request for a model, with Retry-After: 1
    mistral      breaks its streams before there is any text
    anthropic    works, and speaks its own Messages API
    google       works"""

SECTIONS = (
    shown.fallback_chain,
    shown.retries,
    shown.stream,
    shown.tool_call,
    shown.json_mode,
    shown.embedding,
    shown.drop_in_client,
    shown.async_calls,
    shown.error,
    model_swap,
    gateway,
    real_model,
)


def main(sections: Sequence[Section] = SECTIONS) -> int:
    """Run the sections; the exit status."""
    warnings.simplefilter("ignore", AdaptationWarning)  # adaptations are printed
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # consoles without block characters
    with Providers({"openai": down, "groq": busy, "mistral": cut_off}) as providers:
        os.environ.update(providers.environment)
        print(ABOUT)
        stage = Stage(providers.journal)
        for number, section in enumerate(sections, 1):
            stage.title(number, section.__doc__ or "")
            try:
                section(stage)
            except Exception:  # noqa: BLE001 - one section's failure must not hide the others
                traceback.print_exc()
                stage.check(False, f"section {number} runs to its end")
    print(f"\n{stage.summary()}")
    return 1 if stage.failures else 0


if __name__ == "__main__":
    sys.exit(main())
