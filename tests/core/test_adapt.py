"""Adaptation: what is changed for which provider, what is told about it, what is refused."""

from __future__ import annotations

import copy
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import muxi_llm
from muxi_llm import AdaptationWarning, UnsupportedParameterError
from muxi_llm.core.adapt import adapt
from muxi_llm.core.body import body_of
from muxi_llm.core.request import Request
from muxi_llm.models import Adaptation
from muxi_llm.providers.anthropic import AnthropicProvider
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.transport.scripted import Answer
from muxi_llm.wire.base import Ledger, Profile
from tests.core import ask, candidate, claude_said, failed, provider_of, request_of, run, said
from tests.support.bodies import HELLO
from tests.support.length import long

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

TEXT = {"type": "text", "text": "look"}
IMAGE = {"type": "image_url", "image_url": {"url": "http://x/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
SOUND_URL = {"type": "audio_url", "audio_url": {"url": "http://x/a.mp3"}}
VIDEO = {"type": "video_url", "video_url": {"url": "http://x/a.mp4"}}
FILE = {"type": "file", "file": {"file_id": "f"}}
TOOL = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
JSON_WORDS = "Answer with one valid JSON object and nothing else: no prose, no code fence."


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def adapted(
    request: Request, profile: Profile | None = None, **attributes: Any
) -> tuple[dict[str, Any], list[Adaptation]]:
    """The body a provider with these attributes gets, and what was told."""
    ledger = Ledger("weak", strict=request.mode == "strict")
    body, _ = adapt(request, provider_of(**attributes), profile or Profile(), ledger)
    return dict(body), ledger.entries


def told(entries: list[Adaptation]) -> list[tuple[str, str, bool]]:
    return [(entry.param, entry.action, entry.loss) for entry in entries]


# ------------------------------------------------------------------------------------------- media

MEDIA = {
    "image_url": (IMAGE, "vision_support"),
    "input_audio": (SOUND, "audio_input_support"),
    "audio_url": (SOUND_URL, "audio_input_support"),
    "video_url": (VIDEO, "video_input_support"),
    "file": (FILE, "file_input_support"),
}


@pytest.mark.parametrize(("part", "flag"), MEDIA.values(), ids=MEDIA.keys())
def test_media_parts_by_flag(part, flag):
    """Without the flag that part is removed, and recorded at its place; the message stays. With it all stays."""
    request = request_of(messages=[*HELLO, *user(TEXT, part, TEXT)])
    body, entries = adapted(request)
    assert body["messages"] == [*HELLO, *user(TEXT, TEXT)]
    assert told(entries) == [("messages[1].content[1]", "dropped", True)]
    assert adapted(request, **{flag: True, "audio_url_support": True}) == (request.body, [])


def test_other_parts_stay():
    """A provider without vision still hears; unknown parts are not ours to remove."""
    custom = {"type": "refusal", "refusal": "no"}
    body, _ = adapted(request_of(messages=user(IMAGE, SOUND, custom, TEXT)), audio_input_support=True)
    assert body["messages"] == user(SOUND, custom, TEXT)


def test_places_are_the_callers():
    """With several kinds gone, each record points into the message as the caller wrote it."""
    _, entries = adapted(request_of(messages=user(IMAGE, TEXT, SOUND, IMAGE, VIDEO)))
    assert [entry.param for entry in entries] == [f"messages[0].content[{i}]" for i in (0, 2, 3, 4)]
    assert str(entries[1]) == "messages[0].content[2] dropped: weak takes no input_audio parts"


@pytest.mark.parametrize("parts", [[IMAGE], [IMAGE, IMAGE], [IMAGE, SOUND]], ids=len)
def test_a_message_left_empty_is_refused(driver, parts):
    """An empty request would be answered as if nothing had been asked."""
    raised, script = run(driver, request_of(messages=[*HELLO, *user(*parts)]))
    assert isinstance(raised, UnsupportedParameterError)
    assert isinstance(raised, openai.BadRequestError)
    assert raised.param == "messages[1].content"
    assert "messages[1].content would be empty: weak takes no image_url parts" in str(raised)
    assert script.calls == []


def test_an_empty_list_of_parts_is_not_our_doing():
    messages = [*user(IMAGE, TEXT), {"role": "assistant", "content": []}]
    assert adapted(request_of(messages=messages))[0]["messages"] == [*user(TEXT), messages[1]]


# --------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    ("messages", "instructed"),
    [
        (HELLO, [{"role": "system", "content": JSON_WORDS}, *HELLO]),
        (
            [{"role": "system", "content": "Be brief."}, *HELLO],
            [{"role": "system", "content": f"Be brief.\n\n{JSON_WORDS}"}, *HELLO],
        ),
        (
            [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, *HELLO],
            [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": JSON_WORDS}],
                },
                *HELLO,
            ],
        ),
        ([{"role": "system", "content": ""}, *HELLO], [{"role": "system", "content": JSON_WORDS}, *HELLO]),
        ([{"role": "system", "content": None}, *HELLO], [{"role": "system", "content": JSON_WORDS}, *HELLO]),
        (
            [{"role": "developer", "content": "x"}, *HELLO],
            [{"role": "system", "content": f"x\n\n{JSON_WORDS}"}, *HELLO],
        ),
        (
            [*HELLO, {"role": "system", "content": "x"}],
            [{"role": "system", "content": JSON_WORDS}, *HELLO, {"role": "system", "content": "x"}],
        ),
    ],
    ids=["none", "string", "list", "empty", "null", "developer", "later"],
)
def test_json_mode_by_instruction(messages, instructed):
    """Asked for in the system message, whatever that is like; `response_format` is not sent."""
    body, entries = adapted(request_of(messages=messages, response_format={"type": "json_object"}))
    assert body == {"messages": instructed}
    assert ("response_format", "changed", True) in told(entries)


def test_json_mode_where_it_exists():
    request = request_of(response_format={"type": "json_object"})
    assert adapted(request, json_mode_support=True) == (request.body, [])


def test_a_schema_where_there_is_json_mode_only():
    """JSON mode, and the schema in words."""
    body, entries = adapted(request_of(response_format=SCHEMA), json_mode_support=True)
    assert body["response_format"] == {"type": "json_object"}
    assert '{"type":"object"}' in body["messages"][0]["content"]
    assert told(entries) == [("response_format", "changed", True)]


def test_a_schema_where_there_is_nothing():
    body, entries = adapted(request_of(response_format=SCHEMA))
    assert "response_format" not in body
    assert body["messages"][0]["content"].endswith('{"type":"object"}')
    assert told(entries) == [("response_format", "changed", True)]


def test_a_schema_where_it_is_enforced():
    class Planet(BaseModel):
        name: str

    request = request_of(response_format=Planet)
    assert adapted(request, json_schema_support=True) == (request.body, [])


# ---------------------------------------------------------------------------------- roles and tools


def test_what_a_search_for_tools_has_found():
    """Is named where such parts are unknown, and stays text: no media to move."""
    found = {"type": "tool_reference", "tool_name": "look"}
    messages = [*HELLO, {"role": "tool", "tool_call_id": "c", "content": [found]}]
    body, told = adapted(request_of(messages=messages), tool_parts_support=True)
    assert body["messages"][1]["content"] == [{"type": "text", "text": "The tool look is available."}]
    assert body["messages"][0] == HELLO[0]
    assert [(entry.param, entry.loss) for entry in told] == [("messages", False)]
    taken = {"tool_parts_support": True, "tool_reference_support": True}
    assert adapted(request_of(messages=messages), **taken)[0]["messages"] == messages


def test_the_developer_role():
    """Sent as `system` where it is unknown; nothing is lost by that."""
    request = request_of(messages=[{"role": "developer", "content": "x"}, *HELLO])
    body, entries = adapted(request)
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert told(entries) == [("messages", "changed", False)]
    assert adapted(request, developer_message_support=True) == (request.body, [])


@pytest.mark.parametrize("role", ["system", "developer"])
def test_no_system_messages(role):
    """Their text is sent as the user's, wherever it stands."""
    messages = [{"role": role, "content": "x"}, *HELLO, {"role": role, "content": "y"}]
    body, entries = adapted(request_of(messages=messages), system_message_support=False)
    assert [m["role"] for m in body["messages"]] == ["user"] * 3
    assert ("messages", "changed", True) in told(entries)


def test_no_system_messages_and_no_json_mode():
    """The instruction we add ourselves must not be a system message either."""
    request = request_of(response_format={"type": "json_object"})
    body, _ = adapted(request, system_message_support=False)
    assert body == {"messages": [{"role": "user", "content": JSON_WORDS}, *HELLO]}


def test_no_system_messages_and_none_there():
    request = request_of()
    assert adapted(request, system_message_support=False) == (request.body, [])


@pytest.mark.parametrize("name", ["tools", "functions"])
def test_tools_cannot_be_faked(driver, name):
    """They are refused, not dropped."""
    raised, script = run(driver, request_of(**{name: [TOOL]}), on=[candidate(tools_support=False)])
    assert isinstance(raised, UnsupportedParameterError)
    assert (raised.param, str(raised)) == ("tools", "weak cannot call tools")
    assert (raised.provider, raised.model) == ("weak", "weak/model")
    assert script.calls == []


# --------------------------------------------------------------------------------------- extensions

EXTENSIONS = {
    "reasoning_content": "reasoning_replay_support",
    "reasoning": "reasoning_replay_support",
    "thinking_blocks": "thinking_blocks_support",
    "extra_content": "extra_content_support",
    "citations": "anthropic_blocks_support",
    "cache_control": "cache_control_support",
}


@pytest.mark.parametrize(("name", "flag"), EXTENSIONS.items())
def test_extensions_are_stripped_for_foreign_providers(name, flag):
    """Opaque state of one provider is a 400 at another; where it belongs it stays."""
    plain = {"role": "assistant", "content": "x"}
    request = request_of(messages=[{**plain, name: ["opaque"]}, *HELLO])
    body, entries = adapted(request)
    assert body["messages"] == [plain, *HELLO]
    assert told(entries) == [(f"messages[].{name}", "dropped", False)]
    assert adapted(request, **{flag: True, "audio_url_support": True}) == (request.body, [])


def test_opaque_state_of_tool_calls_is_stripped_as_well():
    """Gemini's signatures stand there."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    signed = {**call, "extra_content": {"google": {"thought_signature": "s"}}}
    request = request_of(messages=[*HELLO, {"role": "assistant", "tool_calls": [signed]}])
    body, entries = adapted(request)
    assert body["messages"][1] == {"role": "assistant", "tool_calls": [call]}
    assert told(entries) == [("messages[].extra_content", "dropped", False)]
    assert adapted(request, extra_content_support=True)[0] == request.body


def test_an_extension_without_content():
    """An assistant message of nothing but a tool call and its thinking."""
    message = {"role": "assistant", "thinking_blocks": [{}]}
    body, _ = adapted(request_of(messages=[*HELLO, message]))
    assert body["messages"][1] == {"role": "assistant"}


def test_cache_control_on_parts_and_tools():
    """It is taken off wherever it stands, and nothing else is."""
    marked = {"cache_control": {"type": "ephemeral"}}
    messages = [*user({**TEXT, **marked}, TEXT), {"role": "user", "content": "x"}]
    request = request_of(messages=messages, tools=[{**TOOL, **marked}, TOOL])
    body, entries = adapted(request)
    assert body == {"messages": [*user(TEXT, TEXT), messages[1]], "tools": [TOOL, TOOL]}
    assert told(entries) == [("messages[].cache_control", "dropped", False)]
    assert adapted(request, cache_control_support=True) == (request.body, [])


# ------------------------------------------------------------------------------------------- tables


def test_renames():
    body, entries = adapted(
        request_of(max_completion_tokens=9), renames={"max_completion_tokens": "max_tokens"}
    )
    assert body == {"messages": HELLO, "max_tokens": 9}
    assert entries == [Adaptation("max_completion_tokens", "renamed", "sent as max_tokens", loss=False)]


@pytest.mark.parametrize(("value", "loss"), [(0.5, True), (1, False), (1.0, False)])
def test_drops(value, loss):
    """A value that asks for what happens anyway is no loss."""
    body, entries = adapted(request_of(temperature=value), drops={"temperature": "unknown there"})
    assert body == {"messages": HELLO}
    assert entries == [Adaptation("temperature", "dropped", "unknown there", loss=loss)]


def test_several_drops_are_told_in_the_tables_order():
    """Not in that of a set, which changes from run to run."""
    drops = dict.fromkeys(["user", "seed", "logprobs", "store", "top_p"], "no")
    _, entries = adapted(request_of(**dict.fromkeys(reversed(drops), 0)), drops=drops)
    assert [entry.param for entry in entries] == list(drops)


def test_n_is_never_quietly_dropped():
    """Several answers are something else than one answer."""
    drops = {"n": "one answer a call"}
    with pytest.raises(UnsupportedParameterError, match="weak: n=2: one answer a call") as caught:
        adapted(request_of(n=2), drops=drops)
    assert caught.value.param == "n"
    assert adapted(request_of(n=1), drops=drops)[0] == {"messages": HELLO}


@pytest.mark.parametrize(
    ("given_", "records"),
    [
        ({"temperature": 0.2}, [("temperature", "changed", True)]),
        ({"temperature": 1}, []),
        ({}, [("temperature", "added", False)]),
    ],
    ids=["other", "same", "none"],
)
def test_forces(given_, records):
    """The only value taken: a change where another was asked for, told even where none was."""
    body, entries = adapted(request_of(**given_), forces={"temperature": 1})
    assert body == {"messages": HELLO, "temperature": 1}
    assert told(entries) == records


def test_the_model_familys_tables_come_first():
    """A reasoning model wants `max_completion_tokens`, its host calls that something else again."""
    profile = Profile(renames={"max_tokens": "max_completion_tokens"}, drops={"top_p": "reasoning"})
    body, entries = adapted(
        request_of(max_tokens=9, top_p=0.5), profile, renames={"max_completion_tokens": "limit"}
    )
    assert body == {"messages": HELLO, "limit": 9}
    assert told(entries) == [
        ("top_p", "dropped", True),
        ("max_tokens", "renamed", False),
        ("max_completion_tokens", "renamed", False),
    ]


def test_tables_apply_to_every_endpoint():
    body, needs = body_of("embedding", {"input": "x", "user": "u"})
    ledger = Ledger("weak")
    out, _ = adapt(
        Request("embedding", body, needs=needs), provider_of(drops={"user": "no"}), Profile(), ledger
    )
    assert (out, told(ledger.entries)) == ({"input": "x"}, [("user", "dropped", False)])


def fitted(profile: Profile, *, stream: bool = False, **params: Any) -> tuple[Any, list[Adaptation]]:
    """A request for an image as *profile* has it, from a provider whose other tables say otherwise."""
    ledger = Ledger("weak")
    request = Request("image", {"prompt": "x", **params}, stream=stream)
    provider = provider_of(renames={"n": "count"}, drops={"prompt": "no"}, streaming_support=True)
    return adapt(request, provider, profile, ledger), ledger.entries


def test_other_endpoints_have_tables_of_their_own():
    """Neither the provider's nor its habits, which are about chat."""
    profile = Profile(
        renames={"size": "image_size"},
        drops={"style": "no such"},
        forces={"response_format": "b64_json"},
        ranges={"output_compression": (10, 90), "n": (1, 4)},
    )
    (body, stream), entries = fitted(profile, n=2, size="1x1", style="vivid", output_compression=5)
    assert (body, stream) == (
        {"prompt": "x", "n": 2, "output_compression": 10, "response_format": "b64_json", "image_size": "1x1"},
        False,
    )
    assert told(entries) == [
        ("output_compression", "changed", True),
        ("style", "dropped", True),
        ("size", "renamed", False),
        ("response_format", "added", False),
    ]


def test_more_answers_than_there_are_is_refused():
    """Fewer would be no answer to that."""
    with pytest.raises(UnsupportedParameterError, match="n: weak gives 1 to 4 a call, not 5") as caught:
        fitted(Profile(ranges={"n": (1, 4)}), n=5)
    assert caught.value.param == "n"


@pytest.mark.parametrize("streams", [True, False])
def test_whether_other_endpoints_stream_is_the_models(streams):
    (body, stream), entries = fitted(Profile(streams=streams), stream=True, partial_images=2)
    assert stream is streams
    assert ("partial_images" in body) is streams
    assert [entry.param for entry in entries] == ([] if streams else ["stream"])


def test_quirks_are_found_by_endpoint_and_model():
    quirks = Profile(drops={"style": "no"})
    provider = provider_of(quirks={"image": {"dall-e": quirks}})
    assert provider.profile_at("image", "dall-e-3") is quirks
    assert provider.profile_at("image", "other") == provider.profile_at("rerank", "dall-e-3") == Profile()
    assert provider.profile_at("chat", "gpt-5") == provider.profile("gpt-5")


# -------------------------------------------------------------------------------------------- modes

LOSSES = {
    "messages[0].content[0]": {"messages": user(IMAGE, TEXT)},
    "response_format": {"response_format": {"type": "json_object"}},
    "top_p": {"top_p": 0.5},
}


@pytest.mark.parametrize(("param", "params"), LOSSES.items())
def test_strict_refuses_losses(driver, param, params):
    """Naming the parameter and the provider, before any I/O."""
    raised, script = run(driver, request_of(mode="strict", **params), on=[candidate(drops={"top_p": "no"})])
    assert isinstance(raised, UnsupportedParameterError)
    assert raised.param == param
    assert str(raised).startswith(f"weak: {param} ")
    assert script.calls == []


def test_strict_lets_harmless_changes_pass():
    """Renames, neutral values, roles: the answer will be the same."""
    messages = [
        {"role": "developer", "content": "x"},
        {"role": "assistant", "content": "x", "reasoning": "y"},
        *HELLO,
    ]
    request = request_of(mode="strict", messages=messages, max_completion_tokens=9, temperature=1)
    _, entries = adapted(request, renames={"max_completion_tokens": "m"}, drops={"temperature": "no"})
    assert len(entries) == 4
    assert not any(entry.loss for entry in entries)


@pytest.mark.parametrize("params", LOSSES.values(), ids=LOSSES.keys())
def test_passthrough_changes_nothing(params):
    """The provider is the judge."""
    request = request_of(mode="passthrough", stream=True, n=2, tools=[TOOL], **params)
    assert adapted(request, drops={"n": "no"}, tools_support=False) == (request.body, [])


@pytest.mark.usefixtures("keys")
def test_the_mode_of_a_call_and_of_the_configuration(driver):
    """`adapt=` wins over `muxi_llm.config.mode`."""
    params = {"model": "groq/llama", "logit_bias": {"1": 2}}
    muxi_llm.config.mode = "strict"
    raised, _ = ask(driver, **params)
    assert isinstance(raised, UnsupportedParameterError)
    value, script = ask(driver, said(), adapt="passthrough", **params)
    assert script.bodies[0]["logit_bias"] == {"1": 2}
    value, script = ask(driver, said(), adapt="adapt", **params)
    assert "logit_bias" not in script.bodies[0]
    assert [a.param for a in value.muxi.adaptations] == ["logit_bias"]


def test_the_providers_own_wire_goes_out_as_it_came():
    """Inbound in OpenAI's wire, and to a provider that speaks it itself."""
    body = {"messages": HELLO, "top_p": 0.5}
    request = Request("chat", body, verbatim=body)
    assert adapted(request, verbatim=True, drops={"top_p": "no"}) == (request.body, [])
    assert adapted(request, verbatim=False, drops={"top_p": "no"})[0] == {"messages": HELLO}


@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("keys")
def test_one_warning_names_every_loss(driver):
    """Harmless changes do not warn."""
    with pytest.warns(AdaptationWarning) as caught:
        ask(driver, said(), model="groq/llama", logit_bias={"1": 2}, logprobs=True)
    assert [str(w.message) for w in caught] == [
        "groq/llama: logprobs dropped: refused by this provider; logit_bias dropped: refused by this provider"
    ]
    ask(driver, said(), model="groq/llama", logprobs=False)


# -------------------------------------------------------------------- per attempt, from the original


@pytest.mark.usefixtures("keys")
def test_a_weak_fallback_never_weakens_the_primary(driver):
    """Each attempt is adapted from the caller's request."""
    messages = user(TEXT, IMAGE)
    value, script = ask(
        driver,
        failed(500),
        failed(500),
        claude_said("c"),
        messages=messages,
        seed=1,
        fallback_models=["deepseek/chat", "anthropic/claude-sonnet-4-5"],
    )
    assert [a.reason for a in value.muxi.attempts][-1] == "answered"
    first, second, third = script.bodies
    assert (first["messages"], first["seed"]) == (messages, 1)
    assert second["messages"] == [{"role": "user", "content": TEXT["text"]}]
    assert [block["type"] for block in third["messages"][0]["content"]] == ["text", "image"]
    assert [a.param for a in value.muxi.adaptations if a.loss] == ["seed"]


def test_retries_send_the_same(driver):
    """A second try does not adapt what the first one adapted."""
    request = request_of(messages=user(TEXT, IMAGE), response_format={"type": "json_object"})
    limited = Request("chat", request.body, needs=request.needs, limits=type(request.limits)(retries=1))
    value, script = run(driver, limited, failed(500), said())
    assert script.calls[0].body == script.calls[1].body
    assert [a.param for a in value.muxi.adaptations] == ["messages[0].content[1]", "response_format"]


FLAGS = [
    "vision_support",
    "audio_input_support",
    "json_mode_support",
    "system_message_support",
    "cache_control_support",
]
PARTS = st.sampled_from([TEXT, IMAGE, SOUND, VIDEO, {**TEXT, "cache_control": {"type": "ephemeral"}}])
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "developer", "user", "assistant"]),
            "content": st.none() | st.text(max_size=3) | st.lists(PARTS, max_size=3),
        },
        optional={"reasoning_content": st.just("hm"), "thinking_blocks": st.just([{"type": "thinking"}])},
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=long(200, 66), deadline=None)
@given(
    MESSAGES,
    st.sampled_from([None, {"type": "json_object"}, SCHEMA]),
    st.dictionaries(st.sampled_from(FLAGS), st.booleans()),
    st.sampled_from(["adapt", "strict", "passthrough"]),
)
def test_the_callers_objects_are_never_touched(messages, response_format, flags, mode):
    """Whatever is adapted, refused or sent: what the caller holds stays as it was."""
    given_ = {
        "messages": messages,
        "response_format": response_format,
        "tools": [{**TOOL, "cache_control": {}}],
    }
    before = copy.deepcopy(given_)
    forces = {"temperature": 1}
    try:
        body, _ = adapted(request_of(mode=mode, **given_), forces=forces, drops={"seed": "no"}, **flags)
    except UnsupportedParameterError as refused:
        assert refused.param  # noqa: PT017 - either way is fine
    else:
        assert len(body["messages"]) >= len(messages)
    assert given_ == before
    assert forces == {"temperature": 1}


def test_a_response_shows_its_adaptations(driver):
    """Loss is declared: on the response, in order."""
    request = request_of(messages=user(IMAGE, TEXT), top_p=0.5, max_tokens=3)
    value, _ = run(
        driver,
        request,
        Answer(json=said().json),
        on=[candidate(drops={"top_p": "no"}, renames={"max_tokens": "m"})],
    )
    assert told(list(value.muxi.adaptations)) == [
        ("messages[0].content[0]", "dropped", True),
        ("top_p", "dropped", True),
        ("max_tokens", "renamed", False),
    ]


def test_pitfall_49_images_in_a_tools_result_follow_in_a_user_message() -> None:
    """The chat form takes text alone there; several results stay together, their images come after them."""
    image = {"type": "image_url", "image_url": {"url": "https://a/b.png"}}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "d"}]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "see"}, image]},
        {"role": "tool", "tool_call_id": "d", "content": [image]},
        {"role": "user", "content": "well?"},
    ]
    body, needs = body_of("chat", {"messages": messages})
    ledger = Ledger("weak")
    adapted, _ = adapt(Request("chat", body, needs=needs), OpenAIProvider(api_key="k"), Profile(), ledger)
    assert [message["role"] for message in adapted["messages"]] == [
        "assistant",
        "tool",
        "tool",
        "user",
        "user",
    ]
    assert adapted["messages"][1]["content"] == [{"type": "text", "text": "see"}]
    assert adapted["messages"][2]["content"] == "The result is in the message that follows."
    assert adapted["messages"][3]["content"] == [image, image]
    assert [entry.action for entry in ledger.entries] == ["moved"]
    kept, _ = adapt(
        Request("chat", body, needs=needs), AnthropicProvider(api_key="k"), Profile(), Ledger("a")
    )
    assert kept is body
