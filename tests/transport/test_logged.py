"""The log: what was sent where and how it ended, without keys and without a word of what was said."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from muxi_llm.transport.logged import set_up, wire_log
from tests.core import REFUSED, Answer, ask, failed, said, streamed

pytestmark = pytest.mark.usefixtures("keys")

SECRETS = {
    "messages": [{"role": "user", "content": "PROMPT"}],
    "api_key": "sk-KEY",
    "base_url": "http://me:PASSWORD@x.test/v1",
    "extra_query": {"key": "QUERY"},
    "extra_headers": {"X-Auth": "HEADER"},
}


def test_every_step_is_told(driver, caplog):
    """Attempts, waits, fallbacks, adaptations; and nothing that is nobody else's business."""
    caplog.set_level(logging.DEBUG, logger="muxi_llm")
    answers = (failed(503), Answer(error=REFUSED), said("ANSWER"))
    ask(driver, *answers, retries=1, fallback_models=["groq/x"], logit_bias={"1": 1}, **SECRETS)
    told = [record.getMessage() for record in caplog.records if record.name == "muxi_llm"]
    assert told[0] == "POST http://x.test/v1/chat/completions: 503 (0.000 s)"
    assert told[1].startswith("waiting ")
    assert told[2] == "POST http://x.test/v1/chat/completions: connection refused (0.000 s)"
    assert told[3] == "POST https://api.groq.com/openai/v1/chat/completions: 200 (0.000 s)"
    assert told[4].startswith("groq/x answered in ")
    assert (
        "openai/gpt-4 try 1: 503, openai/gpt-4 try 2: APIConnectionError, groq/x try 1: answered" in told[4]
    )
    assert "adapted: logit_bias dropped" in told[4]
    for secret in ("PROMPT", "KEY", "PASSWORD", "QUERY", "HEADER", "ANSWER", "status 503"):
        assert secret not in caplog.text


def test_a_call_that_fails(driver, caplog):
    caplog.set_level(logging.DEBUG, logger="muxi_llm")
    ask(driver, failed(400))
    ask(driver, api_key=None, model="nosuch/model")
    told = [record.getMessage() for record in caplog.records if record.name == "muxi_llm"]
    assert told[-1] == "openai/gpt-4 failed: BadRequestError; openai/gpt-4 try 1: 400"


def test_bodies_are_told_to_who_asks_for_them(driver, caplog):
    """By the logger of their own; a stream's as they are read."""
    wire_log.setLevel(logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG, logger="muxi_llm"):
            ask(driver, said("ANSWER"), **SECRETS)
            ask(driver, streamed("PIECE"), stream=True, **SECRETS)
    finally:
        wire_log.setLevel(logging.CRITICAL + 1)
    bodies = [record.getMessage() for record in caplog.records if record.name == "muxi_llm.wire"]
    assert "PROMPT" in bodies[0]
    assert "ANSWER" in bodies[1]
    assert any("PIECE" in body for body in bodies[3:])
    assert "KEY" not in caplog.text


@pytest.mark.parametrize("level", ["debug", "wire"])
def test_the_environment_switches_it_on(level):
    """On stderr, from the start."""
    code = (
        "import os; os.environ['MUXI_LLM_LOG'] = %r; from muxi_llm import runtime, ChatCompletion;"
        "from muxi_llm.transport.scripted import Scripted, Answer;"
        "s = runtime.using(Scripted(Answer(status=400))); s.__enter__();"
        "\ntry: ChatCompletion.create('openai/m', [{'role': 'user', 'content': 'PROMPT'}], api_key='k')"
        "\nexcept Exception: pass"
    )
    done = subprocess.run([sys.executable, "-c", code % level], capture_output=True, text=True, check=True)
    assert "POST https://api.openai.com/v1/chat/completions: 400" in done.stderr
    assert ("PROMPT" in done.stderr) == (level == "wire")


def test_a_level_there_is_not():
    with pytest.warns(UserWarning, match="MUXI_LLM_LOG must be one of debug, wire, not 'loud'"):
        set_up("loud")
