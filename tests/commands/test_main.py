"""The command `muxi-llm`, as it is run and read: on a terminal, in a pipe, by a program."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest

from muxi_llm import __version__
from muxi_llm.commands import main as command
from muxi_llm.commands import providers as told
from muxi_llm.commands.batch import _Bar
from muxi_llm.harness.batch import Batch, Journal
from muxi_llm.providers import registry
from muxi_llm.providers.base import CLASSES, Provider
from tests.support import bodies
from tests.support.upstream import Received, Respond


def run(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    """Exit status, what was printed, what was complained of."""
    status = command.main(arguments)
    told = capsys.readouterr()
    return status, told.out, told.err


# -------------------------------------------------------------------------------------- providers


def test_providers_as_json(capsys, monkeypatch):
    """Everything a row says, as plain values."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    status, out, err = run(capsys, "providers", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert (status, err) == (0, "")
    assert list(rows) == registry.names()
    assert rows["anthropic"] == {
        "name": "anthropic",
        "wire": "anthropic_messages",
        "endpoints": ["chat", "models", "files", "batches"],
        "capabilities": ["stream", "tools", "schema", "images", "files"],
        "key": ["ANTHROPIC_API_KEY"],
        "key_required": True,
        "base_url": "https://api.anthropic.com",
        "tier": CLASSES["anthropic"].tier,
        "configured": True,
    }
    assert not rows["openai"]["configured"]
    assert "sk-secret" not in out


def test_providers_as_a_table(capsys):
    """In a pipe: a line each, aligned, however long; twice the same."""
    _, out, _ = run(capsys, "providers")
    lines = out.splitlines()
    assert len(lines) == len(registry.names()) + 1
    assert lines[0].split() == told.COLUMNS
    starts = [lines[0].index(column) for column in told.COLUMNS]
    openai = next(line for line in lines if line.startswith("openai "))
    assert openai[starts[1] :].startswith("OPENAI_API_KEY ")
    assert openai[starts[2] :].startswith("openai_chat ")
    assert run(capsys, "providers")[1] == out


@pytest.mark.parametrize("width", [40, 60, 80])
def test_providers_on_a_narrow_terminal(width):
    """Paragraphs, no line longer than the terminal is wide."""
    row = {
        "name": "weak",
        "wire": "openai_chat",
        "endpoints": ["chat", "completion", "embedding", "models"],
        "capabilities": list(told.CAPABILITIES),
        "key": ["WEAK_API_KEY"],
        "key_required": False,
        "tier": "community",
        "configured": True,
    }
    lines = told._table([row, {**row, "configured": False}], width)
    assert max(map(len, lines)) <= width
    assert lines[:3] == ["weak (configured)", "  key: (WEAK_API_KEY)", "  wire: openai_chat"]
    assert lines[len(lines) // 2] == "weak"
    wide = told._table([row], 200)
    assert wide[1].split("  ")[0] == "weak"
    assert wide[1].endswith("community  yes")


class Embedder(Provider, register=False):
    """A provider without chat."""

    name = "embedder"
    key_required = False
    wires = {"embedding": Provider.wires["embedding"]}
    base_url_env = ("EMBEDDER_BASE_URL",)


@pytest.fixture
def embedder():
    registry.register("embedder", Embedder)
    yield
    CLASSES.pop("embedder")


@pytest.mark.usefixtures("embedder")
def test_what_a_provider_without_chat_can(monkeypatch):
    """Capabilities are those of chat; it is configured once it is known where it is."""
    before, after = told.provider_rows(["embedder"]), None
    monkeypatch.setenv("EMBEDDER_BASE_URL", "http://127.0.0.1:1")
    after = told.provider_rows(["embedder"])
    assert [row[0]["configured"] for row in (before, after)] == [False, True]
    assert before[0]["capabilities"] == []
    assert (before[0]["wire"], before[0]["endpoints"], before[0]["key"]) == (
        "openai_embeddings",
        ["embedding"],
        [],
    )


def test_markdown_holds_this_packages_own(capsys):
    _, out, _ = run(capsys, "providers", "--markdown")
    assert out.startswith("| provider | key |")
    assert (
        "\n| `openai` | `OPENAI_API_KEY` | openai_chat | chat, completion, embedding, models, image, image_edit, "
        in out
    )
    assert "\n| `bedrock` | (`AWS_BEARER_TOKEN_BEDROCK`) | aws_converse |" in out


# ----------------------------------------------------------------------------------------- models


def listed(*names: str) -> Respond:
    return Respond(json={"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


@pytest.fixture
def groq(upstream, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
    monkeypatch.setenv("GROQ_BASE_URL", f"{upstream.url}/groq")
    upstream.script = [listed("llama-b", "llama-a")]
    return upstream


def test_models_of_one_provider(capsys, groq):
    """Ready to be pasted into `model=`, sorted."""
    assert run(capsys, "models", "groq") == (0, "groq/llama-a\ngroq/llama-b\n", "")
    assert groq.requests[0].path == "/groq/models"


def test_models_as_json(capsys, groq):
    status, out, _ = run(capsys, "models", "groq", "--json")
    assert (status, json.loads(out)) == (0, {"groq": ["llama-a", "llama-b"]})


def test_models_of_all_that_are_configured(capsys, groq, monkeypatch):
    """One that fails is told of, and does not hide the others; the status says that not all is well."""
    monkeypatch.setenv("MISTRAL_API_KEY", "sk-mistral")
    monkeypatch.setenv("MISTRAL_BASE_URL", f"{groq.url}/mistral")
    groq.script = []

    def respond(received: Received) -> Respond:
        return (
            listed("llama") if "/groq/" in received.path else Respond(401, json={"error": {"message": "no"}})
        )

    groq.respond = respond
    status, out, err = run(capsys, "models")
    assert (status, out) == (1, "groq/llama\n")
    assert err.startswith("muxi-llm: mistral: ")
    assert err.endswith("`muxi-llm providers mistral` names its variable\n")


@pytest.mark.parametrize(
    ("arguments", "story"),
    [
        ([], "no provider is configured"),
        (["groq"], "groq: no API key for groq: set GROQ_API_KEY"),
        (["antropic"], "there is no provider 'antropic'; did you mean anthropic"),
    ],
    ids=["none configured", "no key", "unknown"],
)
def test_models_that_cannot_be_listed(capsys, arguments, story):
    status, out, err = run(capsys, "models", *arguments)
    assert (status, out) == (1, "")
    assert story in err


# ------------------------------------------------------------------------------------------ batch


@pytest.fixture
def openai(upstream, monkeypatch, tmp_path):
    """A provider that repeats what it hears, but refuses to say no; and an input of three prompts."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
    monkeypatch.setenv("GROQ_BASE_URL", f"{upstream.url}/groq")

    def respond(received: Received) -> Respond:
        said = received.json["messages"][-1]["content"]
        if said == "no" and "groq" not in received.path:
            return Respond(400, json={"error": {"message": "I will not"}})
        return Respond(json=bodies.chat(said))

    upstream.respond = respond
    (tmp_path / "in.jsonl").write_text('"one"\n{"custom_id": "b", "prompt": "two"}\n"no"\n')
    return upstream


def batch(capsys, tmp_path, *arguments: str) -> tuple[int, list[Any], str]:
    """Exit status, the rows of the output, what was told."""
    status, out, err = run(capsys, "batch", "run", str(tmp_path / "in.jsonl"), *arguments)
    assert out == ""
    output = tmp_path / "in.results.jsonl"
    return status, [json.loads(line) for line in output.read_text().splitlines()], err


def test_a_batch(capsys, openai, tmp_path):
    """What fails is in the output too, and the status says so."""
    status, rows, err = batch(capsys, tmp_path, "--model", "openai/m")
    assert (status, {row["custom_id"] for row in rows}) == (1, {"line-1", "b", "line-3"})
    failed = next(row for row in rows if row["error"])
    assert (failed["custom_id"], failed["error"]["code"], failed["error"]["status"]) == (
        "line-3",
        "BadRequestError",
        400,
    )
    assert err == f"2 answered, 1 failed; --retry-failed asks those again; {tmp_path / 'in.results.jsonl'}\n"


def test_a_batch_goes_on_and_asks_again_what_failed(capsys, openai, tmp_path):
    """What it is asked with is no part of what is asked: other retries, the same requests."""
    batch(capsys, tmp_path, "--model", "openai/m")
    assert batch(capsys, tmp_path, "--model", "openai/m", "--timeout", "9")[0] == 1
    assert len(openai.requests) == 3
    again = ["--model", "openai/m", "--retry-failed", "--fallback", "groq/m", "--retries", "0"]
    openai.respond = lambda received: Respond(json=bodies.chat("fine"))
    status, rows, err = batch(capsys, tmp_path, *again)
    assert (status, len(rows), len(openai.requests)) == (0, 3, 4)
    assert err.startswith("1 answered, 0 failed, 2 answered before;")


def test_options_of_a_batch_are_the_requests(capsys, openai, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"prompt": "one", "temperature": 1}\n')
    options = ["--system", "Be brief", "--temperature", "0.5", "--max-tokens", "7", "--param", "seed=3"]
    status, rows, err = batch(capsys, tmp_path, "--model", "openai/m", *options, "--quiet")
    assert (status, len(rows), err) == (0, 1, "")
    sent = openai.requests[0].json
    assert (sent["temperature"], sent["seed"], sent["messages"][0]["content"]) == (0.5, 3, "Be brief")
    assert 7 in {sent.get("max_tokens"), sent.get("max_completion_tokens")}


def test_equal_prompts_of_a_batch_cost_one_call(capsys, openai, tmp_path):
    """But where chance is asked for, or each of them."""
    (tmp_path / "in.jsonl").write_text('"one"\n' * 5)
    status, rows, _ = batch(capsys, tmp_path, "--model", "openai/m")
    assert (status, len(rows), len(openai.requests)) == (0, 5, 1)
    assert [row["custom_id"] for row in rows] == [f"line-{n}" for n in range(1, 6)]
    assert [row.get("same_as") for row in rows] == [None, *["line-1"] * 4]
    assert len({json.dumps(row["response"]) for row in rows}) == 1
    for options, count in ((["--temperature", "1"], 5), (["--temperature", "1", "--param", "seed=1"], 1)):
        openai.requests.clear()
        assert batch(capsys, tmp_path, "--model", "openai/m", *options)[0] == 0
        assert len(openai.requests) == count
    openai.requests.clear()
    batch(capsys, tmp_path, "--model", "openai/m2", "--repeat-equal")
    assert len(openai.requests) == 5


REFUSED = {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}


def test_a_wrong_key_costs_one_request(capsys, openai, tmp_path):
    """The run stops by itself, with its own status; with the right key it goes on where it was."""
    (tmp_path / "in.jsonl").write_text("".join(f'"{n}"\n' for n in range(500)))
    well, openai.respond = openai.respond, lambda received: Respond(401, json=REFUSED)
    status, rows, err = batch(capsys, tmp_path, "--model", "openai/m")
    assert (status, rows, len(openai.requests)) == (3, [], 1)
    assert "stopped: nobody may ask: " in err
    assert "Incorrect API key provided" in err
    openai.respond = well
    assert batch(capsys, tmp_path, "--model", "openai/m")[0] == 0
    assert len(openai.requests) == 501


def test_failures_alike_stop_a_batch(capsys, openai, tmp_path):
    """One request each, none beside another, whatever number stands in what is said."""
    (tmp_path / "in.jsonl").write_text("".join(f'"{n}"\n' for n in range(50)))
    times = iter(range(50))

    def respond(received: Received) -> Respond:
        return Respond(
            400, json={"error": {"message": f"seed is no parameter here, request req_{next(times)}"}}
        )

    openai.respond = respond
    status, rows, err = batch(capsys, tmp_path, "--model", "openai/m", "--give-up", "4")
    assert (status, len(rows), len(openai.requests)) == (3, 4, 4)
    assert "stopped: 4 in a row failed alike: " in err
    assert batch(capsys, tmp_path, "--model", "openai/m", "--give-up", "0")[0] == 1
    assert len(openai.requests) == 50


def test_the_kill_switch_stops_a_batch(capsys, openai, tmp_path, monkeypatch):
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path))
    (tmp_path / "killswitch").touch()
    status, rows, err = batch(capsys, tmp_path, "--model", "openai/m")
    assert (status, rows, openai.requests) == (3, [], [])
    assert "Kill switch active" in err


def test_a_line_that_is_no_json(capsys, openai, tmp_path):
    """Where it stands, and what is wrong with it; the others are asked."""
    (tmp_path / "in.jsonl").write_text('"one"\nnot a prompt\n{"prompt": "two",}\n')
    status, rows, err = batch(capsys, tmp_path, "--model", "openai/m")
    assert (status, sorted(bool(row["error"]) for row in rows)) == (1, [False, True, True])
    name = tmp_path / "in.jsonl"
    assert f"muxi-llm: {name}, line 2: no JSON, at column 1: " in err
    assert 'not a prompt; a prompt by itself stands in quotes: "..."' in err
    assert f"muxi-llm: {name}, line 3: no JSON, at column " in err


def test_doubled_ids_are_told(capsys, openai, tmp_path):
    lines = [{"custom_id": "a", "prompt": "one"}, {"custom_id": "a", "prompt": "two"}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    status, rows, err = batch(capsys, tmp_path, "--model", "openai/m")
    assert (status, len(rows)) == (0, 2)
    assert "muxi-llm: lines that differ have the same custom_id: a\n" in err


def test_results_in_the_inputs_order(capsys, openai, tmp_path):
    (tmp_path / "in.jsonl").write_text("".join(f'"{n}"\n' for n in range(30)))
    openai.respond = lambda received: Respond(
        json=bodies.chat("x"), delay=0.001 * (int(received.json["messages"][0]["content"]) * 7 % 30)
    )
    status, rows, _ = batch(capsys, tmp_path, "--model", "openai/m", "--order", "input")
    assert (status, [row["custom_id"] for row in rows]) == (0, [f"line-{n + 1}" for n in range(30)])


def test_lines_inserted_at_the_top(capsys, openai, tmp_path):
    """Only what is new is asked; the numbers in the results are those of now."""
    (tmp_path / "in.jsonl").write_text('"a"\n"b"\n')
    batch(capsys, tmp_path, "--model", "openai/m")
    (tmp_path / "in.jsonl").write_text('"new"\n"a"\n"b"\n')
    status, rows, _ = batch(capsys, tmp_path, "--model", "openai/m")
    assert (status, len(openai.requests)) == (0, 3)
    said = {row["custom_id"]: row["response"]["body"]["choices"][0]["message"]["content"] for row in rows}
    assert said == {"line-1": "new", "line-2": "a", "line-3": "b"}


def test_a_batch_from_standard_input(openai, tmp_path):
    """How many there are is not known then; what was changed for the model is told of each, without noise."""
    line = json.dumps({"prompt": "one", "model": "groq/m", "logit_bias": {"1": 1}})
    done = shell("batch", "run", "-", "-o", str(tmp_path / "out"), input=line)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "",
        f"1 answered, 0 failed; {tmp_path / 'out'}\n",
    )
    assert json.loads((tmp_path / "out").read_text())["response"]["model"] == "groq/m"


@pytest.mark.parametrize(
    ("arguments", "story"),
    [
        (["in.jsonl", "--model", "antropic/m"], "there is no provider 'antropic'; did you mean anthropic"),
        (["in.jsonl", "--model", "mistral/m"], "no API key for mistral: set MISTRAL_API_KEY"),
        (["in.jsonl", "--model", "openai/m", "--param", "temprature=1"], "did you mean 'temperature'"),
        (["in.jsonl", "--model", "openai/m", "-o", "in.jsonl"], "--output is the input itself"),
        (["in.jsonl", "--model", "openai/m", "-o", "other"], "holds something else than a batch's results"),
        (["missing.jsonl", "--model", "openai/m"], "No such file or directory: 'missing.jsonl'"),
        (["-", "--model", "openai/m"], "prompts from standard input want --output"),
    ],
    ids=["model", "key", "keyword", "output is input", "output is another's", "no input", "no output"],
)
def test_a_batch_that_cannot_be_run(capsys, openai, tmp_path, monkeypatch, arguments, story):
    """It is said before anything is asked, with status 2."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").write_text("a diary\n")
    status, out, err = run(capsys, "batch", "run", *arguments)
    assert (status, out, openai.requests) == (2, "", [])
    assert story in err


@pytest.mark.parametrize(
    ("arguments", "story"),
    [
        (["--concurrency", "0"], "must be 1 or more"),
        (["--param", "seed"], "'seed' is not KEY=JSON"),
        (["--cache", "disk"], "invalid choice: 'disk'"),
    ],
    ids=["nobody at work", "no value", "cache"],
)
def test_a_batch_with_odd_options(capsys, arguments, story):
    with pytest.raises(SystemExit) as left:
        command.main(["batch", "run", "in.jsonl", *arguments])
    assert left.value.code == 2
    assert story in capsys.readouterr().err


def test_progress_of_a_batch(tmp_path):
    """Done, failed, rate, and how long it will take where that can be known."""
    work = Batch(Journal(tmp_path / "out"), _nothing)
    bar = _Bar(10_000)
    assert bar.line(work, bar._begun) == f"[{'.' * 30}] 0 done, 0 failed, 0.0/s of 10,000"
    work.answered, work.failed, work.answered_before = 2_400, 100, 2_500
    assert bar.line(work, bar._begun + 50) == (
        f"[{'#' * 15}{'.' * 15}] 5,000 done, 100 failed, 50.0/s of 10,000, 0:01:40 left"
    )
    assert _Bar(None).line(work, bar._begun).startswith("5,000 done, 100 failed")


async def _nothing(params: dict[str, Any]) -> None:
    """Never asked."""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_batch_on_a_terminal(openai, tmp_path):
    """A line that is drawn over again and again, never wider than the terminal."""
    import pty

    openai.respond = lambda received: Respond(json=bodies.chat("fine"), delay=0.12)
    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "muxi_llm.commands.main", "batch", "run", str(tmp_path / "in.jsonl")]
    command += ["--model", "openai/m", "--concurrency", "1"]
    done = subprocess.run(command, stderr=writer, check=False, env={**os.environ, "COLUMNS": "60"})
    os.close(writer)
    shown = os.read(reader, 10_000).decode()
    os.close(reader)
    lines = shown.split("\r\x1b[K")
    assert done.returncode == 0
    assert any(line.startswith(f"[{'#' * 20}{'.' * 10}] 2 done, 0 failed, ") for line in lines)
    assert max(map(len, lines[:-1])) < 60
    assert lines[-1].startswith("3 answered, 0 failed; ")


# ------------------------------------------------------------- batches of the providers' own


@pytest.fixture
def batches(upstream, monkeypatch, tmp_path):
    """A provider that takes a file and makes a batch of it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text('"one"\n{"messages": [{"role": "user", "content": "two"}]}\n')
    upstream.script = [
        Respond(json={"id": "file-1"}),
        Respond(json={"id": "batch_1", "status": "validating"}),
    ]
    return upstream


def submitted(capsys, *arguments: str) -> str:
    status, out, err = run(capsys, "batch", "submit", "in.jsonl", "--model", "openai/m", *arguments)
    assert (status, err) == (0, "")
    return out.strip()


def test_a_batch_is_submitted(capsys, batches):
    """Each line a call; its id is printed."""
    assert submitted(capsys, "--system", "Be brief", "--temperature", "0.5").endswith(":2:batch_1")
    lines = [json.loads(line) for line in batches.requests[0].body.splitlines() if line.startswith(b"{")]
    assert [line["body"]["messages"][-1]["content"] for line in lines] == ["one", "two"]
    assert all(line["body"]["temperature"] == 0.5 for line in lines)
    assert lines[0]["body"]["messages"][0] == {"role": "system", "content": "Be brief"}


def test_a_submitted_batch_is_asked_after_and_fetched(capsys, batches):
    batch_id = submitted(capsys)
    counts = {"total": 2, "completed": 1, "failed": 0}
    batches.script = [Respond(json={"id": "batch_1", "status": "in_progress", "request_counts": counts})] * 2
    assert run(capsys, "batch", "status", batch_id) == (0, "in_progress: 1 of 2 over, 0 failed\n", "")
    assert run(capsys, "batch", "results", batch_id) == (4, "", "muxi-llm: the batch is not over yet\n")
    over = {"id": "batch_1", "status": "completed", "output_file_id": "file-2"}
    answered = {"custom_id": "req-0", "response": {"status_code": 200, "body": bodies.chat("Yes")}}
    batches.script = [Respond(json=over), Respond(body=json.dumps(answered).encode())]
    status, out, _ = run(capsys, "batch", "results", batch_id)
    assert status == 1
    first, second = map(json.loads, out.splitlines())
    assert first == {
        "index": 0,
        "custom_id": None,
        "response": "Yes",
        "error": None,
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        "tool_calls": None,
        "finish_reason": "stop",
    }
    assert (second["index"], second["response"], second["error"]) == (1, None, "Missing result")


OVER = {"id": "batch_1", "status": "completed", "output_file_id": "file-2"}


def answered(batches, *names: str) -> None:
    """The provider's batch is over, with an answer for each of these ids."""
    lines = [
        json.dumps({"custom_id": name, "response": {"status_code": 200, "body": bodies.chat("Yes")}})
        for name in names
    ]
    batches.script = [Respond(json=OVER), Respond(body="\n".join(lines).encode())]


def test_results_in_a_file_with_ids_of_ones_own(capsys, batches, tmp_path):
    lines = [{"custom_id": "a/1", "prompt": "one"}, {"prompt": "two"}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    batch_id = submitted(capsys)
    answered(batches, "req-0-a/1", "req-1")
    assert run(capsys, "batch", "results", batch_id, "-o", "out.jsonl") == (0, "", "")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["index"], row["custom_id"], row["response"]) for row in rows] == [
        (0, "a/1", "Yes"),
        (1, None, "Yes"),
    ]
    assert list((tmp_path / "state" / "batches").iterdir()) == []


def test_a_full_disk_forgets_no_results(capsys, batches, tmp_path, monkeypatch):
    """What was there stays, nothing half is beside it, and they can be fetched again."""
    batch_id = submitted(capsys)
    answered(batches, "req-0", "req-1")
    (tmp_path / "out.jsonl").write_text("before")
    monkeypatch.setattr(os, "fsync", _no_space)
    status, out, err = run(capsys, "batch", "results", batch_id, "-o", "out.jsonl")
    assert (status, out) == (2, "")
    assert "No space left on device" in err
    assert (tmp_path / "out.jsonl").read_text() == "before"
    assert not (tmp_path / "out.jsonl.new").exists()
    assert len(list((tmp_path / "state" / "batches").iterdir())) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device")  # noqa: PTH110
def test_a_full_disk_behind_the_output_forgets_none_either(capsys, batches, tmp_path):
    batch_id = submitted(capsys)
    answered(batches, "req-0", "req-1")
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "muxi_llm.commands.main", "batch", "results", batch_id],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "state" / "batches").iterdir())) == 1


def _no_space(handle: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_results_on_another_machine(capsys, batches, tmp_path, monkeypatch):
    """The id and the key are all that is needed."""
    batch_id = submitted(capsys)
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path / "elsewhere"))
    answered(batches, "req-0", "req-1")
    status, out, _ = run(capsys, "batch", "results", batch_id)
    assert (status, len(out.splitlines())) == (0, 2)


def test_a_batch_is_waited_for(capsys, batches, tmp_path):
    batch_id = submitted(capsys)
    counts = {"total": 2, "completed": 1, "failed": 0}
    batches.script = [Respond(json={"status": "in_progress", "request_counts": counts})]
    assert run(capsys, "batch", "wait", batch_id, "--timeout", "0") == (
        4,
        "",
        "in_progress: 1 of 2 over, 0 failed\n",
    )
    answered(batches, "req-0", "req-1")
    batches.script.insert(0, Respond(json=OVER))
    status, out, _ = run(capsys, "batch", "wait", batch_id, "--every", "0.01", "-o", "out.jsonl")
    assert (status, out, len((tmp_path / "out.jsonl").read_text().splitlines())) == (0, "", 2)


def test_batches_are_listed_and_cancelled(capsys, batches):
    batch_id = submitted(capsys)
    counts = {"total": 2, "completed": 1, "failed": 0}
    batches.script = [
        Respond(json={"data": [{"id": "batch_1", "status": "in_progress", "request_counts": counts}]})
    ]
    assert run(capsys, "batch", "list") == (0, f"{batch_id}  in_progress: 1 of 2 over, 0 failed\n", "")
    batches.script = [Respond(json={}), Respond(json={"status": "cancelling"})]
    assert run(capsys, "batch", "cancel", batch_id) == (0, "in_progress: 0 of 2 over, 0 failed\n", "")
    batches.script = [Respond(401, json={})]
    status, _, err = run(capsys, "batch", "list", "openai")
    assert (status, "401" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "story"),
    [
        (["submit", "in.jsonl", "--model", "groq/m"], "no API key for groq"),
        (["submit", "in.jsonl"], "in.jsonl, line 1: the line names no model"),
        (["submit", "differing.jsonl", "--model", "openai/m"], "the same model and arguments"),
        (["submit", "empty.jsonl", "--model", "openai/m"], "a batch needs one prompt at least"),
        (["status", "nonsense"], "nonsense"),
        (["results", "openai:00000000:1:batch_9"], "submitted with another key"),
    ],
    ids=["provider", "model", "arguments", "empty", "no id", "another key"],
)
def test_a_batch_that_cannot_be_submitted_or_fetched(capsys, batches, tmp_path, arguments, story):
    (tmp_path / "differing.jsonl").write_text('"one"\n{"prompt": "two", "seed": 1}\n')
    (tmp_path / "empty.jsonl").write_text("")
    status, out, err = run(capsys, "batch", *arguments)
    assert (status, out, batches.requests) == (2, "", [])
    assert story in err


# ---------------------------------------------------------------------------------------- the shell


def shell(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "muxi_llm", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_version_loads_nothing_heavy():
    """Nor does the help, however much there is to tell."""
    loaded = "import sys; from muxi_llm.commands.main import main\ntry: main([sys.argv[1]])\n"
    loaded += "finally: print(sorted({'openai', 'httpx2', 'pydantic', 'asyncio', 'rich'} & set(sys.modules)))"
    for option, first in (("--version", f"muxi-llm {__version__}"), ("--help", "usage: muxi-llm")):
        done = subprocess.run(
            [sys.executable, "-c", loaded, option], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(first)
        assert done.stdout.endswith("[]\n")


def test_help_teaches(capsys):
    """Without a command too: each command, and what to do first."""
    for arguments in ([], ["--help"]):
        with pytest.raises(SystemExit) as left:
            command.main(arguments)
        told = capsys.readouterr().out
        assert left.value.code == 0
        assert all(f"\n  {name} " in told for name in command.BY_NAME)
        assert "muxi-llm demo " in told


@pytest.mark.parametrize("name", sorted(command.BY_NAME))
def test_every_command_has_help(name, capsys):
    try:
        status = command.main([name, "--help"])
    except SystemExit as left:
        status = left.code
    told = capsys.readouterr()
    assert (status, told.err) == (0, "")
    assert name.replace("muxi-llm ", "") in told.out


OWN = sorted(name for name, told in command.BY_NAME.items() if not told.is_own)


@pytest.mark.parametrize("name", OWN)
def test_help_has_examples_that_are_understood(name, capsys):
    """Each by the parser of the command, with the options that there are."""
    with pytest.raises(SystemExit):
        command.main([name, "--help"])
    told = capsys.readouterr().out
    lines = [
        line.partition("muxi-llm ") for line in told.partition("\nexamples")[2].split("\n\n")[0].splitlines()
    ]
    typed = [re.split(r" {2,}| [>|] |\)\"", line)[0] for _, _, line in lines[1:]]
    assert typed
    for line in typed:
        words = shlex.split(line)
        command.parser_of(words[0]).parse_args(words)


def test_what_is_not_known_is_told_by_the_command_it_was_given_to(capsys):
    for words, story in (
        (["ask", "--modle", "x"], "muxi-llm ask: unrecognized arguments: --modle; did you mean --model?"),
        (["batch", "run", "in", "--frob", "x"], "muxi-llm batch run: unrecognized arguments: --frob x"),
    ):
        with pytest.raises(SystemExit) as left:
            command.main(words)
        told = capsys.readouterr().err
        assert (left.value.code, told.splitlines()[0]) == (2, story)


def test_misuse():
    """What is meant, and where to read on."""
    misused = shell("frobnicate")
    assert (misused.returncode, misused.stdout) == (2, "")
    assert misused.stderr == "muxi-llm: invalid choice: 'frobnicate'\ntry: muxi-llm --help\n"
    assert "did you mean models?" in shell("model").stderr
    assert shell("models", "--frob").stderr.endswith("try: muxi-llm models --help\n")


def test_providers_that_are_configured(capsys, monkeypatch):
    assert run(capsys, "providers", "--configured")[0] == 1
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
    status, out, _ = run(capsys, "providers", "--configured", "--json")
    assert (status, [row["name"] for row in json.loads(out)]) == (0, ["groq"])
    assert [row["name"] for row in json.loads(run(capsys, "providers", "openai", "--json")[1])] == ["openai"]
    assert "did you mean groq" in run(capsys, "providers", "grog")[2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("muxi-llm prov", ["providers "]),
        ("muxi-llm ask -m anthropi", ["anthropic/"]),
        ("muxi-llm chat -m anthropic/claude-sonnet", "anthropic/claude-sonnet-"),
        ("muxi-llm client ", ["claude", "codex", "openai", "anthropic"]),
    ],
)
def test_tab(line, expected, tmp_path):
    """What the shell is told when Tab is pressed."""
    told = tmp_path / "told"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    subprocess.run(
        [sys.executable, "-m", "muxi_llm"],
        env={**os.environ, **asked, "_ARGCOMPLETE_STDOUT_FILENAME": str(told)},
        check=False,
    )
    found = told.read_text().split("\n")
    if isinstance(expected, str):
        assert found
        assert all(name.startswith(expected) for name in found)
    else:
        assert found == expected


def test_completion_is_what_the_shell_reads():
    done = shell("completion", "bash")
    assert (done.returncode, done.stderr) == (0, "")
    script = f"{done.stdout}\ncomplete -p muxi-llm"
    assert (
        "muxi-llm"
        in subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    )


def test_a_pipe_that_closes_early_is_no_error():
    """`muxi-llm providers | head -1` ends in peace."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "muxi_llm.commands.main", "providers"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
