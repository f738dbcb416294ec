"""What other models' answers leave with an Anthropic client: shown, given back to them, kept from Anthropic."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.wire.anthropic.foreign import citation_of, holds_foreign
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.state import STAMP, seal
from tests.support.anthropic import Codec, call, check, result, text, tool_use
from tests.support.anthropic import assistant as said_in_chat
from tests.support.anthropic import user as asked_in_chat
from tests.support.anthropic_inbound import Client, answer, assistant, message, messages, signed, user
from tests.support.bodies import CALL, chat

STATE = {STAMP: {"giver": "acme"}}
DETAILS = [{"type": "reasoning.text", "text": "hm", "index": 0}, {"type": "reasoning.encrypted", "data": "x"}]
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}
WEB = {
    "type": "url_citation",
    "url_citation": {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 5},
}


def back(blocks: Any) -> dict[str, Any]:
    """The chat form of an answer's blocks, sent back by the client."""
    sent = messages(user(), assistant(*blocks), user([answer(call_id=CALL["id"])]))
    return sent[1]


@pytest.mark.parametrize("streamed", [False, True])
def test_state_goes_to_the_client_and_comes_back(streamed: bool) -> None:
    """Sealed in a block that clients know to send back; the thinking that may be read is read."""
    fields = {"reasoning_content": "hm", "reasoning_details": DETAILS, "extra_content": STATE}
    if streamed:
        got = message(
            {"role": "assistant", "reasoning_content": "hm"},
            {"reasoning_details": DETAILS[:1], "extra_content": STATE},
            {"reasoning_details": DETAILS[1:], "tool_calls": [{"index": 0, **SIGNED}]},
        )
    else:
        got = Client().answered(chat(None, finish="tool_calls", tool_calls=[SIGNED], **fields))
    kinds = sorted(block["type"] for block in got["content"])
    assert kinds == ["redacted_thinking", "thinking", "tool_use"]
    returned = back(got["content"])
    assert {name: returned[name] for name in fields} == fields
    assert returned["tool_calls"] == [SIGNED]


def test_an_answer_without_state_has_no_seal() -> None:
    got = Client().answered(chat("Hi", reasoning_content="hm"))
    assert [block["type"] for block in got["content"]] == ["thinking", "text"]
    assert back(got["content"])["reasoning_content"] == "hm"


def test_claudes_own_state_is_not_sealed() -> None:
    """It stands in blocks of its own."""
    kept = [text("a"), tool_use("f", {}, "toolu_1"), text("b")]
    got = Client().answered(chat("ab", extra_content={"anthropic": {"content": kept}}))
    assert got["content"] == kept


def test_web_citations_are_told_and_given_back_to_nobody() -> None:
    """As Anthropic's own, but for the index that only it has: with an empty one it answers 400."""
    got = Client().answered(chat("Grass is green", annotations=[WEB]))
    (cited,) = got["content"][0]["citations"]
    assert cited["url"] == "https://a.test"
    assert cited["cited_text"] == "Grass"
    own = {**cited, "encrypted_index": "x"}
    assert messages(user(), assistant(*got["content"]), user())[1] == said_in_chat("Grass is green")
    both = {**got["content"][0], "citations": [cited, own]}
    turn = messages(user(), assistant(both), user())[1]
    assert turn["extra_content"]["anthropic"]["content"][0]["citations"] == [own]
    assert citation_of({"type": "other"}, "Hi") is None


@pytest.mark.parametrize("name", ["images", "audio"])
def test_pictures_and_sound_are_told(name: str) -> None:
    """Anthropic's messages have no room for what a model makes of them."""
    made = {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}],
            "audio": {"id": "a", "data": "aGk=", "expires_at": 1, "transcript": "hi"}}  # fmt: skip
    client = Client()
    client.answered(chat("Hi", **{name: made[name]}))
    assert client.told == {f"choices[0].message.{name}": ("dropped", True)}
    client = Client()
    client.streamed({"role": "assistant", "content": "Hi", name: made[name]}, {name: made[name]})
    assert client.told == {f"choices[0].message.{name}": ("dropped", True)}


# ------------------------------------------------------------------------------------- Anthropic itself


def own(*turns: Any, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, bool]]]:
    """A client's body for Anthropic itself, and what was told."""
    ledger = Ledger("anthropic")
    raw = {"model": "claude", "messages": list(turns), **fields}
    body = AnthropicInbound(ledger).own_body(raw, ledger)
    assert (body is raw) is not holds_foreign(raw["messages"])
    return body, [(entry.param, entry.loss) for entry in ledger.entries]


FOREIGN = [
    signed("hm", ""),
    {"type": "thinking", "thinking": "hm"},
    {"type": "redacted_thinking", "data": seal({"extra_content": STATE})},
]


@pytest.mark.parametrize("block", FOREIGN, ids=["unsigned", "without", "sealed"])
def test_anthropic_itself_gets_no_thinking_of_others(block: Any) -> None:
    """An empty signature is a 400 there; a turn of nothing else goes with it."""
    body, told = own(user(), assistant(block, text("a")), user())
    assert body["messages"] == [user(), assistant(text("a")), user()]
    assert told == [("messages", False)]
    assert own(user(), assistant(block), user())[0]["messages"] == [user(), user()]


def test_what_is_anthropics_stays_the_very_same() -> None:
    turns = [user(), assistant(signed(), {"type": "redacted_thinking", "data": "opaque"}, text("a")), user()]
    assert own(*turns) == ({"model": "claude", "messages": turns}, [])
    odd = ["x", {"role": "assistant", "content": "a"}, {"role": "assistant", "content": [3]}]
    assert own(*odd)[0]["messages"] == odd
    raw = {"messages": "x"}
    assert AnthropicInbound(Ledger("anthropic")).own_body(raw, Ledger("anthropic")) is raw


def test_no_budget_of_thinking_after_a_call_without_any() -> None:
    """Anthropic wants the last calls' thinking, which another model did."""
    called = assistant(signed("hm", ""), tool_use("f", {}, "toolu_1"))
    results = user([answer()])
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body, told = own(user(), called, results, thinking=thinking)
    assert "thinking" not in body
    assert told == [("messages", False), ("thinking", True)]
    for kept in ({"type": "adaptive"}, {"type": "disabled"}):
        assert own(user(), called, results, thinking=kept)[0]["thinking"] == kept
    later = [user(), called, results, assistant(signed(), tool_use("f", {}, "toolu_1")), results]
    assert own(*later, thinking=thinking)[0]["thinking"] == thinking
    assert own(user(), assistant(signed("a", "")), user(), thinking=thinking)[0]["thinking"] == thinking


# --------------------------------------------------------------------------------- the outbound half


def test_unsigned_thinking_is_not_sent() -> None:
    """Not by the chat face either; what is signed or sealed by Anthropic is."""
    kept = [signed(), {"type": "redacted_thinking", "data": "opaque"}]
    turn = {**said_in_chat("a"), "thinking_blocks": [signed("hm", ""), *kept]}
    codec = Codec([asked_in_chat(), turn, asked_in_chat()])
    assert codec.out["messages"][1]["content"] == [*kept, text("a")]
    assert codec.told["messages[1].thinking_blocks"] == ("dropped", False)


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", "claude-opus-4-8", "claude-sonnet-5"])
def test_newer_models_go_on_from_no_answer_begun(model: str) -> None:
    """They answer 400 to one; it is asked for in words, and told as a loss."""
    codec = Codec([asked_in_chat(), said_in_chat("1, 2, ")], model=model)
    check(codec.out)
    assert [turn["role"] for turn in codec.out["messages"]] == ["user", "assistant", "user"]
    assert codec.told["messages"] == ("added", True)
    older = Codec([asked_in_chat(), said_in_chat("1, 2, ")])
    assert older.out["messages"][-1] == {"role": "assistant", "content": [text("1, 2,")]}
    ended = Codec([asked_in_chat(), said_in_chat(None, call())], model="claude-sonnet-4-5")
    assert ended.out["messages"][-1]["content"][0]["type"] == "tool_use"


def test_betas_of_a_client_are_a_header() -> None:
    body: dict[str, Any] = {}
    AnthropicInbound(Ledger("x")).hear({"anthropic-beta": "a-1, b-2,"}, body)
    assert body == {"anthropic_beta": ["a-1", "b-2"]}
    codec = Codec([asked_in_chat()], **body)
    assert codec.wire.headers == {"anthropic-beta": "a-1,b-2"}
    assert "anthropic_beta" not in codec.out
    AnthropicInbound(Ledger("x")).hear({}, body := {})
    assert body == {}


def test_top_k_is_a_parameter_like_any() -> None:
    assert Client(top_k=5).body["top_k"] == 5
    assert Codec([asked_in_chat()], top_k=5).out["top_k"] == 5


def test_the_billing_line_is_for_anthropic() -> None:
    """It changes with each request, and would spoil every cache of what stands behind it."""
    line = text("x-anthropic-billing-header: cc_version=2; cch=1;")
    client = Client(system=[line, text("You are")])
    assert client.body["messages"][0] == {"role": "system", "content": "You are"}
    assert client.told == {"system": ("dropped", False)}
    assert Client(system=[line]).body["messages"][0]["role"] == "user"


def test_results_keep_their_places() -> None:
    """A conversation of this kind is one for the outbound half, too."""
    turns = [asked_in_chat(), {**said_in_chat(None, call()), "reasoning_content": "hm"}, result()]
    check(Codec(turns, tools=[]).out)
