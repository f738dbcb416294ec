"""Recorded traffic of Anthropic's Messages API: answers are judged by what their bytes say, requests by what
the recorded ones ask for.
"""

from __future__ import annotations

import json
import re
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from muxi_llm import ChatCompletion, runtime
from muxi_llm.models import ChatCompletion as Value
from muxi_llm.transport.scripted import Scripted
from muxi_llm.wire.anthropic.inbound_request import RequestReader
from muxi_llm.wire.base import Ledger
from tests.support.anthropic import Codec, check, encode, result, tool, user
from tests.support.bodies import HELLO
from tests.support.recordings import (
    answer_of,
    answered,
    asked,
    asked_of,
    body_of,
    each,
    expected,
    expected_facts,
    facts_of,
    interactions,
    meaning,
    of_kind,
    status_of,
    url_of,
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.usefixtures("keys", "shared"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

ANSWERS = of_kind("messages")


def read(key: str) -> Value:
    """The value that this library makes of a reply."""
    return answered(key, "anthropic/claude-sonnet-5", stream=expected()[key]["stream"])


@each(ANSWERS, "answer")
def test_an_answer_says_what_its_bytes_say(key):
    """Text, calls, the reason to finish (ours and theirs), and the cost."""
    value = read(key)
    assert facts_of(value) == expected_facts(key)
    assert value.choices[0]["native_finish_reason"] == expected()[key]["provider_finish"]
    assert value.usage.total_tokens == value.usage.prompt_tokens + value.usage.completion_tokens


def whole(block: dict[str, Any]) -> dict[str, Any]:
    """*block* without what says nothing: nulls, and the caller every call has by default."""
    kept = {name: value for name, value in block.items() if value is not None}
    if (kept.get("caller") or {}).get("type") == "direct" and kept["type"] == "tool_use":
        del kept["caller"]
    return kept


def vendors_blocks(body: bytes, *, stream: bool) -> list[dict[str, Any]]:
    """The content as Anthropic's own client reads it."""
    kind = "text/event-stream" if stream else "application/json"
    reply = httpx2.Response(200, content=body, headers={"content-type": kind})
    http_client = httpx2.Client(transport=httpx2.MockTransport(lambda _: reply))
    params: dict[str, Any] = {"model": "claude-sonnet-5", "messages": HELLO, "max_tokens": 5}
    with anthropic.Anthropic(api_key="sk-test", http_client=http_client) as client:
        if not stream:
            return [
                block.model_dump(exclude_unset=True) for block in client.messages.create(**params).content
            ]
        with client.messages.stream(**params) as events:
            return [block.model_dump(exclude_unset=True) for block in events.get_final_message().content]


@each(ANSWERS, "answer")
def test_an_answer_sent_back_is_the_one_that_came(key):
    """Block by block as Anthropic's own client reads them: signatures verbatim, order kept."""
    blocks = [whole(block) for block in vendors_blocks(body_of(key), stream=expected()[key]["stream"])]
    sent = read(key).choices[0].message.model_dump()
    results = [result("r", block["id"]) for block in blocks if block["type"] == "tool_use"]
    out = encode([user(), sent, *results, user("and?")], tools=[tool()])
    assert [whole(block) for block in out["messages"][1]["content"]] == blocks
    if "advisor" not in key:  # a beta's blocks, which the vendor's stable types do not have
        check(out)


@each(asked(ANSWERS), "request")
def test_a_request_asks_for_what_the_recorded_one_asks(key):
    """Read as a client's of ours, and written again: the same, but for what is told to the caller."""
    given = Ledger("client")
    body = RequestReader(given).read(asked_of(key))
    codec = Codec(body.pop("messages"), **body)
    wanted = asked_of(key)
    for told in (entry for entry in [*given.entries, *codec.ledger.entries] if entry.action == "dropped"):
        forget(wanted, told.param)
    assert meaning(codec.out) == meaning(wanted)


def forget(body: Any, path: str) -> None:
    """Take away what *path* names: `thinking.display`, `tools[1].defer_loading`."""
    *way, last = re.findall(r"\w+", path)
    for step in way:
        body = body[int(step) if step.isdecimal() else step]
    del body[last]


ERRORS = [
    key for key in interactions() if "api.anthropic.com/v1/messages" in url_of(key) and status_of(key) >= 400
]

KINDS = {400: openai.BadRequestError, 404: openai.NotFoundError}


@each(ERRORS, "answer")
def test_an_error_is_openais(key):
    """Its class by the status, in Anthropic's words. Every endpoint has errors of this form."""
    error = json.loads(body_of(key))["error"]
    script = Scripted(answer_of(key, stream=False))
    with runtime.using(script), pytest.raises(KINDS[status_of(key)]) as caught:
        ChatCompletion.create(model="anthropic/claude-opus-4-6", messages=HELLO, retries=0)
    assert caught.value.type == error["type"]
    assert error["message"] in str(caught.value)


def test_an_effort_that_was_refused_is_not_sent():
    """What a recorded error says of the model is known here."""
    codec = Codec(model="claude-opus-4-6", reasoning_effort="xhigh")
    assert codec.out["output_config"] == {"effort": "high"}
