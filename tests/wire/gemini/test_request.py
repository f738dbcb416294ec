"""What goes to Gemini: messages and parameters."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.models import ChatCompletionMessage
from tests.support.anthropic import assistant, call, result, system, text, tool, user
from tests.support.bodies import HELLO
from tests.support.gemini import GEMINI_3, Codec, contents, encode

IMAGE = "data:image/png;base64,aGk="
INLINE = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}


def model_says(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def user_says(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def made(name: str = "f", call_id: str = "toolu_1", **args: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args, "id": call_id}}


def response(told: Any, name: str = "f", call_id: str = "toolu_1", **fields: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": told, "id": call_id, **fields}}


# ---------------------------------------------------------------------------------------- messages


def test_the_smallest_request():
    """A text and nothing else."""
    assert encode() == {"contents": [user_says({"text": "Hello"})]}


@pytest.mark.parametrize("role", ["system", "developer"])
def test_pitfall_66_instructions_go_where_gemini_has_them(role):
    """Leading ones, of either role, are the system instruction."""
    out = encode([system("Be brief.", role), system([text("Be kind.")]), user()])
    assert out["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}
    assert out["contents"] == [user_says({"text": "Hi"})]


def test_pitfall_38_a_later_instruction_stays_in_its_place():
    """As user text, and told so."""
    codec = Codec([user(), assistant("Hello"), system("Be brief."), user("And?")])
    assert codec.out["contents"][2] == user_says({"text": "Be brief."}, {"text": "And?"})
    assert codec.told == {"messages[2]": ("moved", False)}


def test_instructions_alone_are_said_by_the_user():
    codec = Codec([system("Be brief.")])
    assert codec.out == {"contents": [user_says({"text": "Be brief."})]}
    assert codec.told == {"messages[0]": ("moved", False)}


def test_pitfall_42_messages_of_one_role_are_one_content():
    """Their order is kept."""
    assert contents(user("a"), user("b"), assistant("c"), assistant("d"), user("e")) == [
        user_says({"text": "a"}, {"text": "b"}),
        model_says({"text": "c"}, {"text": "d"}),
        user_says({"text": "e"}),
    ]


def test_a_conversation_that_begins_with_the_model():
    """What trimming a history leaves: "function call turn comes immediately after a user turn"."""
    codec = Codec([system("S"), assistant(None, call("f", None, "c1")), result("1", "c1"), user("so?")])
    turns = codec.out["contents"]
    assert [turn["role"] for turn in turns] == ["user", "model", "user", "user"]
    assert "functionCall" in turns[1]["parts"][0]
    assert codec.told == {"messages[0]": ("added", False)}


def test_a_conversation_that_ends_with_the_model():
    """It goes on from no answer begun, and is asked to in words: told as a loss."""
    codec = Codec([user(), assistant("1, 2, ")])
    assert [turn["role"] for turn in codec.out["contents"]] == ["user", "model", "user"]
    assert codec.told == {"messages": ("added", True)}
    with pytest.raises(UnsupportedParameterError):
        Codec([user(), assistant("1, 2, ")], strict=True)


def test_a_call_at_the_end_waits_for_its_result():
    assert contents(user(), assistant(None, call()))[-1]["role"] == "model"


def test_a_failed_result_is_an_error():
    """Gemini has a word for it: https://ai.google.dev/api/caching#FunctionResponse."""
    out = contents(user(), assistant(None, call()), {**result("no such file"), "is_error": True})
    assert out[2] == user_says(response({"error": "no such file"}))
    fine = contents(user(), assistant(None, call()), {**result("ok"), "is_error": False})
    assert fine[2] == user_says(response({"output": "ok"}))


def test_pitfall_39_empty_text_is_left_out():
    """And a user who says nothing is an error of the caller's."""
    codec = Codec([user([text(""), text("a")]), assistant(""), user("b")])
    assert codec.out["contents"] == [user_says({"text": "a"}, {"text": "b"})]
    assert codec.told == {"messages[1]": ("dropped", False)}
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].content is empty"):
        encode([user("")])
    with pytest.raises(InvalidRequestError, match="messages are all empty"):
        encode([assistant("")])


def test_what_a_message_has_that_contents_have_not():
    codec = Codec([user(name="Ada")])
    assert codec.told == {"messages[0].name": ("dropped", True)}


@pytest.mark.parametrize(
    ("message", "at"),
    [({"content": "x"}, "role"), (user([{"type": "image_url"}]), "image_url"), (user(3), "a number")],
    ids=["no role", "no image", "no content"],
)
def test_what_is_no_message(message, at):
    with pytest.raises(InvalidRequestError, match=rf"messages\[0\] is not a chat message: .*{at}"):
        encode([message])


def test_typed_parts_are_read_as_well():
    """Pydantic objects among the parts."""
    part = ChatCompletionMessage.model_validate({"role": "assistant", "type": "text", "text": "a"})
    assert contents(user([part])) == [user_says({"text": "a"})]


# ------------------------------------------------------------------------------- calls and results


def test_pitfall_68_arguments_are_an_object():
    """A JSON string in the chat form, an object there; what is no object goes under a declared name."""
    codec = Codec(
        [
            user(),
            assistant(None, call("f", {"a": 1}, "c1"), call("f", "no json", "c2"), call("f", "[1]", "c3")),
        ]
    )
    assert codec.out["contents"][1] == model_says(
        made("f", "c1", a=1), made("f", "c2", _raw_arguments="no json"), made("f", "c3", _raw_arguments="[1]")
    )
    assert codec.told == {
        "messages[1].tool_calls[1].function.arguments": ("changed", True),
        "messages[1].tool_calls[2].function.arguments": ("changed", True),
    }


def test_arguments_that_are_an_object_already():
    odd = {"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}
    assert contents(user(), assistant(None, odd))[1] == model_says(made("f", "c", a=1))


def test_pitfall_43_results_of_a_turn_are_in_one_content_of_their_own():
    """By the name of what they answer, in the order they came, whatever stood between them or before."""
    called = assistant(None, call("f", None, "c1"), call("g", None, "c2"))
    answers = response({"output": "1"}, "f", "c1"), response({"b": 2}, "g", "c2")
    out = contents(user(), called, result("1", "c1"), user("so?"), result('{"b": 2}', "c2"))
    assert out[2:] == [user_says(*answers), user_says({"text": "so?"})]
    out = contents(user(), called, user("so?"), result("1", "c1"), result('{"b": 2}', "c2"))
    assert out[2:] == [user_says(*answers), user_says({"text": "so?"})]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("ok", {"output": "ok"}),
        ("[1]", {"output": "[1]"}),
        ('{"a": 1}', {"a": 1}),
        ([text("a"), text("b")], {"output": "ab"}),
        (None, {"output": ""}),
    ],
    ids=["text", "list", "object", "parts", "nothing"],
)
def test_a_result_is_an_object(content, told):
    """An object as it is, anything else as the output of one."""
    assert contents(user(), assistant(None, call()), result(content))[2] == user_says(response(told))


def test_a_result_that_answers_nothing():
    with pytest.raises(InvalidRequestError, match="'toolu_1' answers no call in messages"):
        encode([user(), result()])


PDF = {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}}
SOUND = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}


def test_pitfall_49_images_of_a_result_are_in_it():
    """From Gemini 3 on; what a response cannot hold follows it."""
    messages = [user(), assistant(None, call()), result([text("a"), PDF, SOUND])]
    pdf = {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}}
    mp3 = {"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}}
    told = contents(*messages, model=GEMINI_3)[2:]
    assert told == [user_says(response({"output": "a"}, parts=[pdf])), user_says(mp3)]
    assert contents(*messages)[2:] == [user_says(response({"output": "a"})), user_says(pdf, mp3)]


def test_pitfall_70_the_legacy_form():
    """`function_call` and a `function` message: no ids, the name says what belongs together."""
    said = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    answer = {"role": "function", "name": "f", "content": "1"}
    assert contents(user(), said, answer)[1:] == [
        model_says({"functionCall": {"name": "f", "args": {}}}),
        user_says({"functionResponse": {"name": "f", "response": {"output": "1"}}}),
    ]


def test_pitfall_30_signatures_go_back_where_they_came_from():
    """On the call, on the text, on nothing but itself."""
    signed = {**call("f", None, "c"), "extra_content": {"google": {"thought_signature": "S"}}}
    by_text = {"extra_content": {"google": {"thought_signature": "T"}}}
    out = contents(user(), assistant("a", signed, **by_text), result(call_id="c"), assistant(None, **by_text))
    assert out[1] == model_says(
        {"text": "a", "thoughtSignature": "T"}, {**made("f", "c"), "thoughtSignature": "S"}
    )
    assert out[3] == model_says({"text": "", "thoughtSignature": "T"})


def test_pitfall_30_calls_of_other_models_are_marked_as_such():
    """Gemini 3 refuses unsigned calls; one of a step is enough."""
    signed = {**call("f", None, "c2"), "extra_content": {"google": {"thought_signature": "S"}}}
    others = [user(), assistant(None, call("f", None, "c1"), call("f", None, "c2"))]
    codec = Codec(others, model=GEMINI_3)
    first, second = codec.out["contents"][1]["parts"]
    assert first["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in second
    assert codec.told == {"messages[1].tool_calls": ("added", False)}
    own = Codec([user(), assistant(None, call("f", None, "c1"), signed)], model=GEMINI_3)
    assert own.told == {}


def test_state_of_another_provider_means_nothing():
    other = {"anthropic": {"content": [{"type": "text", "text": "x"}]}}
    assert contents(user(), assistant("a", extra_content=other))[1] == model_says({"text": "a"})


def test_a_turn_kept_as_it_came():
    """Its parts verbatim, its calls by the ids that the results answer to."""
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    kept = [code, {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "S"}, {"text": "b"}]
    said = assistant("b", call("f", None, "c9"), extra_content={"google": {"parts": kept}})
    assert contents(user(), said)[1] == model_says(
        code, {"functionCall": {"name": "f", "args": {}, "id": "c9"}, "thoughtSignature": "S"}, {"text": "b"}
    )
    assert kept[1]["functionCall"] == {"name": "f", "args": {}}


# -------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ({"max_tokens": 5}, {"maxOutputTokens": 5}),
        ({"max_completion_tokens": 5}, {"maxOutputTokens": 5}),
        ({"temperature": 2, "top_p": 0.5, "seed": 7}, {"temperature": 2, "topP": 0.5, "seed": 7}),
        ({"presence_penalty": 1, "frequency_penalty": -1}, {"presencePenalty": 1, "frequencyPenalty": -1}),
        ({"n": 2}, {"candidateCount": 2}),
        ({"n": 1, "seed": None}, {}),
        ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
        ({"stop": "a"}, {"stopSequences": ["a"]}),
        ({"stop": ["\n", ""]}, {"stopSequences": ["\n"]}),
        ({"modalities": ["text"]}, {}),
        ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        (
            {"audio": {"voice": "Kore"}},
            {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}},
        ),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
    ],
    ids=str,
)  # fmt: skip
def test_pitfall_76_parameters_by_their_names_there(given, config):
    """Each has one name at Gemini."""
    codec = Codec(**given)
    assert codec.out.get("generationConfig", {}) == config
    assert codec.told == {}


def test_pitfall_60b_five_stop_sequences():
    codec = Codec(stop=list("abcdef"))
    assert codec.out["generationConfig"] == {"stopSequences": list("abcde")}
    assert codec.told == {"stop": ("dropped", True)}


@pytest.mark.parametrize(
    ("given", "loss"),
    [
        ({"logit_bias": {"1": 2}}, True),
        ({"user": "u"}, False),
        ({"store": True}, False),
        ({"verbosity": "low"}, True),
    ],
    ids=str,
)
def test_pitfall_64_what_gemini_does_not_have_is_told(given, loss):
    codec = Codec(**given)
    assert codec.out == encode()
    assert codec.told == {next(iter(given)): ("dropped", loss)}


def test_nothing_is_lost_in_strict_mode():
    with pytest.raises(UnsupportedParameterError, match="logit_bias"):
        encode(strict=True, logit_bias={"1": 2})


def test_pitfall_57_json_beside_functions():
    """Asked of Gemini 3; in words of those before, which refuse both together."""
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    assert encode(model=GEMINI_3, tools=[tool()], response_format=wanted)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }
    codec = Codec(tools=[tool()], response_format=wanted)
    assert "generationConfig" not in codec.out
    assert '{"type":"object"}' in codec.out["systemInstruction"]["parts"][0]["text"]
    assert codec.told == {"response_format": ("changed", True)}


# ------------------------------------------------------------------------------------------ native


@pytest.mark.parametrize(
    ("native", "out"),
    [
        ({"topK": 3}, {"generationConfig": {"seed": 1, "topK": 3}}),
        ({"top_k": 3}, {"generationConfig": {"seed": 1, "topK": 3}}),
        ({"generationConfig": {"topK": 3}}, {"generationConfig": {"seed": 1, "topK": 3}}),
        ({"generation_config": {"seed": 2}}, {"generationConfig": {"seed": 2}}),
        ({"google": {"cached_content": "c"}}, {"cachedContent": "c", "generationConfig": {"seed": 1}}),
        ({"safetySettings": []}, {"safetySettings": [], "generationConfig": {"seed": 1}}),
        ({"thinking_config": {"thinkingBudget": 5}}, {"generationConfig": {"seed": 1, "thinkingConfig": {"thinkingBudget": 5}}}),
    ],
    ids=str,
)  # fmt: skip
def test_native_options_join_what_is_there(native, out):
    """In either spelling, beside `generationConfig` or in it, or under `google`."""
    assert encode(seed=1, native=native) == {**encode(), **out}


def test_the_callers_messages_are_not_touched():
    messages = [user([text("a")]), assistant("b", call())]
    before = repr(messages)
    encode(messages, tools=[tool()])
    assert repr(messages) == before
    assert HELLO == [{"role": "user", "content": "Hello"}]
