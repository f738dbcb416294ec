"""The main job on a fresh machine, without keys: `python -m examples.demo`.

What `muxi-llm demo` shows, and what needs more than the package: presets, the gateway, a real llama.cpp.
Exits with 1 if any call does not do what the demo claims.
"""

from __future__ import annotations

import sys

from examples.demo.gateway import gateway
from examples.demo.model_swap import model_swap
from examples.demo.real_model import real_model
from muxi_llm.commands import demo

if __name__ == "__main__":
    sys.exit(demo.show((*demo.SECTIONS, model_swap, gateway, real_model)))
