"""`python -m muxi_llm` is the command `muxi-llm`."""

from __future__ import annotations

import sys

from muxi_llm.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
