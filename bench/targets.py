"""What to reach, as data, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from bench.summary import Table

CPU: Final = "cpu_us_per_unit"
MICROS: Final = "{:+.1f} µs"
Read = Callable[[Table], float | None]


class Target(NamedTuple):
    work: str
    goal: str
    read: Read
    limit: float
    at_least: bool = False
    form: str = "{:.3f}"

    def reached(self, measured: float) -> bool:
        return measured >= self.limit if self.at_least else measured <= self.limit


class Verdict(NamedTuple):
    work: str
    goal: str
    measured: str
    reached: str  # yes | NO | not measured


def share(work: str, name: str, base: str, metric: str = CPU) -> Read:
    return lambda table: table.ratio(work, name, base, metric)


def value(work: str, name: str, metric: str) -> Read:
    return lambda table: table.median(work, name, metric)


def over(work: str, name: str, base: str, metric: str) -> Read:
    """How much more than the base, in the metric's unit."""

    def read(table: Table) -> float | None:
        ours, theirs = table.median(work, name, metric), table.median(work, base, metric)
        return None if ours is None or theirs is None else ours - theirs

    return read


def more(name: str, work: str) -> Read:
    """How much CPU over the bare call of the same work."""
    return over(work, name, "bare", CPU)


def heavy_modules(table: Table) -> float | None:
    row = table.rows.get(("import", "muxi_llm"))
    return None if row is None or row.error else float(len(row.samples[0]["heavy"]))


TARGETS: Final = (
    Target(
        "create, 2 messages, fast transport", "≤ 1/10 of openai", share("chat", "muxi-fast", "openai"), 1 / 10
    ),
    Target("create, 2 messages", "≤ 1/4 of openai", share("chat", "muxi", "openai"), 1 / 4),
    Target(
        "create, 2 messages, httpx2 transport",
        "≤ 0.40 of openai",
        share("chat", "muxi-httpx2", "openai"),
        0.40,
    ),
    Target(
        "create, 2 messages, fast transport",
        "≤ 1/25 of litellm",
        share("chat", "muxi-fast", "litellm"),
        1 / 25,
    ),
    Target(
        "create, 100 messages, fast transport",
        "≤ 1/50 of openai",
        share("chat100", "muxi-fast", "openai"),
        1 / 50,
        form="{:.4f}",
    ),
    Target(
        "OpenAI() drop-in, fast transport", "≤ 1/8 of openai", share("chat", "dropin-fast", "openai"), 1 / 8
    ),
    Target(
        "Anthropic-backed call, fast transport",
        "≤ 1/5 of anthropic",
        share("messages", "muxi-fast", "anthropic"),
        1 / 5,
    ),
    Target(
        "stream burst, CPU a chunk, fast transport",
        "≤ 1/10 of openai",
        share("stream_burst", "muxi-fast", "openai"),
        1 / 10,
    ),
    Target(
        "stream paced, CPU a chunk, fast transport",
        "≤ 1/4 of openai",
        share("stream_paced", "muxi-fast", "openai"),
        1 / 4,
    ),
    Target(
        "first chunk, fast transport",
        "≤ 0.5 ms over raw pyreqwest",
        over("stream_paced", "muxi-fast", "pyreqwest", "ttft_ms"),
        0.5,
        form="{:+.2f} ms",
    ),
    Target(
        "first chunk, httpx2 transport",
        "≤ 0.5 ms over raw httpx2",
        over("stream_paced", "muxi-httpx2", "httpx2", "ttft_ms"),
        0.5,
        form="{:+.2f} ms",
    ),
    Target(
        "1000 concurrent, 50 ms upstream",
        "≥ 1000 rps a process",
        value("concurrent", "muxi", "rps"),
        1000,
        True,
        "{:.0f} rps",
    ),
    Target(
        "1000 concurrent, 50 ms upstream",
        "≥ 10 x openai",
        share("concurrent", "muxi", "openai", "rps"),
        10,
        True,
        "{:.1f} x",
    ),
    Target(
        "1000 concurrent, 50 ms upstream, fast transport",
        "≥ 8000 rps a process",
        value("concurrent", "muxi-fast", "rps"),
        8000,
        True,
        "{:.0f} rps",
    ),
    Target(
        "1000 concurrent, 50 ms upstream, fast transport",
        "≥ 25 x openai",
        share("concurrent", "muxi-fast", "openai", "rps"),
        25,
        True,
        "{:.1f} x",
    ),
    *(
        Target(
            f"{face}: harness on, cache miss",
            "≤ 15 µs over the bare call",
            more("harness-miss", work),
            15,
            form=MICROS,
        )
        for face, work in (("sync", "harness"), ("async", "async_harness"))
    ),
    *(
        Target(
            f"{face}: harness on, memory hit",
            "≤ 25 µs",
            value(work, "harness-hit", CPU),
            25,
            form="{:.1f} µs",
        )
        for face, work in (("sync", "harness"), ("async", "async_harness"))
    ),
    Target("import muxi_llm, CPU", "≤ 60 ms", value("import", "muxi_llm", "import_ms"), 60, form="{:.0f} ms"),
    Target("import muxi_llm, memory", "≤ 30 MB", value("import", "muxi_llm", "rss_mb"), 30, form="{:.1f} MB"),
    Target("import muxi_llm, openai or HTTP libraries loaded", "none", heavy_modules, 0, form="{:.0f}"),
    Target(
        "first call alone, CPU, fast transport",
        "≤ openai's",
        share("first", "muxi-fast", "openai", "first_ms"),
        1,
        form="{:.2f} x",
    ),
    Target(
        "import and first call together, CPU",
        "≤ 1.05 of openai's",
        share("first", "muxi", "openai", "start_ms"),
        1.05,
        form="{:.2f} x",
    ),
    Target(
        "memory over 100,000 calls, fast transport (--soak)",
        "≤ 5 MB growth",
        value("soak", "muxi-fast", "rss_growth_mb"),
        5,
        form="{:+.1f} MB",
    ),
)


def judge(table: Table) -> list[Verdict]:
    return [_verdict(target, target.read(table)) for target in TARGETS]


def _verdict(target: Target, measured: float | None) -> Verdict:
    if measured is None:
        return Verdict(target.work, target.goal, "-", "not measured")
    reached = "yes" if target.reached(measured) else "NO"
    return Verdict(target.work, target.goal, target.form.format(measured), reached)
