"""The README's table of providers says what the code does."""

from __future__ import annotations

from pathlib import Path

from muxi_llm.commands import providers as command

README = Path(__file__).parents[1] / "README.md"


def test_the_readmes_table_is_true():
    """After adding a provider: `python -m tests.test_provider_table` puts the table in its place."""
    assert held() == command.markdown()


def held() -> str:
    """What stands between the markers."""
    return README.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def write() -> None:
    """Put the table of now between the markers."""
    before, begin, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert all((begin, end)), f"README.md has no {BEGIN} ... {END}"
    README.write_text(f"{before}{BEGIN}\n{command.markdown()}\n{END}{after}")


BEGIN, END = "<!-- providers -->", "<!-- /providers -->"

if __name__ == "__main__":
    write()
