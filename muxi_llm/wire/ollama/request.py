"""Ollama's own API, ours → theirs: messages, tools, parameters.

Sources: https://docs.ollama.com/api/chat, .../capabilities/thinking, .../capabilities/tool-calling,
and https://github.com/ollama/ollama/blob/main/api/types.go. The caller's objects are read, never changed.

Options of the model (`num_ctx`, `temperature`, …) stand at the top of the body until `settle` moves them
under `options`; so the caller may give them there (`extra_body={"options": {"num_ctx": 8192}}`) or plainly
(`extra_body={"num_ctx": 8192}`, the same in `provider_options={"ollama": {…}}`). Given both ways, `options`
wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError, shown_error
from muxi_llm.wire.json_schema import json_instruction
from muxi_llm.wire.requesting import arguments_of, check, chosen, drop_others, stops_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, Ledger


class OllamaRequest:
    """Translates one request. legacy: whether the caller gave `functions`."""

    def __init__(self, model: str, ledger: Ledger) -> None:
        self._model = model
        self._ledger = ledger
        self._called: dict[str, str] = {}
        self.legacy = False

    def chat(self, body: Mapping[str, Any]) -> Json:
        """The body of `/api/chat`."""
        check(body, "Ollama")
        messages = [self._checked(message, index) for index, message in enumerate(body["messages"])]
        out: Json = {"messages": messages}
        self._tools(body, out)
        self._format(body, out)
        self._parameters(body, out, CHAT)
        return out

    def completion(self, body: Mapping[str, Any]) -> Json:
        """The body of `/api/generate`."""
        check(body, "Ollama")
        prompt = body["prompt"]
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if not isinstance(prompt, str):
            raise UnsupportedParameterError("prompt: Ollama completes one text at a time", param="prompt")
        out: Json = {"prompt": prompt}
        if body.get("suffix"):
            out["suffix"] = body["suffix"]
        self._parameters(body, out, COMPLETION)
        return out

    # ---------------------------------------------------------------------------------- messages

    def _checked(self, message: Mapping[str, Any], index: int) -> Json:
        at = f"messages[{index}]"
        try:
            return self._message(message, at)
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidRequestError(
                f"{at} is not a chat message: {shown_error(error)}", param=at
            ) from error

    def _message(self, message: Mapping[str, Any], at: str) -> Json:
        role = message["role"]
        out: Json = {"role": ROLES.get(role, role), **self._said(message.get("content"), at)}
        if role == "assistant":
            self._assistant(message, out, at)
        if role in {"tool", "function"}:
            self._result(message, out)
        elif message.get("name"):
            self._ledger.dropped(f"{at}.name", "Ollama's messages have no name")
        return out

    def _said(self, content: Any, at: str) -> Json:
        if not isinstance(content, list):
            return {"content": content or ""}
        texts, images = [], []
        for index, part in enumerate(content):
            where = f"{at}.content[{index}]"
            if part["type"] == "image_url":
                images.append(self._image(part["image_url"], where))
            elif part["type"] in {"text", "refusal"}:
                texts.append(part[part["type"]])
            else:
                raise UnsupportedParameterError(f"{where}: Ollama has no {part['type']} parts", param=where)
        said: Json = {"content": "\n".join(texts)}
        return {**said, "images": images} if images else said

    def _image(self, image: Any, at: str) -> str:
        url = image if isinstance(image, str) else image["url"]
        head, comma, data = url.partition(";base64,")
        if not (comma and head.startswith("data:")):
            raise UnsupportedParameterError(f"{at}: Ollama takes images as base64 data: URLs only", param=at)
        if not isinstance(image, str) and image.get("detail") not in {None, "auto"}:
            self._ledger.dropped(f"{at}.image_url.detail", "Ollama scales images itself", loss=False)
        return str(data)

    def _assistant(self, message: Mapping[str, Any], out: Json, at: str) -> None:
        thinking = message.get("reasoning_content") or message.get("reasoning")
        if thinking:
            out["thinking"] = thinking
        calls = list(message.get("tool_calls") or ())
        if message.get("function_call"):
            calls.append({"function": message["function_call"]})
        if calls:
            out["tool_calls"] = [
                self._call(call, f"{at}.tool_calls[{index}]") for index, call in enumerate(calls)
            ]
        if not out["content"] and message.get("refusal"):
            out["content"] = message["refusal"]

    def _call(self, call: Mapping[str, Any], at: str) -> Json:
        function = call.get("function") or call["custom"]
        given = function.get("arguments", function.get("input"))
        out: Json = {
            "function": {"name": function["name"], "arguments": arguments_of(given, at, self._ledger)}
        }
        if call.get("id"):
            out["id"] = call["id"]
            self._called[call["id"]] = function["name"]
        return out

    def _result(self, message: Mapping[str, Any], out: Json) -> None:
        """A tool's result; Ollama goes by the tool's name, newer versions by the call's id as well."""
        call_id = message.get("tool_call_id")
        name = self._called.get(call_id or "") or message.get("name")
        out.update({key: value for key, value in (("tool_name", name), ("tool_call_id", call_id)) if value})

    # ------------------------------------------------------------------------------------- tools

    def _tools(self, body: Mapping[str, Any], out: Json) -> None:
        tools = list(body.get("tools") or ())
        if body.get("functions"):
            self.legacy = True
            tools += [{"type": "function", "function": function} for function in body["functions"]]
        tools = [self._tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)]
        mode, names = chosen(body.get("tool_choice") or body.get("function_call"))
        if tools and (mode != "auto" or names is not None):
            tools = self._chosen(tools, mode, names)
        if tools:
            out["tools"] = tools

    def _tool(self, tool: Mapping[str, Any], at: str) -> Json:
        if tool.get("type", "function") != "function" or not isinstance(tool.get("function"), dict):
            raise UnsupportedParameterError(f"{at}: Ollama's tools are functions alone", param=at)
        function = {"parameters": {"type": "object", "properties": {}}, **tool["function"]}
        if function.pop("strict", None):
            self._ledger.dropped(f"{at}.function.strict", "Ollama does not enforce a tool's schema")
        return {"type": "function", "function": function}

    def _chosen(self, tools: list[Json], mode: str, names: list[str] | None) -> list[Json]:
        """Ollama's models call as they please; what can be said is which tools there are."""
        if mode == "none":
            self._ledger.moved("tool_choice", "Ollama has none; sent without tools")
            return []
        if mode == "auto":
            self._ledger.moved("tool_choice", "Ollama has none; sent with the allowed tools alone")
        else:
            self._ledger.dropped("tool_choice", "Ollama's models cannot be made to call a tool")
        return [tool for tool in tools if names is None or tool["function"].get("name") in names]

    # -------------------------------------------------------------------------------- parameters

    def _format(self, body: Mapping[str, Any], out: Json) -> None:
        wanted = body.get("response_format") or {"type": "text"}
        if wanted["type"] == "text":
            return
        schema = (wanted.get("json_schema") or {}).get("schema")
        out["format"] = schema or "json"
        if self._model.endswith(("-cloud", ":cloud")):
            # https://docs.ollama.com/capabilities/structured-outputs: taken there, but not enforced
            self._ledger.changed("response_format", "Ollama's cloud enforces no form; asked for in words too")
            out["messages"].insert(0, {"role": "system", "content": json_instruction(schema)})

    def _parameters(self, body: Mapping[str, Any], out: Json, translated: set[str]) -> None:
        out.update({name: body[name] for name in SAME if body.get(name) is not None})
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        if limit is not None:
            out["num_predict"] = limit
        if body.get("stop"):
            out["stop"] = stops_of(body)
        if body.get("reasoning_effort") is not None:
            out["think"] = self._think(body["reasoning_effort"])
        self._logprobs(body, out)
        self._refuse_the_rest(body, translated)

    def _think(self, effort: str) -> bool | str:
        if not any(family in self._model for family in LEVELED):
            if effort != "none":
                self._ledger.changed("reasoning_effort", f"{self._model} thinks or does not; sent as 'true'")
            return effort != "none"
        level = LEVELS.get(effort, "high")
        if level != effort:
            self._ledger.changed("reasoning_effort", f"{effort!r} sent as {level!r}, the nearest there is")
        return level

    def _logprobs(self, body: Mapping[str, Any], out: Json) -> None:
        """Chat switches them on and counts apart; completions count, from 0."""
        wanted = body.get("logprobs")
        if wanted is not None and wanted is not False:
            out["logprobs"] = True
        most = body.get("top_logprobs") if wanted is None or isinstance(wanted, bool) else wanted
        if most:
            out["top_logprobs"] = most

    def _refuse_the_rest(self, body: Mapping[str, Any], translated: set[str]) -> None:
        if body.get("best_of") not in {None, 1}:
            raise UnsupportedParameterError("best_of: Ollama gives one answer a call", param="best_of")
        asked = {name: value for name, value in body.items() if (name, value) not in NEUTRAL}
        drop_others(asked, translated, self._ledger, "Ollama has no such parameter")


def settle(body: Json) -> None:
    """Move the model's options among *body*'s fields under `options`, in place."""
    plain = {name: body.pop(name) for name in OPTIONS & body.keys()}
    options = {**plain, **(body.get("options") or {})}
    if options:
        body["options"] = options


# ------------------------------------------------------------------------------------------ tables

ROLES = {"developer": "system", "function": "tool"}

SAME = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")

LEVELED = ("gpt-oss",)
"""Families that take a level of thinking; others think or do not, and refuse (or ignore) a level."""

LEVELS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}

BOTH = {*SAME, "max_completion_tokens", "max_tokens", "stop", "logprobs", "stream", "stream_options", "n"}
CHAT = BOTH | {
    "messages", "tools", "functions", "tool_choice", "function_call", "response_format", "reasoning_effort",
    "top_logprobs",
}  # fmt: skip
COMPLETION = BOTH | {"prompt", "suffix", "best_of"}

NEUTRAL = (("parallel_tool_calls", True), ("echo", False), ("verbosity", "medium"), ("service_tier", "auto"))

OPTIONS = {
    "draft_num_predict", "frequency_penalty", "main_gpu", "min_p", "mirostat", "mirostat_eta", "mirostat_tau",
    "num_batch", "num_ctx", "num_gpu", "num_keep", "num_predict", "num_thread", "numa", "penalize_newline",
    "presence_penalty", "repeat_last_n", "repeat_penalty", "seed", "stop", "temperature", "tfs_z", "top_k",
    "top_p", "typical_p", "use_mmap", "use_mlock",
}  # fmt: skip
