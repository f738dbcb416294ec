"""OpenAI on loopback, with a model that calls the first tool, answers in JSON where it is asked to, or says hello."""

from __future__ import annotations

import json
from typing import Any

from tests.support import bodies, responses
from tests.support.upstream import Received, Respond

KNOWN = {"city": "Paris", "name": "Ada", "age": 36}
"""What the model puts into the arguments of tools and of structured answers."""

BY_TYPE = {"string": "Paris", "integer": 3, "number": 3.0, "boolean": True, "array": [], "object": {}}
HELLO = "Hello from loopback"


def filled(schema: dict[str, Any], whole: dict[str, Any] | None = None) -> Any:
    """A value that fits *schema*, a part of *whole*."""
    whole = whole or schema
    if "$ref" in schema:
        return filled(whole["$defs"][schema["$ref"].rsplit("/", 1)[-1]], whole)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return filled(schema["anyOf"][0], whole)
    if "properties" in schema:
        return {name: KNOWN.get(name) or filled(part, whole) for name, part in schema["properties"].items()}
    return BY_TYPE.get(schema.get("type", "string"))


def answer(received: Received) -> Respond:
    """What OpenAI would say, by the path."""
    reply = _reply(received)
    reply.headers["x-request-id"] = "req_1"
    return reply


def _reply(received: Received) -> Respond:
    asked = received.json
    if received.path.endswith("/chat/completions"):
        return _chat(asked)
    if received.path.endswith("/responses"):
        return _response(asked)
    if received.path.endswith("/embeddings"):
        inputs = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        return Respond(json=bodies.embeddings(*[[0.5, -0.5] for _ in inputs]))
    return Respond(404, json=bodies.error(f"no such path: {received.path}"))


def _said(asked: dict[str, Any], schema: dict[str, Any] | None, results: list[str]) -> str:
    """Text: JSON by the schema, or as the instructions want it; what tools said; hello."""
    if schema:
        return json.dumps(filled(schema))
    return f"I read: {results[-1]}" if results else HELLO


def _chat(asked: dict[str, Any]) -> Respond:
    results = [str(turn["content"]) for turn in asked["messages"] if turn["role"] == "tool"]
    tools = [tool["function"] for tool in asked.get("tools") or ()]
    form = asked.get("response_format") or {}
    schema = form.get("json_schema", {}).get("schema")
    if form.get("type") == "json_object":
        schema = {"properties": {"name": {}, "age": {}}}
    call = _call(tools, asked.get("tool_choice"), results)
    if call is None:
        return _chat_reply(asked, {"content": _said(asked, schema, results)}, "stop")
    function = {"name": call["name"], "arguments": json.dumps(filled(call.get("parameters") or {}) or {})}
    made = [{"id": "call_1", "type": "function", "function": function}]
    return _chat_reply(asked, {"content": None, "tool_calls": made}, "tool_calls")


def _call(tools: list[dict[str, Any]], choice: Any, results: list[str]) -> dict[str, Any] | None:
    """The tool the model calls: the one that is forced, or the first one while there are no results."""
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        name = choice.get("function", choice).get("name")
        return next((tool for tool in tools if tool["name"] == name), tools[0])
    return None if results and choice != "required" else tools[0]


def _chat_reply(asked: dict[str, Any], message: dict[str, Any], finish: str) -> Respond:
    if not asked.get("stream"):
        calls = {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}
        return Respond(json=bodies.chat(message["content"], model=asked["model"], finish=finish, **calls))
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if message["content"] else None}]
    deltas += [{"content": piece} for piece in _cut(message["content"] or "")]
    for call in message.get("tool_calls", ()):
        function = call["function"]
        deltas.append({"tool_calls": [{"index": 0, **call, "function": {**function, "arguments": ""}}]})
        for piece in _cut(function["arguments"]):
            deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    chunks = [bodies.chunk(delta) for delta in deltas] + [bodies.chunk({}, finish=finish)]
    if (asked.get("stream_options") or {}).get("include_usage"):
        chunks.append(bodies.chunk(usage=bodies.USAGE))
    return Respond(chunks=bodies.sse(*chunks))


def _response(asked: dict[str, Any]) -> Respond:
    items = asked["input"] if isinstance(asked["input"], list) else []
    results = [str(item["output"]) for item in items if item.get("type") == "function_call_output"]
    tools = [tool for tool in asked.get("tools") or () if tool.get("type") == "function"]
    schema = ((asked.get("text") or {}).get("format") or {}).get("schema")
    call = _call(tools, asked.get("tool_choice"), results)
    if call is None:
        item = responses.said(_said(asked, schema, results))
    else:
        item = responses.function_call(call["name"], json.dumps(filled(call.get("parameters") or {}) or {}))
    echoed = {name: asked.get(name) for name in ("instructions", "metadata")}
    raw = responses.response(item, tools=[], tool_choice="auto", parallel_tool_calls=True, **echoed)
    return Respond(chunks=responses.told(raw)) if asked.get("stream") else Respond(json=raw)


def _cut(text: str) -> list[str]:
    return [text[at : at + 7] for at in range(0, len(text), 7)]
