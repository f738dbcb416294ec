"""Large batches: what a line means, what the output keeps, and that nothing is lost or asked twice."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from muxi_llm.errors import RateLimitError, status_error
from muxi_llm.harness.batch import Batch, Job, Journal, jobs
from muxi_llm.models import Adaptation, ChatCompletion, Report
from tests.support import bodies
from tests.support.patience import LIFETIME, PATIENCE
from tests.support.process import run_script
from tests.support.upstream import Received, Respond, Upstream

USER = [{"role": "user", "content": "Hi"}]


def job_of(line: Any, **wanted: Any) -> Job:
    text = line if isinstance(line, bytes) else json.dumps(line).encode()
    (job,) = jobs([text], {"model": "openai/m"}, **wanted)
    return job


def answer(text: str = "Hi", *adaptations: Adaptation) -> ChatCompletion:
    value = ChatCompletion.model_validate(bodies.chat(text))
    value.with_report(Report("openai/m", (), adaptations, 0.1))
    return value


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def texts(path: Path) -> dict[str, str]:
    """Key → what was answered."""
    return {
        row["custom_id"]: row["response"]["body"]["choices"][0]["message"]["content"]
        for row in rows(path)
        if row["error"] is None
    }


# ------------------------------------------------------------------------------------------- input


@pytest.mark.parametrize(
    ("line", "key", "params"),
    [
        ("Hi", "line-1", {"messages": USER}),
        ({"prompt": "Hi"}, "line-1", {"messages": USER}),
        ({"messages": USER, "top_p": 0.5}, "line-1", {"messages": USER, "top_p": 0.5}),
        ({"custom_id": 7, "prompt": "Hi"}, "7", {"messages": USER}),
        (
            {
                "custom_id": "a",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": "gpt-4o", "messages": USER, "stream": True, "seed": 1},
            },
            "a",
            {"messages": USER, "seed": 1},
        ),
        (b'\xef\xbb\xbf"Hi"\r\n', "line-1", {"messages": USER}),
    ],
    ids=["text", "prompt", "messages", "id", "openai", "marked"],
)
def test_what_a_line_asks(line: Any, key: str, params: dict[str, Any]) -> None:
    job = job_of(line)
    assert (job.key, job.params, job.error) == (key, {**params, "model": "openai/m"}, None)


@pytest.mark.parametrize(
    ("line", "story"),
    [
        (b"{", "unexpected end of data"),
        (b"7", "a line must be a string, or an object"),
        ({"body": {"messages": USER}, "url": "/v1/embeddings"}, "only /chat/completions is asked here"),
        ({"custom_id": "a"}, "a line must have a prompt or messages"),
        ({"messages": "Hi"}, "a line must have a prompt or messages"),
    ],
    ids=["no JSON", "a number", "an embedding", "nothing", "no list"],
)
def test_what_is_no_call(line: Any, story: str) -> None:
    """It is a job all the same: the output says of each line what became of it."""
    assert story in str(job_of(line).error)


def test_a_model_is_needed() -> None:
    assert "names no model" in str(next(jobs([b'"Hi"'])).error)
    assert next(jobs([b'{"prompt": "Hi", "model": "groq/m"}'])).params["model"] == "groq/m"


def test_empty_lines_are_passed_over() -> None:
    assert [job.key for job in jobs([b'"a"\n', b"\n", b'"b"'], {"model": "m"})] == ["line-1", "line-3"]


def test_the_system_message_is_for_those_without_one() -> None:
    assert job_of("Hi", system="Be brief").params["messages"][0] == {"role": "system", "content": "Be brief"}
    own = [{"role": "developer", "content": "Own"}, *USER]
    assert job_of({"messages": own}, system="Be brief").params["messages"] == own


def test_a_digest_is_the_requests() -> None:
    """The order of its fields is not in it."""
    assert job_of({"prompt": "Hi", "seed": 1}).digest == job_of({"seed": 1, "prompt": "Hi"}).digest
    assert job_of({"prompt": "Hi", "seed": 1}).digest != job_of({"prompt": "Hi", "seed": 2}).digest


# ------------------------------------------------------------------------------------------ output


def test_a_line_for_each(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    lost = Adaptation("seed", "dropped", "no seeds here")
    with Journal(output) as journal:
        journal.write(Job("a", "1"), answer("Yes", lost))
        journal.write(Job("b", "2"), None, limited())
    kept, failed = rows(output)
    body = kept["response"].pop("body")
    assert body["choices"][0]["message"]["content"] == "Yes"
    assert kept == {
        "custom_id": "a",
        "digest": "1",
        "response": {
            "status_code": 200,
            "model": "openai/m",
            "adaptations": ["seed dropped: no seeds here"],
        },
        "error": None,
    }
    assert failed["response"] is None
    assert failed["error"] == {"code": "RateLimitError", "status": 429, "message": "Error code: 429 - slow"}


def refused(message: str = "no", status: int = 400) -> Exception:
    return status_error(status, message, url="http://x", headers={}, body=None)


def limited() -> RateLimitError:
    return status_error(429, "slow", url="http://x", headers={}, body=None)  # type: ignore[return-value]


def test_what_is_over_is_known_again(tmp_path: Path) -> None:
    """By key and digest both."""
    with Journal(tmp_path / "out") as journal:
        journal.write(Job("a", "1"), answer())
        journal.write(Job("b", "1"), None, limited())
    with Journal(tmp_path / "out") as journal:
        states = [journal.state(Job(*at)) for at in (("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"))]
    assert states == [True, False, None, None]


def test_failures_can_be_forgotten(tmp_path: Path) -> None:
    """Their lines go; those of answers stay."""
    output = tmp_path / "out"
    with Journal(output) as journal:
        journal.write(Job("b", "1"), None, limited())
        journal.write(Job("a", "1"), answer())
    with Journal(output, retry_failed=True) as journal:
        assert (journal.state(Job("a", "1")), journal.state(Job("b", "1"))) == (True, None)
        journal.write(Job("b", "1"), answer("now"))
    assert texts(output) == {"a": "Hi", "b": "now"}
    assert len(rows(output)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400))
@example(cut=0)
@example(cut=1)
@example(cut=2)
def test_a_torn_last_line_is_repaired(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Wherever it was torn: whole lines stay, what is left of another goes."""
    output = tmp_path_factory.mktemp("torn") / "out"
    with Journal(output) as journal:
        journal.write(Job("a", "1"), answer())
        first = output.stat().st_size
        journal.write(Job("b", "1"), answer())
    whole = output.read_bytes()
    kept = max(first, len(whole) - cut)
    output.write_bytes(whole[:kept])
    with Journal(output) as journal:
        assert journal.state(Job("a", "1")) is True
        is_there = kept >= len(whole) - 1  # all of it but perhaps its end
        assert journal.state(Job("b", "1")) is (True if is_there else None)
        journal.write(Job("c", "1"), answer())
    assert list(texts(output)) == (["a", "b", "c"] if is_there else ["a", "c"])


@pytest.mark.parametrize("content", [b'"a prompt"\n', b"no JSON\n", b'{"custom_id": "a"}\n'])
def test_another_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "out").write_bytes(content)
    with pytest.raises(ValueError, match="holds something else"), Journal(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_bytes() == content


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "out") as journal:
        with pytest.raises(ValueError, match="another run is writing"), Journal(tmp_path / "out"):
            pass
        journal.write(Job("a", "1"), answer())
    with Journal(tmp_path / "out") as journal:
        assert journal.state(Job("a", "1")) is True


# -------------------------------------------------------------------------------------------- work


async def at_once(params: dict[str, Any]) -> Any:
    await asyncio.sleep(0)
    return answer(params["messages"][0]["content"])


def prompts(count: int) -> Any:
    return jobs((f'"prompt {n}"'.encode() for n in range(count)), {"model": "openai/m"})


def test_everything_is_asked_once_and_no_more_at_once_than_workers(tmp_path: Path) -> None:
    busy: list[int] = []
    asked: Counter[str] = Counter()

    async def ask(params: dict[str, Any]) -> Any:
        asked[params["messages"][0]["content"]] += 1
        busy.append(1)
        most.append(len(busy))
        await asyncio.sleep(0.001)
        busy.pop()
        return answer(params["messages"][0]["content"])

    most: list[int] = []
    told: list[int] = []
    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, ask, concurrency=7, tell=lambda batch: told.append(batch.over))
        asyncio.run(batch.run(prompts(50)))
    assert (max(most), set(asked.values()), batch.answered, told) == (7, {1}, 50, list(range(1, 51)))
    assert texts(tmp_path / "out") == {f"line-{n + 1}": f"prompt {n}" for n in range(50)}


def test_failures_are_recorded_and_asked_again_only_if_wanted(tmp_path: Path) -> None:
    async def ask(params: dict[str, Any]) -> Any:
        if params["messages"][0]["content"] == "prompt 1":
            raise refused()
        return await at_once(params)

    def counts(ask: Any, **wanted: Any) -> tuple[int, ...]:
        with Journal(tmp_path / "out", **wanted) as journal:
            batch = Batch(journal, ask, concurrency=2)
            asyncio.run(batch.run([*prompts(3), job_of(b"{")]))
        return batch.answered, batch.failed, batch.answered_before, batch.failed_before

    assert counts(ask) == (2, 2, 0, 0)
    assert counts(at_once) == (0, 0, 2, 2)
    assert counts(at_once, retry_failed=True) == (1, 1, 2, 0)
    assert len(rows(tmp_path / "out")) == 4


def limits(*pauses: float | None) -> Any:
    """What says 429 so often, each with its pause, and answers then."""
    left = list(pauses)

    async def ask(params: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        if left:
            error = limited()
            error.retry_after = left.pop(0)
            raise error
        return answer()

    return ask


def test_after_a_429_everybody_rests_and_nothing_is_lost(tmp_path: Path) -> None:
    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, limits(*[0.01] * 12), concurrency=5)
        asyncio.run(batch.run(prompts(20)))
    assert (batch.answered, batch.failed, batch.given_up) == (20, 0, None)


def test_what_says_429_for_ever_stops_the_run(tmp_path: Path) -> None:
    """Nothing of it is a failure: the next run asks again."""
    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, limits(*[0.0001] * 1000), concurrency=5)
        asyncio.run(batch.run(prompts(20)))
    assert batch.given_up is not None
    assert batch.given_up.startswith("30 rests, and no answer after any of them: ")
    assert (batch.over, rows(tmp_path / "out")) == (0, [])


def test_a_stop_ends_a_rest(tmp_path: Path) -> None:
    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, limits(1000.0))

        async def scenario() -> None:
            asyncio.get_running_loop().call_later(0.05, batch.stop)
            await asyncio.wait_for(batch.run(prompts(2)), 30)
            assert batch.resting > 900

        asyncio.run(scenario())
    assert (batch.over, batch.stopped) == (0, True)


@pytest.mark.parametrize(
    ("status", "code"), [(401, None), (402, None), (429, "insufficient_quota")], ids=["key", "bill", "quota"]
)
def test_where_nobody_may_ask_nothing_more_is_asked(tmp_path: Path, status: int, code: str | None) -> None:
    asked: list[Any] = []

    async def ask(params: dict[str, Any]) -> Any:
        asked.append(params)
        raise status_error(status, "no", url="http://x", headers={}, body={"code": code})

    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, ask)
        asyncio.run(batch.run(prompts(20)))
    assert (len(asked), rows(tmp_path / "out")) == (1, [])
    assert batch.given_up is not None


def test_failures_that_differ_stop_nothing(tmp_path: Path) -> None:
    async def ask(params: dict[str, Any]) -> Any:
        said = params["messages"][0]["content"]
        if said.endswith("7"):
            return answer()
        raise refused("too long" if int(said.split()[1]) % 2 else "too short")

    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, ask, concurrency=1, alike=2)
        asyncio.run(batch.run(prompts(20)))
    assert (batch.answered, batch.failed, batch.given_up) == (2, 18, None)


def test_a_full_disk_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    """Half a line is taken back; with room again, the next run goes on."""
    resource = pytest.importorskip("resource")
    done = run_script(
        f"""
        import asyncio, resource, signal
        from muxi_llm.harness.batch import Batch, Journal
        from tests.harness.test_batch import at_once, prompts
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Journal({str(tmp_path / "out")!r}) as journal:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
            try:
                asyncio.run(Batch(journal, at_once).run(prompts(100)))
            except OSError as error:
                print(type(error).__name__)
        """
    )
    assert (resource is not None, done.stdout, done.stderr) == (True, "OSError\n", "")
    kept = rows(tmp_path / "out")
    assert 0 < len(kept) < 100
    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, at_once)
        asyncio.run(batch.run(prompts(100)))
    assert (batch.answered_before, batch.answered) == (len(kept), 100 - len(kept))


def test_a_full_disk_while_the_rows_are_arranged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays, whole, and nothing beside it."""
    with Journal(tmp_path / "out") as journal:
        asyncio.run(Batch(journal, at_once).run(prompts(10)))
        before = (tmp_path / "out").read_bytes()
        monkeypatch.setattr(os, "fsync", _no_space)
        with pytest.raises(OSError, match="No space left"):
            journal.arrange(in_order=True)
        monkeypatch.undo()
        assert (tmp_path / "out").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _no_space(handle: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_happens_to_the_input_nothing_is_asked_twice(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Lines come, go and move; in the end each line has its row, and each request was asked once."""
    output = tmp_path_factory.mktemp("moved") / "out"
    asked: Counter[str] = Counter()

    async def ask(params: dict[str, Any]) -> Any:
        said = params["messages"][0]["content"]
        asked[said] += 1
        return answer(said)

    for _ in range(3):
        texts = data.draw(st.lists(st.sampled_from("abcd"), max_size=6))
        lines = [json.dumps(text).encode() for text in texts]
        with Journal(output) as journal:
            asyncio.run(Batch(journal, ask).run(jobs(lines, {"model": "openai/m"})))
            journal.arrange(in_order=True)
        said = [row["response"]["body"]["choices"][0]["message"]["content"] for row in rows(output)]
        assert said[: len(texts)] == texts
        assert [row["custom_id"] for row in rows(output)][: len(texts)] == [
            f"line-{n + 1}" for n in range(len(texts))
        ]
        assert max(asked.values(), default=1) == 1


def test_rows_of_an_earlier_version_are_known(tmp_path: Path) -> None:
    """They say no more of a line without an id than its number then."""
    (first, second) = prompts(2)
    kept = [
        {"custom_id": job.key, "digest": job.digest, "response": {"body": {}}, "error": None}
        for job in (first, second)
    ]
    (tmp_path / "out").write_text("".join(json.dumps(row) + "\n" for row in kept))
    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, at_once)
        moved = jobs([b'"new"', b'"prompt 0"', b'"prompt 1"'], {"model": "openai/m"})
        asyncio.run(batch.run(moved))
        journal.arrange()
    assert (batch.answered_before, batch.answered) == (2, 1)
    assert {row["custom_id"]: row["digest"] for row in rows(tmp_path / "out")}["line-2"] == first.digest


def test_a_stop_lets_what_is_under_way_end(tmp_path: Path) -> None:
    with Journal(tmp_path / "out") as journal:

        async def ask(params: dict[str, Any]) -> Any:
            batch.stop()
            return await at_once(params)

        batch = Batch(journal, ask, concurrency=3)
        asyncio.run(batch.run(prompts(10)))
    assert (batch.answered, len(rows(tmp_path / "out"))) == (1, 1)


def test_what_is_over_does_not_hold_up_what_is_under_way(tmp_path: Path) -> None:
    """Passing over very many, a run lets the others have their turn."""
    with Journal(tmp_path / "out") as journal:
        asyncio.run(Batch(journal, at_once).run(prompts(600)))
    turns: list[int] = []

    async def scenario(batch: Batch) -> None:
        work = asyncio.create_task(batch.run(prompts(600)))
        while not work.done():
            turns.append(batch.over)
            await asyncio.sleep(0)
        await work

    with Journal(tmp_path / "out") as journal:
        batch = Batch(journal, at_once, concurrency=1)
        asyncio.run(scenario(batch))
    assert batch.answered_before == 600
    assert {256, 512} <= set(turns)


def test_a_machine_that_fails_ends_the_run(tmp_path: Path) -> None:
    """A full disk, say: going on would ask for what cannot be kept."""

    async def ask(params: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        raise OSError("no space left on device")

    with Journal(tmp_path / "out") as journal, pytest.raises(OSError, match="no space"):
        asyncio.run(Batch(journal, ask, concurrency=3).run(prompts(10)))


def test_somebody_must_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Batch(Journal(tmp_path / "out"), at_once, concurrency=0)


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    """Ten times as many lines need no more of it."""

    def peak(count: int) -> int:
        with Journal(tmp_path / str(count)) as journal:
            batch = Batch(journal, at_once, concurrency=8)
            tracemalloc.start()
            asyncio.run(batch.run(prompts(count)))
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert batch.answered == count
        return most

    peak(50)  # what is made once
    small, large = peak(300), peak(3000)
    assert large < small + 100_000


# -------------------------------------------------------------------------------- a run in its process

COUNT, AT_ONCE = 120, 8


def echo(received: Received) -> Respond:
    """A run that is killed in the middle of a request sends no more of it."""
    said = received.json["messages"][-1]["content"] if received.body else "nothing"
    return Respond(json=bodies.chat(said), delay=0.02)


def start(upstream: Upstream, tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "muxi_llm.commands.main", "batch", "run", str(tmp_path / "in.jsonl")]
    command += ["--model", "openai/m", "--concurrency", str(AT_ONCE), *options]
    environment = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": upstream.url, "PYTHONPATH": "."}
    return subprocess.Popen(
        command, cwd=Path(__file__).parents[2], env=environment, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def provider(tmp_path: Path) -> Any:
    """And an input of so many prompts."""
    lines = [json.dumps({"custom_id": f"p{n}", "prompt": f"prompt {n}"}) for n in range(COUNT)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    with Upstream(echo) as upstream:
        yield upstream


def finish(run: subprocess.Popen[str]) -> int:
    """Its exit status."""
    _, said = run.communicate(timeout=LIFETIME)
    assert "Traceback" not in said, said
    return run.returncode


def wait_for(upstream: Upstream, count: int, run: subprocess.Popen[str]) -> None:
    while len(upstream.requests) < count:
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.005)


def test_a_killed_run_goes_on(provider: Upstream, tmp_path: Path) -> None:
    """Twice killed: each prompt is answered once in the output, and only what was under way is asked again."""
    for kill in (30, 80):
        run = start(provider, tmp_path)
        wait_for(provider, kill, run)
        run.kill()
        finish(run)
    assert finish(start(provider, tmp_path)) == 0
    output = tmp_path / "in.results.jsonl"
    assert texts(output) == {f"p{n}": f"prompt {n}" for n in range(COUNT)}
    assert len(rows(output)) == COUNT
    whole = [received for received in provider.requests if received.body]
    asked = Counter(received.json["messages"][0]["content"] for received in whole)
    assert set(asked) == {f"prompt {n}" for n in range(COUNT)}
    assert sum(asked.values()) <= COUNT + 2 * AT_ONCE
    assert finish(start(provider, tmp_path)) == 0
    assert whole == [received for received in provider.requests if received.body]


@pytest.mark.skipif(sys.platform == "win32", reason="there, Ctrl-C ends at once")
def test_ctrl_c_ends_after_what_is_under_way(provider: Upstream, tmp_path: Path) -> None:
    """Every request the provider saw has its answer in the output, and the rest can be asked later."""
    interrupted = threading.Event()

    def held(received: Received) -> Respond:
        if len(provider.requests) >= 20:
            interrupted.wait(PATIENCE)
        return echo(received)

    provider.respond = held
    run = start(provider, tmp_path)
    wait_for(provider, 20, run)
    run.send_signal(signal.SIGINT)
    interrupted.set()
    assert finish(run) == 130
    seen = {received.json["messages"][0]["content"] for received in provider.requests}
    assert set(texts(tmp_path / "in.results.jsonl").values()) == seen
    assert 20 <= len(provider.requests) < COUNT
    assert finish(start(provider, tmp_path, "--quiet")) == 0
    assert len(provider.requests) == COUNT
