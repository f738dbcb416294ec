"""The SDK benchmark: contenders in rotation against one upstream, medians, targets, JSON and a chart.

python -m bench.run [--quick] [--rounds N] [--only WORKLOAD,…] [--contenders NAME,…] [--soak]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import imports, report, targets
from bench.contenders import CONTENDERS, child_env
from bench.summary import Sample, Table
from bench.upstream import ROOT, Running, running
from bench.workloads import WORKLOADS

RESULTS: Final = ROOT / "bench" / "results"
LITELLM_PYTHON: Final = ROOT / ".venv-bench-litellm" / "bin" / "python"
RUN_SECONDS: Final = 120
SOAK_CALLS: Final = 100_000
LSCPU: Final = ("Architecture", "CPU(s)", "Model name", "Thread(s) per core", "Hypervisor vendor", "L3 cache")
# Bytecode that is never kept, and a proxy on the way to loopback, would be measured instead of the library.
UNSET: Final = (
    "PYTHONDONTWRITEBYTECODE",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "MUXI_LLM_TRANSPORT",
)
PLACES: Final[dict[str, tuple[set[int], set[int]]]] = {"apart": ({0}, {1}), "same": ({0}, {0})}


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run")
    parser.add_argument("--quick", action="store_true", help="one round, a quarter of the calls")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads, comma-separated")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--soak", action="store_true", help="100,000 calls with our transports, for memory")
    parser.add_argument("--cpus", choices=("free", *PLACES), default="free", help="where both sides may run")
    litellm = os.environ.get("BENCH_LITELLM_PYTHON", str(LITELLM_PYTHON))
    parser.add_argument("--litellm-python", default=litellm)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(arguments)


def python_of(name: str, given: argparse.Namespace) -> str:
    """litellm lives in a virtualenv of its own where there is one: it wants another openai package."""
    own = name == "litellm" and Path(given.litellm_python).exists()
    return str(given.litellm_python) if own else sys.executable


def environment(upstream: Running) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    offline = {"NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return kept | offline | {"BENCH_UPSTREAM": upstream.url}


def served(upstream: Running) -> dict[str, int]:
    """What the upstream counted so far. A plain connection: no proxy, whatever the environment says."""
    connection = http.client.HTTPConnection(upstream.url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/stats")
        counts: dict[str, int] = json.load(connection.getresponse())
    finally:
        connection.close()
    return {"requests": 0, "bytes": 0} | counts


def run_once(name: str, work: str, calls: int, given: argparse.Namespace, upstream: Running) -> Sample:
    """One contender, one process; void unless every answer was right and cost exactly one request."""
    command = [python_of(name, given), "-m", "bench.contenders", name, work, str(calls)]
    before = served(upstream)
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(upstream),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no result within {RUN_SECONDS} s"}
    sample = last_json(done.stdout)
    if sample is None:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1][:200]}
    wanted = 0 if CONTENDERS[name].local else sample.get("calls")
    return sample if "error" in sample else checked(sample, before, served(upstream), wanted)


def last_json(output: str) -> Sample | None:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else None


def checked(sample: Sample, before: dict[str, int], after: dict[str, int], wanted: int | None) -> Sample:
    requests = after["requests"] - before["requests"]
    sample["request_bytes"] = round((after["bytes"] - before["bytes"]) / max(1, requests))
    faults = [f"{sample['wrong']} wrong answers"] if sample["wrong"] else []
    faults += [f"{requests} requests instead of {wanted}"] if requests != wanted else []
    return sample | {"correct": not faults, "fault": "; ".join(faults)}


def rotations(names: list[str], rounds: int) -> Iterator[list[str]]:
    """A B C, then B C A, and so on."""
    for number in range(rounds):
        at = number % max(1, len(names))
        yield names[at:] + names[:at]


def measure_work(table: Table, given: argparse.Namespace, upstream: Running) -> None:
    wanted = given.contenders.split(",")
    for work in (work for work in given.only.split(",") if work in WORKLOADS):
        workload = WORKLOADS[work]
        able = [name for name in wanted if workload.role in CONTENDERS[name].makers]
        names = [name for name in able if not workload.only or name in workload.only]
        for order in rotations(names, given.rounds):
            for name in order:
                calls = workload.calls(workload.kind in CONTENDERS[name].slow, given.quick)
                table.add((work, name), told(work, name, run_once(name, work, calls, given, upstream)))


def told(work: str, name: str, sample: Sample) -> Sample:
    said = sample.get("error") or f"{sample['cpu_us_per_unit']:.1f} µs {sample['fault']}"
    print(f"  {work:<18} {name:<14} {said}", file=sys.stderr, flush=True)
    return sample


def measure_imports(table: Table, given: argparse.Namespace, upstream: Running) -> None:
    """The first import of each is thrown away: it may compile."""
    for number, order in enumerate(rotations(list(imports.IMPORTS), given.rounds + 1)):
        for name in order:
            module, touch = imports.IMPORTS[name]
            python = python_of(name, given)
            sample = imports.probe(module, touch, "None", python, environment(upstream), str(ROOT))
            if number:
                table.add(("import", name), sample)


def measure_first_calls(table: Table, given: argparse.Namespace, upstream: Running) -> None:
    names = [name for name in given.contenders.split(",") if name in imports.FIRST]
    for order in rotations(names, given.rounds):
        for name in order:
            module, call = imports.FIRST[name]
            env = environment(upstream) | child_env(CONTENDERS[name], upstream.url)
            sample = imports.probe(module, "m", call, python_of(name, given), env, str(ROOT))
            correct = sample.get("said") == WORKLOADS["chat"].expected
            table.add(("first", name), sample | {"correct": correct, "fault": "wrong answer"})


def soak(table: Table, given: argparse.Namespace, upstream: Running) -> None:
    for name in ("muxi", "muxi-fast", "muxi-httpx2"):
        table.add(("soak", name), told("soak", name, run_once(name, "chat", SOAK_CALLS, given, upstream)))


def place(cpus: str, upstream: Running) -> None:
    """Tie both sides to CPUs, if asked. A contender inherits ours."""
    if cpus in PLACES:
        theirs, ours = PLACES[cpus]
        os.sched_setaffinity(upstream.pid, theirs)
        os.sched_setaffinity(0, ours)


def machine() -> dict[str, Any]:
    said = subprocess.run(["lscpu"], capture_output=True, text=True, timeout=10, check=False).stdout
    pairs = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    lscpu = {key: pairs[key].strip() for key in LSCPU if key in pairs}
    cpu = f"{lscpu.get('CPU(s)', os.cpu_count())} x {lscpu.get('Model name', platform.machine())}"
    return {"cpu": cpu, "lscpu": lscpu, "system": platform.platform(), "load_at_start": os.getloadavg()}


def versions(table: Table) -> dict[str, dict[str, str]]:
    """By contender: litellm brings an openai of its own."""
    found: dict[str, dict[str, str]] = {}
    for (_, name), row in table.rows.items():
        for sample in row.samples:
            if "versions" in sample:
                found[name] = {"python": sample["python"], **sample.pop("versions")}
    return found


def main(arguments: list[str]) -> int:
    given = options(arguments)
    given.rounds = 1 if given.quick else given.rounds
    table, about = Table(), machine()
    with running() as upstream:
        place(given.cpus, upstream)
        measure_imports(table, given, upstream)
        measure_first_calls(table, given, upstream)
        measure_work(table, given, upstream)
        if given.soak:
            soak(table, given, upstream)
    verdicts = targets.judge(table)
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": about,
        "cpus": given.cpus,
        "rounds": given.rounds,
        "quick": given.quick,
        "upstream_loop": upstream.loop,
        "versions": versions(table),
    }
    print(report.text(table, verdicts))
    report.write(given.out, facts, table, verdicts)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
