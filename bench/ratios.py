"""The documents' chart: CPU of ours beside the peers', from `bench/results/latest.json`.

python -m bench.ratios     writes docs/images/speed.svg anew
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "bench" / "results" / "latest.json"
CHART: Final = ROOT / "docs" / "images" / "speed.svg"


class Bar(NamedTuple):
    """Who, whether it is one of ours, and CPU in µs."""

    label: str
    ours: bool
    micros: float


WORK: Final = {
    "chat": "a call, 2 messages",
    "chat100": "a call, 100 messages",
    "stream_burst": "a streamed chunk",
    "messages": "a call answered by Anthropic",
    "concurrent": "a call, 1,000 at once",
}
WHO: Final = {
    "litellm": ("litellm", False),
    "openai": ("openai", False),
    "anthropic": ("anthropic", False),
    "muxi": ("muxi-llm", True),
    "muxi-httpx2": ("muxi-llm, httpx2", True),
    "muxi-fast": ("muxi-llm, fast", True),
}
"""Contenders by their names in the results, the peers first."""

WIDTH, LABEL, ROW, GAP = 720, 150, 20, 30
STYLE: Final = """\
<style>text{font:13px system-ui,sans-serif;fill:#57606a}.t{font-weight:600;fill:#24292f}.p{fill:#9ca3af}\
.o{fill:#2563eb}@media(prefers-color-scheme:dark){text{fill:#9aa4ae}.t{fill:#e6edf3}}</style>"""


def bars(document: dict[str, Any], work: str) -> list[Bar]:
    """Those that were measured at one piece of work."""
    found = {row["name"]: row["cpu_us_per_unit"]["median"] for row in document["rows"] if _counts(row, work)}
    return [Bar(label, ours, found[name]) for name, (label, ours) in WHO.items() if name in found]


def _counts(row: dict[str, Any], work: str) -> bool:
    return row["work"] == work and not row["error"] and "cpu_us_per_unit" in row


def chart(document: dict[str, Any]) -> str:
    """The picture, as SVG."""
    lines, at = [], 10
    for work, title in WORK.items():
        found = bars(document, work)
        at += 12
        lines.append(f'<text class="t" x="0" y="{at}">{title}</text>')
        most = max(bar.micros for bar in found)
        peer = next(bar.micros for bar in reversed(found) if not bar.ours)
        for bar in found:
            at += ROW
            lines += _drawn(bar, at, bar.micros / most, bar.micros / peer)
        at += GAP
    told = (
        f"CPU of a call beside the peers; measured on {document['machine']['cpu']}, {document['date'][:10]}"
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {at}" role="img" aria-label="{told}">'
    )
    return "\n".join([head, f"<title>{told}</title>", STYLE, *lines, "</svg>"]) + "\n"


def _drawn(bar: Bar, at: int, part: float, ratio: float) -> list[str]:
    width = max(2.0, part * (WIDTH - LABEL - 130))
    told = f"{bar.micros:,.0f} µs" if bar.micros < 10_000 else f"{bar.micros / 1000:,.1f} ms"
    times = f", {ratio:.2g} of it" if bar.ours else ""
    kind = "o" if bar.ours else "p"
    return [
        f'<text x="0" y="{at + 4}">{bar.label}</text>',
        f'<rect class="{kind}" x="{LABEL}" y="{at - 8}" width="{width:.1f}" height="14" rx="2"/>',
        f'<text x="{LABEL + width + 6:.1f}" y="{at + 4}">{told}{times}</text>',
    ]


def main() -> None:
    """Write it."""
    CHART.parent.mkdir(parents=True, exist_ok=True)
    CHART.write_text(chart(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
