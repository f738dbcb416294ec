"""The command `muxi-llm batch`: parses, asks, shows how far it is.

`run` asks from this machine (the work is `harness.batch`'s); `submit`, `list`, `status`, `wait`, `cancel`
and `results` leave it to the providers' own batch APIs (`llmix.batch`).
"""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from muxi_llm import harness, runtime
from muxi_llm.chat_completion import ChatCompletion
from muxi_llm.errors import MuxiLLMError
from muxi_llm.harness.batch import Batch, Job, Journal, jobs
from muxi_llm.harness.batch.run import ALIKE
from muxi_llm.llmix.batch import BatchProcessor, BatchResult, BatchStatus, decode_batch_id
from muxi_llm.llmix.batch.processor import UNDER_WAY
from muxi_llm.llmix.batch.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def add(batch: argparse.ArgumentParser) -> None:
    """Give *batch* its commands."""
    commands = batch.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="ask them from this machine; to go on after a stop, run it again",
        description="Ask what is in PROMPTS, each line a JSON value: a prompt as a string, an object with "
        '"prompt" or "messages", or a line of OpenAI\'s batches. What is asked for here wins over what a '
        "line says. A run that was stopped or killed goes on when it is run again, and so does one that "
        "stopped by itself; lines may have moved meanwhile. Equal lines are asked once.",
        epilog="Exit status: 0 all were answered; 1 some failed; 2 it cannot be run; 3 it stopped by itself, "
        "as the rest would fail alike; 130 it was stopped.",
    )
    _add_request(run)
    run.add_argument(
        "-o",
        "--output",
        type=Path,
        help="the results, JSON lines; default: PROMPTS, ending in .results.jsonl",
    )
    run.add_argument("--fallback", action="append", metavar="MODEL", help="asked if the one before it fails")
    run.add_argument(
        "--concurrency", type=_count, default=16, metavar="N", help="at once; default %(default)s"
    )
    run.add_argument(
        "--preset",
        metavar="MODULE/PRESET",
        help="model and parameters where neither a line nor an option says",
    )
    run.add_argument("--retries", type=int, metavar="N", help="tries after the first")
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="for each try")
    run.add_argument(
        "--cache", choices=harness.STRATEGIES, help="keep answers, and answer equal prompts with them"
    )
    run.add_argument(
        "--order",
        choices=("answered", "input"),
        default="answered",
        help="of the results, once all are over; default %(default)s: as they came",
    )
    run.add_argument(
        "--give-up",
        type=int,
        default=ALIKE,
        metavar="N",
        help="stop after so many failures in a row that are alike; 0: never; default %(default)s",
    )
    run.add_argument("--repeat-equal", action="store_true", help="ask equal lines each by itself")
    run.add_argument("--retry-failed", action="store_true", help="ask again what failed in an earlier run")
    run.add_argument("--quiet", action="store_true", help="no progress, no summary")
    run.set_defaults(run=_run)
    _add_services(commands)


def _add_request(command: argparse.ArgumentParser) -> None:
    command.add_argument("prompts", metavar="PROMPTS", help="the input, JSON lines; - for standard input")
    command.add_argument("-m", "--model", help="provider/model; default: what each line names")
    command.add_argument("--system", metavar="TEXT", help="system message for the lines without one")
    command.add_argument("--max-tokens", type=int, metavar="N")
    command.add_argument("--temperature", type=float, metavar="T")
    command.add_argument(
        "--param", action="append", type=_parameter, default=[], metavar="KEY=JSON", help="any other argument"
    )


def _add_services(commands: Any) -> None:
    submit = commands.add_parser(
        "submit",
        help="hand them to the provider, for half the price and within a day",
        description=f"Hand PROMPTS to the batch API of {', '.join(SERVICES)}; the batch's id is printed. All "
        "lines are for one model, with the same arguments.",
    )
    _add_request(submit)
    submit.set_defaults(run=_submit)
    listed = commands.add_parser("list", help="the newest batches at the providers, wherever submitted")
    listed.add_argument("provider", nargs="?", choices=tuple(SERVICES), help="default: all with a key")
    listed.set_defaults(run=_list)
    status = commands.add_parser("status", help="how a submitted batch stands")
    cancel = commands.add_parser("cancel", help="ask for no more of it; what is answered stays")
    wait = commands.add_parser(
        "wait",
        help="until it is over",
        epilog="Exit status: 0 it is over; 1 some failed; 2 it cannot be asked after; 4 it is not over.",
    )
    wait.add_argument("--every", type=float, default=60.0, metavar="SECONDS", help="default %(default)s")
    wait.add_argument("--timeout", type=float, metavar="SECONDS", help="wait no longer")
    results = commands.add_parser(
        "results",
        help="its answers, a JSON line for each prompt, in their order",
        description="Print the answers of a batch that is over, or write them to a file, whole or not at "
        "all. The batch's id is all that is needed, on any machine that has the key.",
        epilog="Exit status: 0 all were answered; 1 some failed; 2 they cannot be fetched or kept; 4 it is "
        "not over.",
    )
    for command in (wait, results):
        command.add_argument("-o", "--output", type=Path, metavar="FILE", help="the results")
    for command, work in ((status, _status), (cancel, _cancel), (wait, _wait), (results, _results)):
        command.add_argument("batch", metavar="BATCH", help="the id `submit` printed")
        command.set_defaults(run=work)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text}")
    return int(text)


def _parameter(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=JSON; text wants quotes, k='\"v\"'") from None


# -------------------------------------------------------------------------------------------- run


def _run(given: argparse.Namespace) -> int:
    overrides = _overrides(given)
    # How it is asked is no part of what is asked: with another timeout, what is done stays done.
    how = {
        name: value for name in ("retries", "timeout", "cache") if (value := getattr(given, name)) is not None
    }
    if given.fallback:
        how["fallback_models"] = given.fallback

    async def ask(params: dict[str, Any]) -> Any:
        return await ChatCompletion.acreate(**{**params, **how})

    try:
        if given.preset:  # by its name it is part of what is asked; one run is of one release
            overrides["preset"], how["preset"] = given.preset, runtime.preset_calls().found(given.preset)
        _check({**overrides, **how})
        # Where a provider says 429, fewer of the workers get through to it, down to one.
        harness.configure(concurrency=given.concurrency, concurrency_minimum=1, kill_switch=True)
        output, total = _output(given), None if given.prompts == "-" else _lines_of(given.prompts)
        with _input(given.prompts) as lines, Journal(output, retry_failed=given.retry_failed) as journal:
            bar = None if given.quiet else _Bar(total)
            batch = Batch(
                journal,
                ask,
                concurrency=given.concurrency,
                tell=bar,
                alike=given.give_up,
                repeat=given.repeat_equal,
            )
            asked = jobs(lines, overrides, given.system, source=_name_of(given.prompts))
            asyncio.run(_until_stopped(batch.run(asked), batch))
            if not (batch.stopped or batch.given_up):
                journal.arrange(in_order=given.order == "input")
    except UNUSABLE as error:
        return _complain(error)
    except KeyboardInterrupt:
        return STOPPED
    failed = batch.failed + batch.failed_before
    if bar is not None:
        bar.tell(_stories(batch))
        bar.end(batch, f"; --retry-failed asks those again; {output}" if failed else f"; {output}")
    return STOPPED if batch.stopped else GIVEN_UP if batch.given_up else 1 if failed else 0


def _stories(batch: Batch) -> list[str]:
    """What somebody has to know about a run that is over, beside its numbers."""
    said = [str(error) for error in batch.no_calls]
    if batch.doubled:
        said.append(f"lines that differ have the same custom_id: {', '.join(batch.doubled)}")
    if batch.given_up:
        said.append(f"stopped: {batch.given_up}; run it again to go on")
    return said


def _overrides(given: argparse.Namespace) -> dict[str, Any]:
    wanted = {"model": given.model, "max_tokens": given.max_tokens, "temperature": given.temperature}
    return {name: value for name, value in wanted.items() if value is not None} | dict(given.param)


def _check(arguments: dict[str, Any]) -> None:
    """What is wrong with all lines alike is better said at once."""
    if "model" in arguments or "preset" in arguments:
        runtime.prepare("chat", {"messages": [{"role": "user", "content": "?"}], **arguments})


def _complain(error: Exception) -> int:
    print(f"muxi-llm: {error}", file=sys.stderr)
    return 2


def _output(given: argparse.Namespace) -> Path:
    if given.output is None and given.prompts == "-":
        raise ValueError("prompts from standard input want --output")
    output: Path = given.output or Path(given.prompts).with_suffix(".results.jsonl")
    if given.prompts != "-" and output.exists() and output.samefile(given.prompts):
        raise ValueError("--output is the input itself")
    return output


def _input(prompts: str) -> BinaryIO:
    return sys.stdin.buffer if prompts == "-" else Path(prompts).open("rb")


def _name_of(prompts: str) -> str:
    return "standard input" if prompts == "-" else prompts


def _lines_of(prompts: str) -> int:
    with Path(prompts).open("rb") as file:
        return sum(1 for line in file if line.strip())


async def _until_stopped(work: Coroutine[Any, Any, None], batch: Batch) -> None:
    """The first Ctrl-C lets what is under way end; a second one ends everything."""
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        batch.stop()
        loop.remove_signal_handler(number)

    with suppress(
        NotImplementedError, RuntimeError
    ):  # Windows, threads: Ctrl-C ends at once; what is over is kept
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", runtime.AdaptationWarning)  # each result tells its own
        await work


class _Bar:
    """Progress on standard error, if that is a terminal."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._begun = self._drawn = time.monotonic()

    def __call__(self, batch: Batch) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._drawn >= REDRAW:
            self._drawn = now
            width = shutil.get_terminal_size().columns - 1
            print(f"{CLEAR}{self.line(batch, now)[:width]}", end="", file=sys.stderr, flush=True)

    def line(self, batch: Batch, now: float) -> str:
        """How far it is, how fast, and how long it will take."""
        told = f"{batch.over:,} done, {batch.failed + batch.failed_before:,} failed"
        asked = batch.answered + batch.failed
        rate = asked / (now - self._begun) if now > self._begun else 0.0
        told += f", {rate:,.1f}/s"
        if batch.resting:
            told += f", resting {batch.resting:.0f} s"
        if not self._total:
            return told
        filled = min(BAR, BAR * batch.over // self._total)
        left = max(0, self._total - batch.over)
        eta = f", {_clock(left / rate)} left" if rate and left else ""
        return f"[{'#' * filled}{'.' * (BAR - filled)}] {told} of {self._total:,}{eta}"

    def tell(self, stories: list[str]) -> None:
        """What is to be read before the last line."""
        for story in stories:
            print(f"{CLEAR if sys.stderr.isatty() else ''}muxi-llm: {story}", file=sys.stderr)

    def end(self, batch: Batch, more: str) -> None:
        """The last line, which stays."""
        told = f"{batch.answered:,} answered, {batch.failed + batch.failed_before:,} failed"
        if batch.answered_before:
            told += f", {batch.answered_before:,} answered before"
        print(f"{CLEAR if sys.stderr.isatty() else ''}{told}{more}", file=sys.stderr)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


# ---------------------------------------------------------------------- submit, status, results


def _submit(given: argparse.Namespace) -> int:
    overrides = _overrides(given)
    try:
        _check(overrides)
        with _input(given.prompts) as lines:
            given_lines = jobs(lines, overrides, given.system, source=_name_of(given.prompts))
            asked = [_sound(job) for job in given_lines]
        ids = [job.key if job.named else None for job in asked]
        called = [dict(job.params) for job in asked]
        messages = [params.pop("messages") for params in called]
        if any(params != called[0] for params in called):
            raise ValueError("all lines of a submitted batch must have the same model and arguments")
        params = called[0] if called else overrides
        candidate = runtime.candidate_of(params.pop("model", None))
        service = OTHER_NAMES.get(candidate.ref.provider, candidate.ref.provider)
        key, model = candidate.provider.api_key or "", candidate.ref.name
        print(BatchProcessor().submit(service, key, model, messages, params=params, custom_ids=ids))
    except UNUSABLE as error:
        return _complain(error)
    return 0


def _sound(job: Job) -> Job:
    if job.error is not None:
        raise job.error
    return job


def _list(given: argparse.Namespace) -> int:
    status = 0
    for service in [given.provider] if given.provider else SERVICES:
        key = _key_at(service)
        if not (key or given.provider):
            continue
        try:
            for each in BatchProcessor().list(service, key):
                print(f"{each.batch_id}  {_standing(each)}")
        except UNUSABLE as error:
            status = _complain(error)
    return status


def _status(given: argparse.Namespace) -> int:
    return _ask_after(given, BatchProcessor().status)


def _cancel(given: argparse.Namespace) -> int:
    return _ask_after(given, BatchProcessor().cancel)


def _ask_after(given: argparse.Namespace, ask: Callable[[str, str], BatchStatus]) -> int:
    try:
        print(_standing(ask(given.batch, _key_of(given.batch))))
    except UNUSABLE as error:
        return _complain(error)
    return 0


def _standing(status: BatchStatus) -> str:
    over = status.completed_requests + status.failed_requests
    return f"{status.state}: {over} of {status.total_requests} over, {status.failed_requests} failed"


def _wait(given: argparse.Namespace) -> int:
    try:
        status = BatchProcessor().wait(
            given.batch, _key_of(given.batch), every=given.every, timeout=given.timeout
        )
        print(_standing(status), file=sys.stderr)
    except UNUSABLE as error:
        return _complain(error)
    except KeyboardInterrupt:
        return STOPPED
    if status.state in UNDER_WAY:
        return NOT_OVER
    return _results(given) if given.output else 1 if status.failed_requests else 0


def _results(given: argparse.Namespace) -> int:
    batches = BatchProcessor()
    try:
        results = batches.results(given.batch, _key_of(given.batch), forget=False)
        if not results:
            print("muxi-llm: the batch is not over yet", file=sys.stderr)
            return NOT_OVER
        rows = "".join(json.dumps(_row(result)) + "\n" for result in results)
        if given.output:
            _write_whole(given.output, rows)
        else:
            sys.stdout.write(rows)
            sys.stdout.flush()
        batches.forget(given.batch)
    except BrokenPipeError:  # whoever reads has seen enough; nothing is forgotten
        raise
    except UNUSABLE as error:
        return _complain(error)
    return 0 if all(result.success for result in results) else 1


def _row(result: BatchResult) -> dict[str, Any]:
    row = asdict(result)
    del row["success"]
    return row


def _write_whole(path: Path, text: str) -> None:
    """In a file of another name first: a full disk takes nothing that was there before."""
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _key_of(batch: str) -> str:
    """The configured key of the batch's provider."""
    return _key_at(decode_batch_id(batch).provider)


def _key_at(service: str) -> str:
    return runtime.candidate_of(f"{service}/*").provider.api_key or ""


OTHER_NAMES = {"google": "gemini"}
UNUSABLE = (MuxiLLMError, ImportError, OSError, TypeError, ValueError)
CLEAR = "\r\x1b[K"
GIVEN_UP, NOT_OVER, STOPPED = 3, 4, 130
REDRAW = 0.1
BAR = 30
