"""Type checkers know the settings of every provider."""

from __future__ import annotations

from pathlib import Path

import muxi_llm
from muxi_llm.clients import module
from muxi_llm.providers import registry

STUB = Path(muxi_llm.__file__).parent / "types" / "settings.pyi"
MODULE = sorted({*module.PLAIN, *module.AZURE, "api_type"})
HEAD = '"""What may be set on `muxi_llm` of each provider, for type checkers: `muxi_llm.openai_api_key = "sk-..."`."""\n\n'


def written() -> str:
    """The stub as the registry has it."""
    lines = []
    for kind in registry.own():
        if not kind.__module__.startswith("muxi_llm."):  # a test's own
            continue
        settings = ("api_key", "base_url", *kind.settings_env)
        lines += [f"{kind.name}_{setting}: str | None" for setting in settings]
        lines.append(f"{kind.name}_keys: list[str] | str | None")
    imports = [f"from openai import {name} as {name}\n" for name in MODULE]
    kept = sorted({line for line in lines if line.partition(":")[0] not in MODULE})
    return HEAD + "".join(imports) + "\n" + "\n".join(kept) + "\n"


def test_the_stub_names_every_setting() -> None:
    """After adding a provider: `python -m tests.test_settings_stub` writes it anew."""
    assert STUB.read_text() == written()


if __name__ == "__main__":
    STUB.write_text(written())
