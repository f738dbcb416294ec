"""Tools: what becomes of them at a provider, and that the caller's calls come back as he wrote his tools."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.core.request import Request
from muxi_llm.core.tools import Calls, fitted
from muxi_llm.transport.scripted import Answer
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger
from tests.core import ask, candidate, provider_of, request_of, run
from tests.support.bodies import HELLO, chat, chunk, sse

OBJECT = {"type": "object", "properties": {}}
NAMES = r"[a-zA-Z0-9_-]{1,64}"


def function(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": OBJECT, **fields}}


PATCH = {"type": "custom", "custom": {"name": "patch", "description": "Patches."}}


def fit(*tools: Any, columns: Any = (), **params: Any) -> tuple[dict[str, Any], list[Any], Calls | None]:
    """The body for a provider with those columns, what was told, the calls to be said anew."""
    ledger = Ledger("weak")
    request, calls = fitted(request_of(tools=list(tools), **params), provider_of(**dict(columns)), ledger)
    return dict(request.body), [(e.param, e.action, e.loss) for e in ledger.entries], calls


# --------------------------------------------------------------------- tools that are no functions

SEARCHES = [
    {"type": "web_search"},
    {"type": "web_search_preview_2025_03_11"},
    {"type": "web_search_20250305", "name": "web_search"},
    {"googleSearch": {}},
    {"type": "openrouter:web_search"},
]


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_a_search_is_the_providers_own(search):
    """Whoever's word it is."""
    body, told, calls = fit(search, columns={"server_tools": {"web_search": {"type": "seek"}}})
    assert (body["tools"], told, calls) == ([{"type": "seek"}], [("tools[0]", "moved", False)], None)


def test_what_a_search_was_told_besides_is_a_loss():
    search = {"type": "web_search", "user_location": {"type": "approximate"}}
    _, told, _ = fit(search, columns={"server_tools": {"web_search": {"type": "seek"}}})
    assert told == [("tools[0]", "moved", True)]


@pytest.mark.parametrize(
    "tool",
    [*SEARCHES, {"type": "mcp", "server_url": "x"}, {"type": "code_interpreter"}, {"type": "tool_search"}],
    ids=str,
)
def test_what_a_provider_has_not_is_left_out_as_a_loss(tool):
    body, told, _ = fit(function(), tool)
    assert body["tools"] == [function()]
    assert told == [("tools[1]", "dropped", True)]


def test_own_tools_beside_functions_where_they_exclude_each_other():
    """The functions are the caller's; the search goes."""
    columns = {"server_tools": {"web_search": {"seek": {}}}, "server_tools_alone": True}
    assert fit(function(), SEARCHES[0], columns=columns)[1] == [("tools[1]", "dropped", True)]
    assert fit(SEARCHES[0], columns=columns)[0]["tools"] == [{"seek": {}}]


@pytest.mark.parametrize("tool", [{"type": "of_their_own", "x": 1}, {"type": "seek_2030"}], ids=str)
def test_words_nobody_here_knows_are_the_providers(tool):
    assert fit(tool, columns={"own_tools": "seek_.*"})[:2] == ({"messages": HELLO, "tools": [tool]}, [])


FORCED = {"type": "function", "function": {"name": "f"}}


CHOICES = pytest.mark.parametrize(
    ("choice", "loss"), [("auto", False), ("none", False), ("required", True), (FORCED, True)], ids=str
)


@CHOICES
def test_without_any_tool_left_there_is_nothing_to_choose(choice, loss):
    """Whoever wanted a call is told that there will be none."""
    body, told, _ = fit({"type": "mcp"}, tool_choice=choice, parallel_tool_calls=False)
    assert body == {"messages": HELLO}
    of_tools, *others = told
    assert of_tools == ("tools[0]", "dropped", True)
    assert others == [("tool_choice", "dropped", loss), ("parallel_tool_calls", "dropped", False)]


@CHOICES
def test_a_list_of_no_tools_says_nothing(choice, loss):
    """And neither does a word about them, but for one that wants a call."""
    body, told, _ = fit(tool_choice=choice, parallel_tool_calls=False)
    assert body == {"messages": HELLO}
    assert told == [("tool_choice", "dropped", True)] * loss


def test_a_provider_without_tools_can_be_asked_then(driver):
    """It was not the functions that were asked for."""
    on = [candidate(tools_support=False)]
    value, script = run(driver, request_of(tools=[{"type": "web_search"}]), Answer(json=chat("Hi")), on=on)
    assert script.bodies == [{"model": "model", "messages": HELLO}]
    assert [entry.loss for entry in value.muxi.adaptations] == [True]


RUN_BY_THE_CALLER = [
    ({"type": "bash_20250124", "name": "bash"}, "bash", {"command", "restart"}),
    ({"type": "text_editor_20250728", "name": "edit"}, "edit", {"command", "path"}),
    ({"type": "memory_20250818", "name": "memory"}, "memory", {"command", "path"}),
    ({"type": "computer_20250124", "name": "pc", "display_width_px": 800}, "pc", {"action", "coordinate"}),
    ({"type": "local_shell"}, "local_shell", {"command"}),
    ({"type": "shell"}, "shell", {"commands"}),
    ({"type": "apply_patch"}, "apply_patch", {"type", "path", "diff"}),
    ({"type": "computer_use_preview"}, "screen", {"type", "x", "y"}),
]


@pytest.mark.parametrize(("tool", "name", "properties"), RUN_BY_THE_CALLER, ids="abcdefgh")
def test_tools_the_caller_runs_are_functions(tool, name, properties):
    """With a schema, so that any model can call them."""
    body, told, _ = fit(tool)
    made = body["tools"][0]["function"]
    assert made["name"] == name
    assert properties <= made["parameters"]["properties"].keys()
    assert ("800" in made["description"]) == ("display_width_px" in tool)
    assert told == [("tools[0]", "changed", False)]
    assert fit(tool, columns={"own_tools": ".*"})[0]["tools"] == [tool]


def test_functions_in_another_form():
    """Written flat, or as Anthropic has them: nested."""
    flat = {"type": "function", "name": "f", "parameters": OBJECT}
    theirs = {"name": "f", "input_schema": OBJECT}
    assert fit(flat, theirs)[0]["tools"] == [function(), function()]
    assert fit(theirs, columns={"anthropic_blocks_support": True})[0]["tools"] == [theirs]


# --------------------------------------------------------------------------------- what is chosen


def test_allowed_tools_are_the_only_ones_sent():
    choice = {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]},
    }
    body, told, _ = fit(function("f"), function("g"), tool_choice=choice)
    assert (body["tools"], body["tool_choice"]) == ([function("g")], "required")
    assert told == [("tool_choice", "moved", False)]
    body, told, _ = fit(function(), tool_choice=choice, columns={"allowed_tools_support": True})
    assert (body["tool_choice"], told) == (choice, [])


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (
            {"type": "custom", "custom": {"name": "patch"}},
            {"type": "function", "function": {"name": "patch"}},
        ),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "function"}, {"type": "function"}),
        ({"type": "web_search"}, None),
        ({"type": "their_own"}, {"type": "their_own"}),
        ({"type": 1}, {"type": 1}),
        ("auto", "auto"),
    ],
    ids=str,
)
def test_a_choice_names_what_is_sent(choice, sent):
    assert fit(function(), PATCH, tool_choice=choice)[0].get("tool_choice") == sent


# --------------------------------------------------------------------------------- names, schemas


@given(st.text(min_size=1))
def test_names_fit_and_are_given_back(name):
    """In the history and the choice as in the tools; and the calls bear the caller's."""
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
    messages = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [call]}]
    choice = {"type": "function", "function": {"name": name}}
    ledger = Ledger("weak")
    request = request_of(messages=messages, tools=[function(name)], tool_choice=choice)
    request, calls = fitted(request, provider_of(tool_names=NAMES), ledger)
    sent = request.body["tools"][0]["function"]["name"]
    assert len(sent) <= 64
    assert request.body["messages"][1]["tool_calls"][0]["function"]["name"] == sent
    assert request.body["tool_choice"]["function"]["name"] == sent
    assert (calls is None) == (sent == name)
    told = [(entry.param, entry.action, entry.loss) for entry in ledger.entries]
    assert told == ([] if sent == name else [("tools[0].function.name", "changed", False)])


def test_schemas_as_they_are_taken():
    """Each column does its part; what is lost is told."""
    odd = {"anyOf": [{"properties": {"$top": {"type": "array"}}, "required": ["$top"]}]}
    columns = {"one_root_schemas": True, "whole_schemas": True, "property_names": r"\w+"}
    body, told, _ = fit(function(parameters=odd), columns=columns)
    schema = body["tools"][0]["function"]["parameters"]
    (name,) = schema["required"]
    assert schema["properties"] == {name: {"type": "array", "items": {}}}
    assert name.startswith("_top")
    assert told == [("tools[0].function.parameters", "dropped", True)]
    union = {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}]}}}
    for strict in (True, False):
        body, _, _ = fit(function(parameters=union, strict=strict), columns=columns)
        kept = body["tools"][0]["function"]["parameters"]["properties"]["a"]
        assert kept == {"anyOf" if strict else "oneOf": [{"type": "string"}]}
    assert fit(function(parameters=odd))[0]["tools"] == [function(parameters=odd)]


# ------------------------------------------------------------------------------- calls come back

LONG = "mcp__" + "x" * 70
TOP = function("top", parameters={"type": "object", "properties": {"$top": {"type": "integer"}}})
COLUMNS = {"tool_names": NAMES, "property_names": r"\w+"}


def called(*calls: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": text}, "extra": 1}
        for i, (name, text) in enumerate(calls)
    ]


def answers(body: dict[str, Any]) -> list[tuple[str, str]]:
    """What a model would call: each tool, with what its first property takes."""
    out = []
    for tool in body["tools"]:
        properties = tool["function"]["parameters"]["properties"]
        given = {name: "*** x\n" if spec["type"] == "string" else 3 for name, spec in properties.items()}
        out.append((tool["function"]["name"], json.dumps(given)))
    return out


def reply(calls: list[tuple[str, str]], *, stream: bool) -> Answer:
    if not stream:
        return Answer(json=chat(None, finish="tool_calls", tool_calls=called(*calls)))
    deltas = []
    for i, call in enumerate(called(*calls)):
        text = call["function"]["arguments"]
        head = {**call, "function": {**call["function"], "arguments": text[:2]}}
        deltas += [{"tool_calls": [{"index": i, **head}]}]
        deltas += [{"tool_calls": [{"index": i, "function": {"arguments": c}}]} for c in text[2:]]
    last = chunk({"tool_calls": [{"index": 9}]}, finish="tool_calls")
    return Answer(chunks=sse(chunk({"role": "assistant"}), *map(chunk, deltas), last))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_calls_come_back_as_the_tools_were_written(driver, stream):
    """A custom tool's as its text, under the caller's names of tools and properties."""
    tools = [PATCH, function(LONG), TOP, function("plain")]
    request = request_of(tools=tools, stream=stream)
    fit_body = fit(*tools, columns=COLUMNS)[0]
    answer = reply(answers(fit_body), stream=stream)
    on = [candidate(**COLUMNS, streaming_support=True)]
    value, script = run(driver, request, answer, on=on)
    if stream:
        value = collect(read(driver, value))
    assert script.bodies[0]["tools"] == fit_body["tools"]
    patch, long, top, plain = value.choices[0].message.tool_calls[:4]
    assert (patch.type, patch.custom.name, patch.custom.input) == ("custom", "patch", "*** x\n")
    assert patch.id == "call_0"
    assert (long.function.name, long.function.arguments) == (LONG, "{}")
    assert (top.function.name, json.loads(top.function.arguments)) == ("top", {"$top": 3})
    assert (plain.function.name, plain.function.arguments) == ("plain", "{}")


def read(driver: Any, flow: Any) -> list[Any]:
    """All chunks of a stream of the core."""
    chunks = []
    while (item := driver.run(flow.next())) is not None:
        chunks.append(item)
    return chunks


def test_calls_of_a_stream_that_just_ends(driver):
    """Without `[DONE]`; and of two answers each has its own calls."""
    tool, two = function(LONG), []
    ((name, _),) = answers(fit(PATCH, columns=COLUMNS)[0])
    for index in (0, 1):
        (call,) = called((name, '{"input":"x"}'))
        two.append(chunk({"tool_calls": [{"index": 0, **call}]}))
        two[-1]["choices"][0]["index"] = index
    ends = [chunk({}, finish="tool_calls") for _ in two]
    for index, end in enumerate(ends):
        end["choices"][0]["index"] = index
    plain = chunk({"content": "x"}, finish="stop")
    plain["choices"][0]["index"] = 2
    answer = Answer(chunks=sse(*two, plain, *ends, done=False))
    on = [candidate(**COLUMNS, streaming_support=True)]
    value, _ = run(driver, request_of(tools=[PATCH, tool], stream=True, n=3), answer, on=on)
    value = collect(read(driver, value))
    calls = [choice.message.tool_calls for choice in value.choices]
    assert [call[0].custom.input for call in calls[:2]] == ["x", "x"]
    assert not calls[2]


def test_a_piece_of_a_call_that_says_nothing_of_its_function(driver):
    """It is told as it came; what the next ones say is restored all the same."""
    ((name, _),) = answers(fit(PATCH, columns=COLUMNS)[0])
    (call,) = called((name, '{"input":"x"}'))
    pieces = [chunk({"tool_calls": [{"index": 0, **more}]}) for more in ({"id": "c"}, call)]
    answer = Answer(chunks=sse(*pieces, chunk({}, finish="tool_calls")))
    on = [candidate(**COLUMNS, streaming_support=True)]
    value, _ = run(driver, request_of(tools=[PATCH], stream=True), answer, on=on)
    assert collect(read(driver, value)).choices[0].message.tool_calls[0].custom.input == "x"


def test_a_call_of_a_streams_that_is_of_no_function(driver):
    """A provider's own kind of call is told as it came."""
    own = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "theirs", "input": "x"}}
    answer = Answer(chunks=sse(chunk({"tool_calls": [own]}), chunk({}, finish="tool_calls")))
    on = [candidate(**COLUMNS, streaming_support=True)]
    value, _ = run(driver, request_of(tools=[PATCH], stream=True), answer, on=on)
    (call,) = read(driver, value)[0].choices[0].delta.tool_calls
    assert (call.id, call.function, call.custom) == ("c", None, own["custom"])


def test_a_name_that_is_none_is_left_to_the_provider():
    """It says what is wrong with it."""
    nameless = {"parameters": OBJECT}
    body, told, calls = fit({"type": "function", **nameless})
    assert (body["tools"], told, calls) == ([{"type": "function", "function": nameless}], [], None)


ODD = ["half of", "[1]", '{"other": 1}', '{"input": 3}']


@pytest.mark.parametrize("text", ODD)
def test_arguments_that_are_not_as_agreed(driver, text):
    """Are the custom tool's text as they are: better than nothing."""
    calls = [("patch", text), ("top", text)]
    value, _ = run(
        driver, request_of(tools=[PATCH, TOP]), reply(calls, stream=False), on=[candidate(**COLUMNS)]
    )
    patch, top = value.choices[0].message.tool_calls
    assert patch.custom.input == text
    assert (
        json.loads(top.function.arguments) == json.loads(text)
        if text[0] != "h"
        else top.function.arguments == text
    )


def test_a_custom_tools_history_and_grammar():
    """Calls of earlier turns are calls of the function; a grammar is asked for in words."""
    call = {"id": "c", "type": "custom", "custom": {"name": "patch", "input": "*** y"}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call, {"id": "d", "type": "function"}]}
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /x/"}}
    tool = {"type": "custom", "custom": {"name": "patch", "format": grammar}}
    ledger = Ledger("weak")
    request, _ = fitted(request_of(messages=[*HELLO, turn], tools=[tool]), provider_of(), ledger)
    made, odd = request.body["messages"][1]["tool_calls"]
    assert made == {
        "id": "c",
        "type": "function",
        "function": {"name": "patch", "arguments": '{"input":"*** y"}'},
    }
    assert odd == {"id": "d", "type": "function"}
    assert "lark grammar:\nstart: /x/" in request.body["tools"][0]["function"]["description"]
    theirs, calls = fitted(
        request_of(messages=[*HELLO, turn], tools=[tool]), provider_of(own_tools="custom"), ledger
    )
    assert (theirs.body["messages"][1], theirs.body["tools"], calls) == (turn, [tool], None)


def test_a_custom_call_without_its_tool(driver):
    """Is known to be there, and told as a function's where there is nothing else."""
    call = {"id": "c", "type": "custom", "custom": {"name": "patch", "input": "y"}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c", "content": "ok"}
    _, script = ask(
        driver, Answer(json=chat("Hi")), model="groq/x", api_key="k", messages=[*HELLO, turn, result]
    )
    assert script.bodies[0]["messages"][1]["tool_calls"][0]["type"] == "function"


@pytest.mark.parametrize("mode", ["passthrough", "verbatim"])
def test_what_is_to_be_left_alone_is(mode):
    request = request_of(tools=[{"type": "mcp"}], mode="passthrough" if mode == "passthrough" else "adapt")
    if mode == "verbatim":
        request = request._replace(verbatim={"tools": []})
    assert fitted(request, provider_of(verbatim=True), Ledger("weak")) == (request, None)


def test_values_without_calls():
    """Text, and what is no chat at all."""
    Calls({}).restore(object())
    assert isinstance(request_of(tools=[]), Request)
    assert "tools" not in request_of(tools=[], tool_choice="auto", parallel_tool_calls=False).body
    assert request_of(tools=[], tool_choice="required").body["tool_choice"] == "required"
