"""Requests in Anthropic's form: messages and parameters, and that the vendor's own types agree."""

from __future__ import annotations

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from tests.support.anthropic import (
    CLAUDE,
    HELLO,
    OLD_CLAUDE,
    Codec,
    assistant,
    call,
    check,
    encode,
    result,
    system,
    text,
    tool,
    tool_use,
    turns,
    user,
)


def test_the_smallest_request():
    """One user message, and the one parameter Anthropic insists on."""
    assert encode(max_tokens=10) == {
        "model": CLAUDE,
        "max_tokens": 10,
        "messages": [{"role": "user", "content": [text("Hello")]}],
    }


def test_stream():
    """`stream` is said only when wanted."""
    assert encode(stream=True, max_tokens=1)["stream"] is True


# --------------------------------------------------------------------------------- system messages


@pytest.mark.parametrize("role", ["system", "developer"])
def test_pitfall_66_leading_instructions_are_the_system_text(role):
    """OpenAI's two roles for them are one field at Anthropic."""
    codec = Codec([system("Be brief.", role), *HELLO])
    assert codec.out["system"] == "Be brief."
    assert codec.out["messages"] == [{"role": "user", "content": [text("Hello")]}]


def test_fault_25_every_leading_system_message_counts():
    """The second one is not thrown away."""
    assert encode([system("a"), system("b", "developer"), *HELLO])["system"] == [text("a"), text("b")]


def test_pitfall_38_a_later_system_message_stays_where_it_is():
    """As user text, after the results that were due: the cached prefix before it does not change."""
    codec = Codec([user(), assistant(None, call()), system("Now in French."), result(), user("Go on")])
    assert "system" not in codec.out
    assert codec.out["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"},
        text("Now in French."),
        text("Go on"),
    ]
    assert codec.told["messages[2]"] == ("moved", False)


def test_a_system_message_alone_is_what_the_user_says():
    """OpenAI answers it; Anthropic wants a user."""
    codec = Codec([system("Tell a joke.")])
    assert codec.out["messages"] == [{"role": "user", "content": [text("Tell a joke.")]}]
    assert "system" not in codec.out
    assert codec.told["messages[0]"] == ("moved", False)


def test_an_assistant_may_speak_first():
    """As in a chat that begins with a greeting: a stand-in for the user comes before it."""
    codec = Codec([assistant("Welcome!"), user("Hi")])
    assert [turn["role"] for turn in codec.out["messages"]] == ["user", "assistant", "user"]
    assert codec.out["messages"][0]["content"][0]["text"].strip()
    assert codec.told["messages[0]"] == ("added", False)


# ----------------------------------------------------------------------------------- turns and text


def test_pitfall_42_turns_alternate():
    """Neighbours of one role become one message, in order."""
    said = [user("a"), user([text("b")]), assistant("c"), assistant("d"), user("e")]
    assert turns(*said) == [
        {"role": "user", "content": [text("a"), text("b")]},
        {"role": "assistant", "content": [text("c"), text("d")]},
        {"role": "user", "content": [text("e")]},
    ]


EMPTY = {"empty": "", "blank": " \n", "null": None, "no parts": [], "blank parts": [text(""), text(" ")]}


@pytest.mark.parametrize("content", EMPTY.values(), ids=EMPTY.keys())
class TestPitfall39Empty:
    """Empty text is a 400 there."""

    def test_user(self, content):
        """A user message with nothing in it cannot be meant."""
        with pytest.raises(InvalidRequestError, match=r"messages\[1\]\.content is empty") as caught:
            encode([*HELLO, user(content)])
        assert caught.value.param == "messages[1].content"

    @pytest.mark.parametrize("empty", [assistant, system])
    def test_others(self, content, empty):
        """Other messages with nothing in them are left out."""
        codec = Codec([user("a"), empty(content), user("b")])
        assert codec.out["messages"] == [{"role": "user", "content": [text("a"), text("b")]}]
        assert codec.told["messages[1]"] == ("dropped", False)

    def test_beside_calls(self, content):
        """Calls need no text beside them."""
        assert turns(user(), assistant(content, call()))[1]["content"] == [tool_use()]

    def test_result(self, content):
        """A tool may say nothing."""
        said = turns(user(), assistant(None, call()), result(content))
        assert said[2]["content"] == [{"type": "tool_result", "tool_use_id": "toolu_1"}]


def test_nothing_but_empty_messages():
    """There would be nothing to send."""
    with pytest.raises(InvalidRequestError, match="messages are all empty"):
        encode([assistant("")])


def test_a_prefill_must_not_end_in_white_space():
    """A trailing assistant message is continued; its end is cut as Anthropic wants it."""
    assert turns(user(), assistant("The answer is: \n"))[1]["content"] == [text("The answer is:")]


@pytest.mark.parametrize("field", ["name", "audio"])
def test_what_messages_have_no_room_for_is_told(field):
    """A participant's name changes what the model sees."""
    assert Codec([user("a", **{field: "x"})]).told[f"messages[0].{field}"] == ("dropped", True)


def test_pitfall_71_a_refusal_is_said_again():
    """A refusal of before stands in the text's place."""
    refused = [user(), assistant(None, refusal="I will not."), user("Why?")]
    assert turns(*refused)[1]["content"] == [text("I will not.")]
    assert turns(user(), assistant([{"type": "refusal", "refusal": "No."}]))[1]["content"] == [text("No.")]


BROKEN = {
    "call without a function": assistant(None, {"id": "a", "type": "function"}),
    "call that is a string": {"role": "assistant", "tool_calls": ["f"]},
    "image without a URL": user([{"type": "image_url"}]),
    "part without a type": user([{"text": "a"}]),
    "file that is no base64": user([{"type": "file", "file": {"file_data": "data:text/plain;base64,a"}}]),
}


@pytest.mark.parametrize("message", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_message_is_named(message):
    """The error says which message is at fault, before anything is sent."""
    with pytest.raises(InvalidRequestError, match=r"messages\[1\] is not a chat message") as caught:
        encode([*HELLO, message])
    assert caught.value.param == "messages[1]"


# ------------------------------------------------------------------------------------ calls, results


def test_fault_21_no_text_beside_a_call_is_no_text():
    """Not the word None."""
    said = turns(user(), assistant(None, call("f", {"a": 1})), result("2"))
    assert said[1:] == [
        {"role": "assistant", "content": [tool_use("f", {"a": 1})]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "2"}]},
    ]


def test_pitfall_41_results_of_a_turn_come_together_and_first():
    """In one user message, before any text, in the order they came."""
    calls = [call(call_id=name) for name in "abc"]
    said = [
        user(),
        assistant("x", *calls),
        result("1", "a"),
        user("wait"),
        result("2", "b"),
        result("3", "c"),
    ]
    blocks = turns(*said)[2]["content"]
    assert [block.get("tool_use_id", block.get("text")) for block in blocks] == ["a", "b", "c", "wait"]


@pytest.mark.parametrize("arguments", ["", "{}", None, {}], ids=repr)
def test_pitfall_68_no_arguments_are_an_empty_object(arguments):
    """However the call before said so."""
    said = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    assert turns(user(), assistant(None, said))[1]["content"] == [tool_use()]


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", "text", '"a"'])
def test_pitfall_68_arguments_that_are_no_object_are_kept_as_text(arguments):
    """Anthropic takes objects only; the text goes under a key of its own, and that is told."""
    codec = Codec([user(), assistant(None, call("f", arguments))])
    assert codec.out["messages"][1]["content"][0]["input"] == {"_raw_arguments": arguments}
    assert codec.told["messages[1].tool_calls[0].function.arguments"] == ("changed", True)


def test_a_custom_tools_call():
    """Free text is kept like arguments that are no object."""
    said = {"id": "toolu_1", "type": "custom", "custom": {"name": "f", "input": "ls -l"}}
    assert turns(user(), assistant(None, said))[1]["content"] == [tool_use("f", {"_raw_arguments": "ls -l"})]


IDS = {
    "pitfall_52 bad characters": "functions.f:0",
    "pitfall_53 too long": "c" * 65,
    "pitfall_53 as long as it may be": "c" * 64,
}


@pytest.mark.parametrize("call_id", IDS.values(), ids=IDS.keys())
def test_ids_are_made_safe(call_id):
    """The call and its result still match, and another id never becomes the same."""
    said = turns(
        user(), assistant(None, call(call_id=call_id), call(call_id=f"{call_id}x")), result("", call_id)
    )
    first, second = (block["id"] for block in said[1]["content"])
    assert first == said[2]["content"][0]["tool_use_id"] != second
    assert len(first) <= 64
    assert first.replace("_", "").replace("-", "").isalnum()
    assert (first == call_id) == (call_id == "c" * 64)


def test_calls_without_ids_are_matched_in_order():
    """Some local servers give none; the `function_call` form never has any."""
    asked = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    answered = {"role": "function", "name": "f", "content": "1"}
    said = turns(user(), asked, answered, asked, answered)
    assert [turn["content"][0].get("id") for turn in said] == [None, "muxi_call_1", None, "muxi_call_2", None]
    assert [turn["content"][0].get("tool_use_id") for turn in said[2::2]] == ["muxi_call_1", "muxi_call_2"]


def test_a_result_of_no_call():
    """Without an id, and with no call waiting for a result, it belongs nowhere."""
    with pytest.raises(InvalidRequestError, match=r"messages\[1\]\.tool_call_id is missing"):
        encode([*HELLO, {"role": "tool", "content": "x"}])


def test_pitfall_49_results_with_images():
    """Parts of a result are blocks inside it, not JSON text."""
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    said = turns(user(), assistant(None, call()), result([text("see"), picture]))
    assert said[2]["content"][0]["content"] == [
        text("see"),
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ]


def test_a_failed_tool():
    """Anthropic's `is_error` may be said on a tool message."""
    assert (
        turns(user(), assistant(None, call()), result("no", is_error=True))[2]["content"][0]["is_error"]
        is True
    )


# -------------------------------------------------------------------------------- thinking, replayed

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}
SIGNATURE_ONLY = {"type": "thinking", "thinking": "", "signature": "sig"}
REDACTED = {"type": "redacted_thinking", "data": "opaque"}


@pytest.mark.parametrize(
    "block", [THOUGHT, SIGNATURE_ONLY, REDACTED], ids=["pitfall_26", "pitfall_27", "pitfall_29"]
)
def test_thinking_comes_back_first_and_unchanged(block):
    """Before text and calls, signature-only and redacted blocks too."""
    said = turns(user(), assistant("x", call(), thinking_blocks=[block]), result())
    assert said[1]["content"] == [block, text("x"), tool_use()]


def test_a_kept_turn_is_sent_as_it_came():
    """But for empty text, which Anthropic gives and does not take."""
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    kept = [text(" "), search, text("found"), THOUGHT, text("")]
    state = {"anthropic": {"content": kept}}
    said = turns(user(), assistant("found", extra_content=state), user("more"))
    assert said[1]["content"] == [search, text("found"), THOUGHT]


# -------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 0}, 0),
    ],
)
def test_pitfall_76_the_limit_by_either_name(given, sent):
    """The newer name wins; zero is a limit (and warms a cache)."""
    assert encode(**given)["max_tokens"] == sent


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-opus-4-1", 32_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-5", 128_000),
        (OLD_CLAUDE, 4096),
    ],
)
def test_pitfall_61_without_a_limit_the_models_own(model, most):
    """Required there; never a small number of ours."""
    codec = Codec(model=model)
    assert codec.out["max_tokens"] == most
    assert codec.told["max_tokens"] == ("added", False)


def test_pitfall_62_temperature():
    """OpenAI's scale goes to 2, Anthropic's to 1."""
    assert encode(temperature=0.4)["temperature"] == 0.4
    codec = Codec(temperature=1.7)
    assert codec.out["temperature"] == 1
    assert codec.told["temperature"] == ("changed", True)


@pytest.mark.parametrize(
    ("given", "sent", "dropped"),
    [
        ({"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2}, {"top_p": ("dropped", True)}),
        ({"temperature": 0.2, "top_p": 1}, {"temperature": 0.2}, {"top_p": ("dropped", False)}),
        ({"temperature": 1, "top_p": 0.9}, {"top_p": 0.9}, {"temperature": ("dropped", False)}),
        ({"top_p": 0.9}, {"top_p": 0.9}, {}),
    ],
)
def test_one_sampling_parameter_is_enough(given, sent, dropped):
    """Claude 4.1 to 4.6 refuse both together; what asks for nothing goes first."""
    codec = Codec(max_tokens=1, **given)
    assert {name: codec.out[name] for name in ("temperature", "top_p") if name in codec.out} == sent
    assert codec.told == dropped


def test_both_sampling_parameters_where_both_are_taken():
    """The older models."""
    out = encode(model=OLD_CLAUDE, temperature=0.2, top_p=0.9)
    assert (out["temperature"], out["top_p"]) == (0.2, 0.9)


@pytest.mark.parametrize(
    ("stop", "sent", "told"),
    [
        ("a", ["a"], {}),
        (["a", "b"], ["a", "b"], {}),
        (["a", "\n", " "], ["a"], {"stop": ("dropped", True)}),
        ("\n", None, {"stop": ("dropped", True)}),
    ],
)
def test_pitfall_60b_stop_sequences(stop, sent, told):
    """White space alone is a 400 there."""
    codec = Codec(stop=stop, max_tokens=1)
    assert codec.out.get("stop_sequences") == sent
    assert codec.told == told


@pytest.mark.parametrize(
    "given",
    [
        {"user": "u"},
        {"safety_identifier": "u"},
        {"metadata": {"user_id": "u"}},
        {"user": "u", "metadata": {}},
    ],
)
def test_fault_20_who_is_asking(given):
    """Anthropic keeps an opaque id of the user."""
    codec = Codec(max_tokens=1, **given)
    assert codec.out["metadata"] == {"user_id": "u"}
    assert codec.told == {}


def test_metadata_of_other_kinds():
    """Is told to be lost, which changes no answer."""
    assert Codec(max_tokens=1, metadata={"b": "1", "a": "2"}).told == {"metadata": ("dropped", False)}


@pytest.mark.parametrize(
    ("tier", "sent", "told"),
    [
        ("auto", "auto", {}),
        ("default", "standard_only", {}),
        ("flex", None, {"service_tier": ("dropped", True)}),
    ],
)
def test_service_tier(tier, sent, told):
    """Two of OpenAI's tiers have a counterpart."""
    codec = Codec(max_tokens=1, service_tier=tier)
    assert codec.out.get("service_tier") == sent
    assert codec.told == told


def test_pitfall_63_several_answers_are_refused():
    """`n` cannot be faked by one call; one answer is what happens anyway."""
    with pytest.raises(UnsupportedParameterError, match="ask n times") as caught:
        encode(n=2)
    assert caught.value.param == "n"
    assert "n" not in encode(n=1)


NO_ROOM = {
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"1": 2},
    "seed": 1,
    "presence_penalty": 0.5,
    "frequency_penalty": 1,
}
NEUTRAL = {
    "logprobs": False,
    "logit_bias": {},
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "store": False,
    "n": 1,
}


@pytest.mark.parametrize("name", NO_ROOM)
def test_pitfall_64_what_anthropic_has_no_room_for(name):
    """Is left out and told; strict mode refuses."""
    assert Codec(max_tokens=1, **{name: NO_ROOM[name]}).told == {name: ("dropped", True)}
    with pytest.raises(UnsupportedParameterError, match=f"anthropic: {name} dropped"):
        Codec(max_tokens=1, strict=True, **{name: NO_ROOM[name]})


def test_pitfall_64_what_asks_for_nothing_is_no_loss():
    """Neutral values go without a word, hints for a cache without a loss."""
    assert Codec(max_tokens=1, strict=True, **NEUTRAL).told == {}
    hints = {"prompt_cache_key": "k", "prompt_cache_retention": "24h", "store": True}
    assert Codec(max_tokens=1, strict=True, **hints).told == dict.fromkeys(hints, ("dropped", False))


# ------------------------------------------------------------------------------------- cache control

CACHE = {"type": "ephemeral"}


def test_pitfall_72_cache_breakpoints_are_passed_on():
    """On parts, messages, results and tools; one on the system text keeps it a block."""
    said = [
        system([text("s", cache_control=CACHE)]),
        user("a", cache_control=CACHE),
        assistant(None, call()),
        result("r", cache_control=CACHE),
    ]
    out = encode(said, tools=[{**tool(), "cache_control": CACHE}])
    assert out["system"] == [text("s", cache_control=CACHE)]
    assert out["messages"][0]["content"] == [text("a", cache_control=CACHE)]
    assert out["messages"][2]["content"][0]["cache_control"] == CACHE
    assert out["tools"][0]["cache_control"] == CACHE
    check(out)


def test_pitfall_72_four_breakpoints_at_most():
    """Of more, the last ones are kept: the longest prefixes."""
    said = [user([text(str(n), cache_control=CACHE) for n in range(4)])]
    codec = Codec(said, tools=[{**tool(), "cache_control": CACHE}])
    assert "cache_control" not in codec.out["tools"][0]
    assert [block["cache_control"] for block in codec.out["messages"][0]["content"]] == [CACHE] * 4
    assert codec.told["cache_control"] == ("dropped", False)
    assert said[0]["content"][0] == text("0", cache_control=CACHE)


def test_thinking_carries_no_breakpoint():
    """Anthropic refuses one there."""
    said = turns(user(), assistant(None, thinking_blocks=[THOUGHT], cache_control=CACHE), user())
    assert said[1]["content"] == [THOUGHT]
    assert turns(user(), assistant("a", cache_control=CACHE))[1]["content"] == [
        text("a", cache_control=CACHE)
    ]
