"""Converse, ours → theirs: messages, parts and parameters. Every body is checked by AWS's own model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from tests.support.anthropic import assistant, call, result, system, text, tool, user
from tests.support.aws import CLAUDE, LLAMA, NOVA, OLD_CLAUDE, Codec, redacted, thought, turns, use

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}
PNG = "data:image/png;base64,aGk="
EPHEMERAL = {"cache_control": {"type": "ephemeral"}}
POINT = {"cachePoint": {"type": "default"}}


def said(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def image(url: str = PNG, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def file(data: str = "data:application/pdf;base64,aGk=", **fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": data, **fields}}


def part_on_the_wire(part: dict[str, Any]) -> Any:
    (turn,) = turns(user([text("see"), part]))
    return turn["content"][1]


# ---------------------------------------------------------------------------------------- messages


def test_pitfall_61_a_plain_request():
    """Nothing that was not asked for is sent: Bedrock's own default is the most the model can say."""
    assert Codec().out == {"messages": [said({"text": "Hello"})]}


@pytest.mark.parametrize("role", ["system", "developer"])
def test_pitfall_66_leading_instructions_are_the_system_text(role):
    codec = Codec([system("a", role), system([text("b")]), user("c")])
    assert codec.out == {"system": [{"text": "a"}, {"text": "b"}], "messages": [said({"text": "c"})]}


def test_pitfall_38_a_later_system_message_stays_where_it_is():
    """Behind the results that wait, so that nothing cached before it changes."""
    codec = Codec([user(), assistant(None, call()), result(), system("later")], tools=[tool()])
    assert codec.out["messages"][2]["content"][-1] == {"text": "later"}
    assert codec.told == {"messages[3]": ("moved", False)}


def test_nothing_but_system_text():
    codec = Codec([system("a")])
    assert codec.out == {"messages": [said({"text": "a"})]}
    assert codec.told == {"messages[0]": ("moved", False)}


def test_a_conversation_begins_with_a_user():
    codec = Codec([assistant("Hi"), user("x")])
    assert codec.out["messages"][0] == said({"text": "(The conversation begins.)"})
    assert codec.told == {"messages[0]": ("added", False)}


def test_an_answer_begun_does_not_end_in_white_space():
    assert turns(user(), assistant("So \n"))[1]["content"] == [{"text": "So"}]


def test_pitfall_42_turns_alternate():
    assert turns(user("a"), user("b"), assistant("c"), assistant("d"), user("e")) == [
        said({"text": "a"}, {"text": "b"}),
        {"role": "assistant", "content": [{"text": "c"}, {"text": "d"}]},
        said({"text": "e"}),
    ]


def test_pitfall_39_blank_text_is_left_out():
    """And so is a message that holds nothing else, unless it is the user's."""
    codec = Codec([system(" "), user([text(""), text("x")]), assistant("  "), user("y")])
    assert codec.out == {"messages": [said({"text": "x"}, {"text": "y"})]}
    assert codec.told == {"messages[0]": ("dropped", False), "messages[2]": ("dropped", False)}


@pytest.mark.parametrize("messages", [[user(" ")], [user([])], [system(" ")]])
def test_nothing_said(messages):
    with pytest.raises(InvalidRequestError, match="empty"):
        Codec(messages)


@pytest.mark.parametrize("message", [{"role": "user", "content": [{"text": "no type"}]}, {"content": "x"}])
def test_no_message_at_all(message):
    with pytest.raises(InvalidRequestError, match=r"messages\[1\] is not a chat message"):
        Codec([user(), message])


def test_names_and_audio_are_told():
    codec = Codec([user(name="Ada"), assistant("x", audio={"id": "a"}), user()])
    assert codec.told == {"messages[0].name": ("dropped", True), "messages[1].audio": ("dropped", True)}


def test_pitfall_71_a_refusal_is_said_again():
    assert turns(user(), assistant(refusal="No."), user())[1]["content"] == [{"text": "No."}]


# ------------------------------------------------------------------------------- calls and results


def test_pitfall_41_results_of_a_turn_come_together_and_first():
    """Whatever stands between them, each behind the one before."""
    messages = [
        user(),
        assistant(None, call("f", {"a": 1}, "c1"), call("g", "", "c2")),
        result("one", "c1"),
        user("by the way"),
        result([text("two")], "c2"),
    ]
    assert turns(*messages, tools=[tool("f"), tool("g")])[1:] == [
        {"role": "assistant", "content": [use("f", {"a": 1}, "c1"), use("g", {}, "c2")]},
        said(
            {"toolResult": {"toolUseId": "c1", "content": [{"text": "one"}]}},
            {"toolResult": {"toolUseId": "c2", "content": [{"text": "two"}]}},
            {"text": "by the way"},
        ),
    ]


def test_pitfall_68_arguments_that_are_no_object_are_kept_as_text():
    codec = Codec([user(), assistant(None, call("f", "no json")), result()], tools=[tool()])
    assert codec.out["messages"][1]["content"][0]["toolUse"]["input"] == {"_raw_arguments": "no json"}
    assert codec.told == {"messages[1].tool_calls[0].function.arguments": ("changed", True)}


def test_arguments_that_are_an_object_already():
    made = {"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}
    assert turns(user(), assistant(None, made), result("r", "c"), tools=[tool()])[1]["content"] == [
        use("f", {"a": 1}, "c")
    ]


@pytest.mark.parametrize("call_id", ["functions.f:0", "x" * 99, "é"], ids=["52 letters", "53 length", "é"])
def test_pitfall_52_53_54_ids_and_names_fit(call_id):
    """The same way each time, so that result and call still match."""
    name = "mcp.server/" + "t" * 70
    codec = Codec(
        [user(), assistant(None, call(name, {}, call_id)), result("r", call_id)], tools=[tool(name)]
    )
    used = codec.out["messages"][1]["content"][0]["toolUse"]
    assert used["toolUseId"] == codec.out["messages"][2]["content"][0]["toolResult"]["toolUseId"]
    assert used["name"] == codec.out["toolConfig"]["tools"][0]["toolSpec"]["name"]


def test_pitfall_70_calls_without_ids_are_answered_in_order():
    """OpenAI's oldest form."""
    messages = [
        user(),
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "ok"},
    ]
    codec = Codec(messages, functions=[{"name": "f"}], function_call="auto")
    assert codec.out["messages"][1]["content"] == [use("f", {}, "muxi_call_1")]
    assert codec.out["messages"][2]["content"][0]["toolResult"]["toolUseId"] == "muxi_call_1"
    with pytest.raises(InvalidRequestError, match="tool_call_id is missing"):
        Codec([user(), {"role": "tool", "content": "x"}])


@pytest.mark.parametrize(
    ("given", "status"), [({"is_error": True}, "error"), ({"is_error": False}, "success")]
)
def test_a_result_may_be_an_error(given, status):
    codec = Codec([user(), assistant(None, call()), result("", **given)], tools=[tool()])
    (block,) = codec.out["messages"][2]["content"]
    content = [{"text": "(no output)"}]
    assert codec.told == {"messages[2].content": ("added", False)}
    assert block["toolResult"] == {"toolUseId": "toolu_1", "content": content, "status": status}


def test_pitfall_49_media_in_a_result():
    (block,) = turns(user(), assistant(None, call()), result([image()]), tools=[tool()])[2]["content"]
    assert block["toolResult"]["content"] == [{"image": {"format": "png", "source": {"bytes": "aGk="}}}]


# ---------------------------------------------------------------------------------------- thinking


def test_pitfall_26_27_29_thinking_goes_back_verbatim_and_first():
    """Signed, signed without a word, secret; what nobody signed stays here."""
    thoughts = [
        THOUGHT,
        {**THOUGHT, "thinking": ""},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
    ]
    sent = turns(user(), assistant("so", call(), thinking_blocks=thoughts), result(), tools=[tool()])
    assert sent[1]["content"] == [
        thought("hm"),
        thought(""),
        redacted(),
        {"text": "so"},
        use("f", {}, "toolu_1"),
    ]


def test_pitfall_28_signed_thinking_means_nothing_to_other_vendors():
    codec = Codec([user(), assistant("so", thinking_blocks=[THOUGHT]), user()], model=NOVA)
    assert codec.out["messages"][1]["content"] == [{"text": "so"}]
    assert codec.told == {"messages[1].thinking_blocks": ("dropped", False)}


def test_a_turn_kept_whole_goes_back_whole():
    """What an answer left in `extra_content`; the mark that replies put on calls is none of requests."""
    kept = [{"text": " "}, use(call_id="c", type="tool_use"), {"text": "then"}]
    sent = turns(
        user(), assistant("x", extra_content={"bedrock": {"content": kept}}), result("r", "c"), tools=[tool()]
    )
    assert sent[1]["content"] == [use(call_id="c"), {"text": "then"}]


# ----------------------------------------------------------------------------------------- caching


def test_pitfall_72_cache_marks_become_points_behind_what_they_mark():
    """On parts, messages, tools and results; `ttl` kept. Four of them, the last ones."""
    codec = Codec(
        [
            system([text("s", **EPHEMERAL)]),
            user([text("a", cache_control={"type": "ephemeral", "ttl": "1h"}), text("b")]),
            assistant("c", call(), **EPHEMERAL),
            result([text("r", **EPHEMERAL)], **EPHEMERAL),
        ],
        tools=[tool() | EPHEMERAL],
    )
    assert codec.told == {"cache_control": ("dropped", False)}
    assert [list(item) for item in codec.out["toolConfig"]["tools"]] == [["toolSpec"]]
    assert codec.out["system"] == [{"text": "s"}, POINT]
    asked, answered, results = (turn["content"] for turn in codec.out["messages"])
    assert asked == [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "b"}]
    assert answered == [{"text": "c"}, use("f", {}, "toolu_1"), POINT]
    assert results == [{"toolResult": {"toolUseId": "toolu_1", "content": [{"text": "r"}]}}, POINT]


def test_cache_marks_without_tools():
    marked = [user([text(str(index), **EPHEMERAL)]) for index in range(5)]
    (turn,) = turns(*marked)
    assert [next(iter(block)) for block in turn["content"]] == ["text"] + 4 * ["text", "cachePoint"]


def test_thinking_alone_takes_no_cache_point():
    sent = turns(user(), assistant(None, thinking_blocks=[THOUGHT], **EPHEMERAL), user())
    assert sent[1]["content"] == [thought("hm")]


def test_novas_cache():
    """Outside of the tools alone, and for one time alone."""
    hour = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    codec = Codec([user([text("a", **hour)])], tools=[tool() | EPHEMERAL], model="us.amazon.nova-lite-v1:0")
    assert codec.out["messages"][0]["content"] == [{"text": "a"}, POINT]
    assert len(codec.out["toolConfig"]["tools"]) == 1
    assert codec.told == {"cache_control": ("dropped", False), "cache_control.ttl": ("dropped", False)}


@pytest.mark.parametrize(
    "model", [LLAMA, NOVA, "mistral.mistral-large-2407-v1:0", "amazon.titan-text-express-v1"]
)
def test_models_without_a_cache(model):
    """A point there is a 400."""
    codec = Codec([user([text("a", **EPHEMERAL)])], model=model)
    assert codec.out == {"messages": [said({"text": "a"})]}
    assert codec.told == {"cache_control": ("dropped", False)}


# ------------------------------------------------------------------------------------------- media

S3 = {"s3Location": {"uri": "s3://bucket/a.JPG"}}
SOURCE = {"bytes": "aGk="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "aGk="}
PLAIN = {"type": "text", "data": "hi", "media_type": "text/plain"}
BLOCKS = {"type": "content", "content": [text("h"), text("i")]}
CITED = {"citations": {"enabled": True}}
MEDIA: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "image": (image(), {"image": {"format": "png", "source": SOURCE}}),
    "image, misnamed": (
        image("data:image/jpg;base64,aGk="),
        {"image": {"format": "jpeg", "source": SOURCE}},
    ),
    "image, as a string": (
        {"type": "image_url", "image_url": PNG},
        {"image": {"format": "png", "source": SOURCE}},
    ),
    "image, in S3": (image("s3://bucket/a.JPG"), {"image": {"format": "jpeg", "source": S3}}),
    "image, as a file": (file(PNG), {"image": {"format": "png", "source": SOURCE}}),
    "image, Anthropic's": (
        {"type": "image", "source": {**PDF, "media_type": "image/webp"}},
        {"image": {"format": "webp", "source": SOURCE}},
    ),
    "video": (
        {"type": "video_url", "video_url": {"url": "data:video/quicktime;base64,aGk="}},
        {"video": {"format": "mov", "source": SOURCE}},
    ),
    "audio": (
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
        {"audio": {"format": "mp3", "source": SOURCE}},
    ),
    "document": (
        file(filename="The  report (v1.2)_é.pdf"),
        {"document": {"format": "pdf", "source": SOURCE, "name": "The report (v1-2)--"}},
    ),
    "document, bare base64": (
        file("aGk="),
        {"document": {"format": "pdf", "source": SOURCE, "name": "document"}},
    ),
    "pitfall_48 document, text": (
        file("data:text/plain,hi", filename="a.txt"),
        {"document": {"format": "txt", "source": SOURCE, "name": "a"}},
    ),
    "pitfall_48 document, CSV": (
        file("data:text/csv;base64,aGk="),
        {"document": {"format": "csv", "source": SOURCE, "name": "document"}},
    ),
    "document, other text": (
        file("data:text/x-python;base64,aGk="),
        {"document": {"format": "txt", "source": SOURCE, "name": "document"}},
    ),
    "document, Anthropic's": (
        {"type": "document", "source": PDF, "title": "T", **CITED},
        {"document": {"format": "pdf", "source": SOURCE, "name": "T", **CITED}},
    ),
    "document, Anthropic's text": (
        {"type": "document", "source": PLAIN, "context": "c"},
        {"document": {"format": "txt", "source": SOURCE, "name": "document", "context": "c"}},
    ),
    "document, Anthropic's text, cited": (
        {"type": "document", "source": PLAIN, **CITED},
        {"document": {"format": "txt", "source": {"text": "hi"}, "name": "document", **CITED}},
    ),
    "document, Anthropic's blocks": (
        {"type": "document", "source": BLOCKS},
        {"document": {"format": "txt", "source": SOURCE, "name": "document"}},
    ),
    "document, Anthropic's blocks, cited": (
        {"type": "document", "source": BLOCKS, **CITED},
        {"document": {"source": {"content": [{"text": "h"}, {"text": "i"}]}, "name": "document", **CITED}},
    ),
    "search result, Anthropic's": (
        {"type": "search_result", "source": "https://x.example", "title": "T", "content": [text("hi")]},
        {"searchResult": {"source": "https://x.example", "title": "T", "content": [{"text": "hi"}]}},
    ),
}


@pytest.mark.parametrize(("part", "block"), MEDIA.values(), ids=MEDIA)
def test_media(part, block):
    assert part_on_the_wire(part) == block


UNFIT = {
    "URL": (image("https://example.com/a.png"), InvalidRequestError, "data: or an s3: URL"),
    "format": (
        image("data:image/tiff;base64,aGk="),
        UnsupportedParameterError,
        "png, jpeg, gif, webp, not image/tiff",
    ),
    "kept file": ({"type": "file", "file": {"file_id": "f"}}, UnsupportedParameterError, "keeps no files"),
    "archive": (file("data:application/zip;base64,aGk="), UnsupportedParameterError, "not application/zip"),
    "Anthropic's URL": (
        {"type": "image", "source": {"type": "url", "url": "x"}},
        UnsupportedParameterError,
        "not 'url'",
    ),
    "Anthropic's container": ({"type": "container_upload"}, UnsupportedParameterError, "no counterpart"),
}


@pytest.mark.parametrize(("part", "error", "why"), UNFIT.values(), ids=UNFIT)
def test_media_that_do_not_fit(part, error, why):
    with pytest.raises(error, match=why):
        part_on_the_wire(part)


def test_pitfall_47_detail_is_told_only_where_it_was_given():
    codec = Codec([user([text("x"), image(detail="high"), image(detail="auto"), image()])])
    assert codec.told == {"messages[0].content[1].image_url.detail": ("dropped", False)}


def test_names_of_documents_differ():
    """And text stands beside them: both are Bedrock's rules."""
    codec = Codec([user([file(filename="a.pdf"), file(filename="a.txt"), file()])])
    *documents, stand_in = codec.out["messages"][0]["content"]
    assert [block["document"]["name"] for block in documents] == ["a", "a (2)", "document"]
    assert stand_in == {"text": "(See the document.)"}
    assert codec.told == {"messages": ("added", False)}


@pytest.mark.parametrize(
    ("name", "loss"),
    [("a-b.pdf", None), ("a.b_c.pdf", False), ("Ä.pdf", True), ("报告.pdf", True), ("a" * 300, True)],
)
def test_a_name_that_is_changed_is_told(name, loss):
    """Where letters are gone, the model does not know it."""
    codec = Codec([user([text("x"), file(filename=name)])])
    told = {} if loss is None else {"messages[0].content[1].file.filename": ("changed", loss)}
    assert codec.told == told


# -------------------------------------------------------------------------------------- parameters


def test_pitfall_76_inference():
    codec = Codec(max_completion_tokens=5, temperature=0.5, stop="x", top_p=None, stream=True)
    assert codec.out["inferenceConfig"] == {"maxTokens": 5, "temperature": 0.5, "stopSequences": ["x"]}
    assert codec.told == {}


@pytest.mark.parametrize(("given", "left"), [((1, 0.5), {"topP": 0.5}), ((0.5, 0.9), {"temperature": 0.5})])
def test_pitfall_62_one_sampler_and_its_maximum(given, left):
    codec = Codec(temperature=given[0], top_p=given[1])
    assert codec.out["inferenceConfig"] == left
    hot = Codec(temperature=1.5, model=NOVA)
    assert hot.out["inferenceConfig"] == {"temperature": 1}
    assert hot.told == {"temperature": ("changed", True)}


@pytest.mark.parametrize(("model", "sent"), [(CLAUDE, ["a"]), (LLAMA, ["\n", "a"])])
def test_pitfall_60b_stop_sequences_of_white_space(model, sent):
    """Claude refuses them, others want them."""
    codec = Codec(stop=["\n", "a"], model=model)
    assert codec.out["inferenceConfig"] == {"stopSequences": sent}
    assert ("stop" in codec.told) is (model == CLAUDE)


def test_pitfall_63_64_what_converse_has_no_room_for():
    codec = Codec(seed=1, frequency_penalty=0.5, presence_penalty=0, logprobs=True, user="u", n=1)
    assert list(codec.out) == ["messages"]
    assert codec.told == {
        "seed": ("dropped", True),
        "frequency_penalty": ("dropped", True),
        "logprobs": ("dropped", True),
        "user": ("dropped", False),
    }
    with pytest.raises(UnsupportedParameterError, match="ask n times"):
        Codec(n=2)
    with pytest.raises(UnsupportedParameterError, match="seed"):
        Codec(seed=1, strict=True)


@pytest.mark.parametrize(("tier", "sent"), [("flex", {"type": "flex"}), ("auto", None), ("scale", None)])
def test_service_tiers(tier, sent):
    codec = Codec(service_tier=tier, metadata={"team": "a"})
    assert codec.out.get("serviceTier") == sent
    assert codec.out["requestMetadata"] == {"team": "a"}
    assert codec.told == ({"service_tier": ("dropped", True)} if tier == "scale" else {})


def test_pitfall_59_native_options_find_their_place():
    """Converse's own by name; the model's own among the fields for it, beside ours."""
    native = {
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "additionalModelRequestFields": {"a": 1},
        "anthropic_beta": ["b"],
    }
    codec = Codec(native=native, reasoning_effort="low", model="openai.gpt-oss-120b-1:0")
    assert codec.fields == {"reasoning_effort": "low", "a": 1, "anthropic_beta": ["b"]}
    assert codec.out["guardrailConfig"]["guardrailIdentifier"] == "g"


# ------------------------------------------------------------------------------------ JSON answers

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}


def wanted(**fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", **fields}}


def test_pitfall_57_a_schema_is_enforced_where_the_model_can():
    """As text, beside thinking and tools; keywords nobody enforces are told."""
    codec = Codec(response_format=wanted(schema=SCHEMA, description="d"), tools=[tool()])
    structure = codec.out["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    closed = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert json.loads(structure.pop("schema")) == closed
    assert structure == {"name": "n", "description": "d"}
    assert codec.told == {"response_format": ("dropped", True)}


@pytest.mark.parametrize("model", [OLD_CLAUDE, NOVA, LLAMA, "mistral.mistral-large-2402-v1:0"])
def test_a_schema_is_asked_for_in_words_elsewhere(model):
    codec = Codec(response_format=wanted(schema=SCHEMA), model=model)
    assert json.dumps(SCHEMA, separators=(",", ":")) in codec.out["system"][-1]["text"]
    assert codec.told == {"response_format": ("changed", True)}


def test_a_format_without_a_schema():
    """JSON in words; plain text is what comes anyway."""
    codec = Codec(response_format=wanted())
    assert "JSON object" in codec.out["system"][-1]["text"]
    assert "system" not in Codec(response_format={"type": "text"}).out


KNOWN_BETA, UNKNOWN_BETA = "context-1m-2025-08-07", "prompt-caching-scope-2026-01-05"


@pytest.mark.parametrize(("model", "sent"), [(CLAUDE, [KNOWN_BETA]), (LLAMA, None)])
def test_pitfall_59_betas_that_bedrock_knows(model, sent):
    """Of Anthropic's models; an unknown one would be a 400, and is told."""
    codec = Codec([user()], model=model, anthropic_beta=[KNOWN_BETA, UNKNOWN_BETA])
    assert codec.out.get("additionalModelRequestFields", {}).get("anthropic_beta") == sent
    assert codec.told["anthropic_beta"] == ("dropped", False)


def test_top_k_is_claudes():
    assert Codec([user()], top_k=5).out["additionalModelRequestFields"] == {"top_k": 5}
    codec = Codec([user()], model=LLAMA, top_k=5)
    assert "additionalModelRequestFields" not in codec.out
    assert codec.told["top_k"] == ("dropped", True)


def test_newer_models_go_on_from_no_answer_begun():
    """Asked for in words, and told as a loss; others go on."""
    messages = [user(), assistant("1, 2, ")]
    codec = Codec(messages, model="us.anthropic.claude-sonnet-4-6")
    assert [turn["role"] for turn in codec.out["messages"]] == ["user", "assistant", "user"]
    assert codec.told["messages"] == ("added", True)
    assert Codec(messages).out["messages"][-1]["content"] == [{"text": "1, 2,"}]
