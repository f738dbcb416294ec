"""The gateway as a process: it starts, reloads, drains, and ends with 0."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.gateway.settings import files
from muxi_llm.gateway.settings.reading import ConfigurationError
from tests.support import bodies
from tests.support.patience import until
from tests.support.serving import Serving
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from pathlib import Path

ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


def configured(folder: Path, upstream: Upstream, **server: Any) -> Path:
    file = folder / "config.yaml"
    provider = {"name": "house", "base_url": upstream.url, "models": ["m"]}
    file.write_text(json.dumps({"providers": [provider], "server": server}), encoding="utf-8")
    return file


def chat(_: Received) -> Respond:
    return Respond(json=bodies.chat("from the first"))


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_and_ends_well(tmp_path: Path, workers: int) -> None:
    with Upstream(chat) as upstream:
        config = configured(tmp_path, upstream, workers=workers, drain_pause=0)
        with Serving(config) as served:
            reply = httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED)
            assert reply.json()["choices"][0]["message"]["content"] == "from the first"
            served.tell(signal.SIGTERM)
            assert served.ended() == 0
    assert "no tokens: anybody on this machine may ask" in "".join(served.said)


def test_open_streams_finish_after_the_signal_and_readiness_says_no_at_once(tmp_path: Path) -> None:
    go = threading.Event()

    def slowly(_: Received) -> Respond:
        first, *rest = bodies.chat_stream("Hel", "lo")

        def pieces() -> Any:
            yield first
            yield rest[0]
            go.wait(60)
            yield from rest[1:]

        return Respond(chunks=pieces(), headers={"content-type": "text/event-stream"})

    with Upstream(slowly) as upstream, Serving(configured(tmp_path, upstream, drain_pause=600)) as served:
        assert httpx2.get(f"{served.url}/health/ready").status_code == 200
        with httpx2.stream(
            "POST", f"{served.url}/v1/chat/completions", json={**ASKED, "stream": True}
        ) as reply:
            pieces = reply.iter_bytes()
            assert next(pieces)
            served.tell(signal.SIGTERM)
            until(lambda: httpx2.get(f"{served.url}/health/ready").status_code == 503)
            assert httpx2.get(f"{served.url}/health/live").status_code == 200
            served.tell(signal.SIGINT)  # impatient: the pause is over
            go.set()
            assert b"[DONE]" in b"".join(pieces)
        assert served.ended() == 0


def test_what_is_open_at_the_deadline_ends_with_an_error_of_its_protocol(tmp_path: Path) -> None:
    def hangs(received: Received) -> Respond:
        if received.json.get("stream"):
            return Respond(
                chunks=[*bodies.chat_stream("Hel", "lo")[:2], 600.0],
                headers={"content-type": "text/event-stream"},
            )
        return Respond(delay=600.0)

    with (
        Upstream(hangs) as upstream,
        Serving(configured(tmp_path, upstream, drain_pause=0, drain_timeout=1)) as served,
        httpx2.stream(
            "POST", f"{served.url}/v1/messages", json={**ASKED, "max_tokens": 9, "stream": True}
        ) as stream,
    ):
        pieces = stream.iter_bytes()
        assert next(pieces)
        whole: list[httpx2.Response] = []
        url = f"{served.url}/v1/chat/completions"
        waiting = threading.Thread(target=lambda: whole.append(httpx2.post(url, json=ASKED, timeout=60)))
        waiting.start()
        until(lambda: len(upstream.requests) == 2)
        served.tell(signal.SIGTERM)
        rest = b"".join(pieces)
        assert b"event: error" in rest
        assert b"message_stop" not in rest
        waiting.join()
        assert whole[0].status_code == 503
        assert "retry-after" in whole[0].headers
        assert served.ended() == 0


def test_a_changed_file_is_served_and_a_broken_one_is_not(tmp_path: Path) -> None:
    with Upstream(chat) as first, Upstream(lambda _: Respond(json=bodies.chat("from the second"))) as second:
        config = configured(tmp_path, first)
        with Serving(config) as served:

            def said() -> str:
                reply = httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED)
                content: str = reply.json()["choices"][0]["message"]["content"]
                return content

            assert said() == "from the first"
            config.write_text("providers: [", encoding="utf-8")
            until(lambda: "was not reloaded" in "".join(served.said))
            assert said() == "from the first"
            configured(tmp_path, second)
            until(lambda: said() == "from the second")
            other = configured(tmp_path, first).read_text(encoding="utf-8")
            until(lambda: said() == "from the first")
            assert other
            served.tell(signal.SIGHUP)
            until(lambda: "".join(served.said).count("was reloaded") >= 3)


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muxi_llm", *arguments],
        check=False, capture_output=True, text=True, env={**os.environ, **environment},
    )  # fmt: skip


def test_what_cannot_be_served_says_why(tmp_path: Path) -> None:
    with Upstream(chat) as upstream:
        config = configured(tmp_path, upstream, host="0.0.0.0")
    told = command("serve", "--config", str(config))
    assert (told.returncode, "--no-auth" in told.stderr) == (2, True)
    assert command("serve", "--config", str(tmp_path / "none.toml")).returncode == 2
    for said, why in (
        ("--https", "wants --ssl-cert and --ssl-key"),
        ("--port=70000", "port must be 0-65535"),
    ):
        told = command("serve", "--config", str(config), "--host", "127.0.0.1", said)
        assert (told.returncode, why in told.stderr, told.stdout) == (2, True, "")
    config.write_text(config.read_text(encoding="utf-8").replace("base_url", "bse_url"), encoding="utf-8")
    told = command("check", "--config", str(config))
    assert (told.returncode, "did you mean 'base_url'?" in told.stderr) == (2, True)


def test_a_file_that_cannot_be_read_is_told_of_by_its_line_and_not_quoted(tmp_path: Path) -> None:
    for text, where in (
        ("auth: {tokens: {\n  app: sk-secret, app: sk-other}}", "(at line 2, column 19)"),
        ("auth:\n  token: [sk-secret\nserver: {}", "(at line 3, column 7)"),
        ("auth: \x07", "special characters are not allowed"),
    ):
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigurationError) as caught:
            files.read(tmp_path / "config.yaml")
        assert where in str(caught.value)
        assert "sk-" not in str(caught.value)


def test_check_explains_a_configuration_that_can_be_served(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[provider.openai]\n[[backend]]\nmodel = "openai:gpt-5"\nvision = true\nthinking = true\n'
        '[[backend]]\nmodel = "openai:gpt-4o"\nmax_per_day = 5\n',
        encoding="utf-8",
    )
    told = command("check", "--config", str(file), OPENAI_API_KEY="")
    assert told.returncode == 1
    assert "openai/gpt-4o#2: for * (no vision, no thinking, 5 in 1 day)" in told.stdout
    assert "openai/gpt-4o#2 is asked only when openai/gpt-5 fails" in told.stderr
    assert "openai: no API key" in told.stderr


def test_workers_count_together_log_lines_and_one_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with Upstream(chat) as upstream:
        config = configured(tmp_path, upstream, workers=2, drain_pause=0)
        with Serving(config, "--verbose") as served:

            def counted() -> float:
                text = httpx2.get(f"{served.url}/metrics").text
                samples = [
                    line for line in text.splitlines() if line.startswith("llmux_proxy_total_requests{")
                ]
                return sum(float(sample.rpartition(" ")[2]) for sample in samples)

            for number in range(8):
                httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED)
                until(lambda number=number: counted() == number + 1)
            workers = served.workers
            os.kill(workers[0], signal.SIGKILL)
            until(lambda: "another one takes its place" in "".join(served.said))
            until(lambda: len(served.workers) == 2)
            assert httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED).status_code == 200
            until(lambda: counted() == 9)
            served.tell(signal.SIGTERM)
            assert served.ended() == 0
    told = [json.loads(line) for line in served.said if '"message":"request"' in line]
    assert {line["path"] for line in told} == {"/chat/completions", "/metrics"}
    assert [line["tries"][0]["deployment"] for line in told if "model" in line] == ["house/m"] * 9
