"""What the services' own documentation shows, read as if it had just been answered; the network is off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
import vcr

import muxi_llm
from muxi_llm import ChatCompletion

DOCUMENTED = Path(__file__).parent / "cassettes" / "documented"


def documented(name: str) -> Any:
    """That exchange, whatever is asked of its path: documents show answers, seldom the request behind them."""
    muxi_llm.config.transport = "httpx2"  # the one vcrpy can answer for
    recorder = vcr.VCR(record_mode=vcr.mode.NONE, match_on=("method", "scheme", "host", "path"))
    return recorder.use_cassette(str(DOCUMENTED / f"{name}.yaml"))


HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.usefixtures("keys")
def test_anthropics_stream(driver):
    with documented("anthropic_stream"):
        chunks = driver.create(ChatCompletion, model="anthropic/m", messages=HELLO, stream=True)
    said = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in said) == "Hello!"
    assert said[-1].finish_reason == "stop"
    assert {chunk.id for chunk in chunks} == {"msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyy"}


@pytest.mark.usefixtures("keys")
def test_groqs_rate_limit(driver):
    with documented("groq_429"), pytest.raises(openai.RateLimitError) as caught:
        driver.create(ChatCompletion, model="groq/m", messages=HELLO, retries=0)
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "tokens")
    assert caught.value.retry_after == 7
