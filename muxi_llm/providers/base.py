"""The provider: where to talk, who it is, what it can do.

A provider is a class of facts. Its wire codec (`wires`) knows how to talk; the class adds base URL,
credentials, capability flags and three tables of quirks. To add one, subclass and set what differs::

    class MyCustomProvider(Provider):
        base_url = "https://llm.example.com/v1"
        vision_support = True

The subclass registers itself as `my_custom` (or its `name`), so `my_custom/any-model` works at once,
with the key from `MY_CUSTOM_API_KEY`. No method is required; `authorize`, `url_of`, `prepare`, `read` and
`classify` may be overridden. All of them are pure: no I/O. What needs the world (a token fetched first, a
signature, a second request) overrides `send`, and has the port alone to do it with.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm import errors
from muxi_llm.loading import loading
from muxi_llm.providers.profiles import profile_of
from muxi_llm.wire.base import SPOKEN, Fault, Profile, Reply, Wire, WireCall, WireError, overlaid
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.openai.completions import CompletionsOverChat, OpenAICompletions
from muxi_llm.wire.openai.embeddings import OpenAIEmbeddings
from muxi_llm.wire.passthrough import Passthrough
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Self

    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import Endpoint, Json, Ledger
    from muxi_llm.wire.batch_lines import Lines
    from muxi_llm.wire.passthrough import Through

DOT_SEGMENT = re.compile(r"(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=[/\\#]|%2f|%5c|$)", re.IGNORECASE)
"""What leads out of a path, as servers and proxies read it: https://url.spec.whatwg.org/#double-dot-path-segment."""

CLASSES: dict[str, type[Provider]] = {}
"""Every provider class that exists, by name; `registry` looks here first."""


class Provider:
    """One place that serves models, OpenAI-compatible unless a subclass says otherwise.

    Instances are made per call, hold that call's key (or `keys`: a pool) and base URL, and are never shared.
    """

    name: ClassVar[str] = ""
    base_url: str = ""
    base_url_env: ClassVar[tuple[str, ...]] = ()
    key_env: ClassVar[tuple[str, ...]] = ()
    keys_env: ClassVar[tuple[str, ...]] = ()
    """Pools of keys, comma-separated: made of `key_env`, `OPENAI_KEYS` for `OPENAI_API_KEY`."""
    key_required: bool = True  # of an instance, which may have something better than a key
    wires: ClassVar[Mapping[Endpoint, type[Wire]]] = {
        "chat": OpenAIChat,
        "completion": OpenAICompletions,
        "embedding": OpenAIEmbeddings,
        "models": ModelsList,
    }

    more_wires: Mapping[Endpoint, str] = {}  # of an instance: one class may stand for many servers
    """Endpoint → its codec below `muxi_llm.wire`, `module:Class`, which is loaded when it is asked for."""

    # The seven flags of the custom provider example.
    json_mode_support: ClassVar[bool] = False
    """`response_format={"type": "json_object"}`; without it a system instruction asks for JSON."""
    vision_support: ClassVar[bool] = False
    """`image_url` parts; without it they are removed from the message."""
    audio_input_support: ClassVar[bool] = False
    """`input_audio` and `audio_url` parts."""
    video_input_support: ClassVar[bool] = False
    """`video_url` parts."""
    streaming_support: ClassVar[bool] = False
    """Server-sent events; without it the whole answer is handed out as chunks."""
    token_by_token_support: ClassVar[bool] = False
    """Chunks arrive as tokens are made, not in one piece at the end."""
    realtime_support: ClassVar[bool] = False
    """A realtime (WebSocket) API, of OpenAI's protocol."""

    # Finer ones.
    json_schema_support: ClassVar[bool] = False
    """`response_format={"type": "json_schema"}`; without it JSON mode and an instruction with the schema."""
    tools_support: ClassVar[bool] = True
    """`tools` and `tool_choice`; without them a request with tools is refused, they cannot be faked."""
    system_message_support: ClassVar[bool] = True
    """`system` messages; without them they are sent as user messages."""
    developer_message_support: ClassVar[bool] = False
    """`developer` messages; without them they are sent as `system`."""
    file_input_support: ClassVar[bool] = False
    """`file` parts (PDF and other documents)."""
    audio_output_support: bool = False
    """`modalities=["text", "audio"]` of a chat: it speaks."""
    image_output_support: bool = False
    """`modalities=["image", "text"]` of a chat: it draws."""
    audio_replay_support: bool = False
    """`audio` of an assistant message, by its id; without it, what was said is there as text."""
    image_replay_support: bool = False
    """`images` of an assistant message, as OpenRouter has them."""
    cache_control_support: ClassVar[bool] = False
    """Anthropic's `cache_control` marks on parts and tools."""
    thinking_blocks_support: ClassVar[bool] = False
    """Signed `thinking_blocks` of an assistant message, replayed."""
    anthropic_blocks_support: ClassVar[bool] = False
    """Anthropic's own content blocks and marks, where the chat form has none."""
    tool_reference_support: ClassVar[bool] = False
    """`tool_reference` parts: what a search for deferred tools has found; without it they are named."""
    extra_content_support: bool = False
    """`extra_content` of messages and tool calls: state by provider, replayed (Gemini's signatures)."""
    media_url_support: ClassVar[bool] = True
    """It fetches `http(s)` URLs of images and videos by itself; without it they must come as base64."""
    audio_url_support: ClassVar[bool] = False
    """`audio_url` parts, and it fetches them by itself; without it they are sent as `input_audio`."""
    file_url_support: ClassVar[bool] = False
    """It fetches `http(s)` URLs in `file` parts by itself."""
    tool_media_support: ClassVar[bool] = False
    """Images and files in a tool's result; without it they follow in a user message."""
    tool_parts_support: ClassVar[bool] = False
    """A tool's result as parts; without it, text comes as one string."""
    error_result_support: ClassVar[bool] = False
    """`is_error` of a tool's result; without it the result says in words that it is one."""
    document_support: ClassVar[bool] = False
    """`file` parts of text, and without a name; without it a file has a name, and text is sent as text."""
    prefill_support: ClassVar[bool] = False
    """An assistant message at the end is one begun, which the answer goes on from."""
    top_k_support: ClassVar[bool] = False
    """`top_k`."""
    reasoning_replay_support: bool = False  # of an instance: one class may stand for many servers
    """`reasoning_content` of an assistant message, replayed."""
    reasoning_details_support: bool = False
    """`reasoning_details` of an assistant message, replayed."""

    # Quirks, applied by `adapt`: parameter → its other name, why it is left out, or the only value taken.
    renames: ClassVar[Mapping[str, str]] = {}
    drops: ClassVar[Mapping[str, str]] = {}
    forces: ClassVar[Mapping[str, Any]] = {}

    # Habits within OpenAI's own form, applied by `adapt` (core/habits.py) between the tables of the model's
    # family and those above.
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Parameter → the least and the most it may be; what is beyond is sent as the nearest."""
    foreign: ClassVar[frozenset[str]] = frozenset()
    """Parameters that OpenAI alone has, and this service refuses or ignores."""
    lengths: ClassVar[Mapping[str, int]] = {}
    """Parameter → the most characters it may have; a longer one is sent as its hash (64 characters)."""
    stop_limit: ClassVar[int] = 0
    """How many `stop` sequences it takes; 0: any number."""
    effort_fields: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """`reasoning_effort` → the fields that ask for it here (none: it is left out). Others go as they are."""
    tool_choices: ClassVar[Mapping[str, str]] = {}
    """`tool_choice` it refuses ("function": a named one) → the one it takes; "": `tools` are left out."""
    allowed_tools_support: ClassVar[bool] = False
    """`tool_choice` of `allowed_tools`; without it the tools allowed are the only ones sent."""
    own_tools: ClassVar[str] = ""
    """Pattern of those tools, besides functions, that it takes as they are: by type, or by a dot and the key
    of one that has no type (`.googleSearch`)."""
    server_tools: ClassVar[Mapping[str, Json]] = {}
    """Kind of a tool that others run (`web_search`, see `wire.tool_kinds`) → its own of that kind."""
    server_tools_alone: ClassVar[bool] = False
    """It takes no functions beside those."""
    tool_names: ClassVar[str] = ""
    """Pattern that names of functions must match; others are replaced, and given back in the calls."""
    property_names: ClassVar[str] = ""
    """The same for their parameters' names."""
    one_root_schemas: ClassVar[bool] = False
    """Their parameters may have no `anyOf`, `oneOf` or `allOf` at the top."""
    whole_schemas: ClassVar[bool] = False
    """Their objects must have `properties`, their arrays `items`; `strict` ones no `oneOf`."""
    message_drops: ClassVar[Mapping[str, str]] = {}
    """Field of a message it refuses → why it is left out."""
    string_content: ClassVar[frozenset[str]] = frozenset()
    """Roles whose text must be one string, not a list of parts."""
    alternating_roles: ClassVar[bool] = False
    """System messages first, then turns that alternate: those of one role are merged."""
    assistant_fields: ClassVar[frozenset[str]] = frozenset()
    """The fields an assistant's message may have here; others are left out."""
    reasoning_field: ClassVar[str] = ""
    """How it calls the thinking of a message, `reasoning_content` or `reasoning`; "": either."""
    one_system: ClassVar[bool] = False
    """One system message, the first: those behind it are put into it, later ones sent as the user's."""
    reply_to_tools: ClassVar[str] = ""
    """What the assistant says between a tool's result and the user, where the two may not meet."""
    prefill: ClassVar[Mapping[str, Any]] = {}
    """The fields that have it go on from an assistant message at the end; `message`: that message's own."""
    tool_call_id: ClassVar[str] = ""
    """The pattern ids of tool calls must match; others are replaced, a call's and its result's alike."""
    quirks: ClassVar[Mapping[Endpoint, Mapping[str, Profile]]] = {}
    """Endpoint other than chat, completions and embeddings → pattern of a model's name → what it takes there
    otherwise than OpenAI. The tables above are about those three."""
    batch_lines: ClassVar[str] = ""
    """How the lines of a batch's file look here, like `more_wires`; "": it has no batches."""
    families: ClassVar[Mapping[str, Profile]] = {}
    """Pattern of a model's name → quirks it has here alone, instead of its family's."""

    verbatim: bool = False  # of an instance: it depends on who asks
    """Requests that arrive in this provider's own wire go out as they came."""
    timeout: float | None = None
    """Seconds for an attempt here, where that is less than the call's."""
    through: Through | None = None
    """The wire of those, where it is known by its path and its events alone."""
    takes_logins: bool = False
    """A client's own login goes there in the place of the key, where a gateway's configuration says so."""
    rewrite: Callable[[Json], Json] | None = None
    """What a deployment's configuration does to each body, last of all."""
    namespaced_models: ClassVar[bool] = False
    """Its own model names contain a slash (OpenRouter's `anthropic/claude-3`)."""
    header_env: ClassVar[Mapping[str, str]] = {}
    """Header → environment variable that fills it, where set (OpenAI's organization)."""
    settings_env: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Further setting → the variables it is read from; `muxi_llm.<name>_<setting>` wins over them."""
    tier: ClassVar[str] = "community"
    """`verified`: somebody ran the live suite against the service and kept what it answered."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.api_key = api_key
        self.keys: tuple[str, ...] = ()
        self.headers = dict(headers or {})
        self.settings = settings or {}
        if base_url:
            self.base_url = base_url
        self.base_url = self.base_url.rstrip("/")

    def __copy__(self) -> Self:
        """Another that may be changed without this one, in a fifth of the time that `copy` would take."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __init_subclass__(cls, *, register: bool = True, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not register:  # a base for others, or a stand-in
            return
        if "name" not in cls.__dict__:
            cls.name = snake_case(cls.__name__.removesuffix("Provider"))
        prefix = re.sub(r"\W", "_", cls.name).upper()
        if "key_env" not in cls.__dict__:
            cls.key_env = (f"{prefix}_API_KEY",)
        cls.keys_env = tuple(
            variable.removesuffix("_API_KEY") + "_KEYS"
            for variable in cls.key_env
            if variable.endswith("_API_KEY")
        )
        if "base_url_env" not in cls.__dict__:
            cls.base_url_env = (f"{prefix}_BASE_URL",)
        CLASSES[cls.name] = cls

    @classmethod
    def endpoints(cls) -> set[Endpoint]:
        """What it has."""
        return {*cls.wires, *cls.more_wires}

    @classmethod
    def lines(cls) -> type[Lines] | None:
        """How the lines of a batch's file look here; `None`: it has no batches."""
        return wire_at(cls.batch_lines) if cls.batch_lines else None

    @property
    def giver(self) -> str:
        """Whose the state in its answers is: a name that the next turn is known by."""
        return self.name

    # ------------------------------------------------------------------------------------- verbs

    def profile_at(self, endpoint: Endpoint, model: str) -> Profile:
        """Quirks of *model*'s family at *endpoint*."""
        if endpoint in SPOKEN:
            return self.profile(model)
        rows = self.quirks.get(endpoint, {}).items()
        return next((quirks for pattern, quirks in rows if re.match(pattern, model)), NO_QUIRKS)

    def profile(self, model: str) -> Profile:
        """Quirks of *model*'s family, where it speaks."""
        for pattern, quirks in self.families.items():
            if re.match(pattern, model):
                return quirks
        return profile_of(model)

    def realtime_address(self, model: str) -> tuple[str, dict[str, str]]:
        """What `/realtime` is below, and the query that says which *model* a session is with."""
        return self.base_url, {"model": model}

    def authorize(self) -> dict[str, str]:
        """Headers that carry the key. Keys never go anywhere but here."""
        return {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:
        """A codec for one attempt. Raises `InvalidRequestError` where there is no such endpoint."""
        if self.through is not None:
            return Passthrough(model, ledger, self.profile_at(endpoint, model), self.through)
        kind: Callable[[str, Ledger, Profile], Wire] | None = self.wires.get(endpoint)
        if kind is None and endpoint in self.more_wires:
            kind = wire_at(self.more_wires[endpoint])
        if kind is not None:
            wire = kind(model, ledger, self.profile_at(endpoint, model))
            wire.giver = self.giver
            wire.settings = self.settings
            return wire
        if endpoint == "completion" and "chat" in self.wires:
            return CompletionsOverChat(self.wire_for("chat", model, ledger))
        have = ", ".join(sorted({one.partition(".")[0] for one in self.endpoints()}))
        message = f"{self.name} has no {endpoint} endpoint (it has: {have})"
        if endpoint not in SPOKEN:  # which nearly everybody has
            others = import_module("muxi_llm.providers.registry").having(endpoint)  # it knows of us
            message += f"; these have: {', '.join(others)}"
        raise errors.InvalidRequestError(message, param="model")

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        """Where this attempt goes."""
        return self.base_url + wire.path_for(stream=stream)

    def prepare(
        self, wire: Wire, body: Mapping[str, Any], *, stream: bool, extra: Mapping[str, Any]
    ) -> WireCall:
        """The HTTP request for *body* (OpenAI-shaped); *extra*, native options, is laid over it."""
        if not self.base_url:
            variable = "".join(f"set {name} or " for name in self.base_url_env[:1])
            raise errors.InvalidRequestError(
                f"{self.name}: no base URL; {variable}pass base_url=", param="base_url"
            )
        encoded = wire.encode_request(body, stream=stream)
        if extra:
            encoded = overlaid(encoded, extra)
        wire.settle(encoded)
        if self.rewrite is not None:
            encoded = self.rewrite(encoded)
        accepted = wire.stream_headers if stream else {}
        headers = {
            "content-type": "application/json",
            **accepted,
            **wire.headers,
            **self.headers,
            **self.authorize(),
        }
        content = b"" if wire.method == "GET" else wire.content_of(encoded)
        if isinstance(content, Upload):
            del headers["content-type"]  # its own holds the boundary, which each sending has anew
        url = self.url_of(wire, stream=stream)
        if ("/." in url or "%" in url or "\\" in url) and DOT_SEGMENT.search(url.partition("?")[0]):
            message = f"{self.name}: the model's name {wire.model!r} would lead to another path"
            raise errors.InvalidModelError(message, param="model")
        return WireCall(url, headers, content, stream and not wire.prelude, method=wire.method)

    def send(self, io: IO, call: WireCall) -> Coroutine[Any, Any, Reply]:
        """Carry *call* out over the port; an override is an `async def`. Raises `TransportError`."""
        return io.send(call)

    def read(self, wire: Wire, reply: Reply) -> Any:
        """The typed value of a successful reply. Raises `WireError` where there is none in it."""
        return wire.decode_response(reply.content, created=int(reply.received))

    def classify(self, fault: Fault, *, url: str, reply: Reply) -> errors.MuxiLLMError:
        """The error for what the provider said. Status decides, text does not.

        A pause that Google asks for in the body becomes the header that everybody reads, whichever of its
        endpoints it is: https://cloud.google.com/apis/design/errors (`google.rpc.RetryInfo`). The key is
        left out where a server quotes it: errors are logged, and a gateway's reach its clients.
        """
        if self.api_key and len(self.api_key) >= SHORTEST:
            message, body = (unquoted(one, self.api_key) for one in (fault.message, fault.body))
            fault = replace(fault, message=message, body=body)
            reply.content = reply.content.replace(self.api_key.encode(), UNTOLD.encode())
        delay = asked_delay(fault.body)
        if delay is not None and "retry-after" not in reply.headers:
            reply.headers = {**reply.headers, "retry-after": delay}
        error = errors.status_error(
            fault.status,
            fault.message,
            url=url,
            headers=reply.headers,
            body=fault.body,
            content=reply.content,
        )
        # OpenAI's class reads these from the body's top level, where only OpenAI puts them.
        error.type, error.code, error.param = fault.type, fault.code, fault.param  # type: ignore[attr-defined]
        error.request_id = error.request_id or reply.headers.get("request-id")  # type: ignore[attr-defined]
        return error

    def error_of(self, wire_error: WireError, *, url: str, reply: Reply) -> errors.MuxiLLMError:
        """The error for bytes that are an error object, no answer at all, or half of one."""
        if wire_error.fault is not None:
            return self.classify(wire_error.fault, url=url, reply=reply)
        if wire_error.kind == "incomplete":
            return errors.incomplete_stream(wire_error.message, url=url)
        if wire_error.kind == "too_large":
            return errors.reply_too_large(wire_error.message, url=url)
        return errors.malformed_reply(
            wire_error.message, url=url, headers=reply.headers, content=reply.content
        )


def unquoted(value: Any, key: str, deep: int = 9) -> Any:
    """*value*, of JSON, without the key; what is deeper than errors are is left out."""
    if isinstance(value, str):
        return value.replace(key, UNTOLD)
    if not isinstance(value, dict | list):
        return value
    if not deep:
        return None
    if isinstance(value, list):
        return [unquoted(one, key, deep - 1) for one in value]
    return {name: unquoted(one, key, deep - 1) for name, one in value.items()}


SHORTEST, UNTOLD = 8, "***"
"""Characters of what is a key, and not a word that may stand anywhere."""


@cache
def wire_at(path: str) -> Any:
    """The codec at *path*, `module:Class` below `muxi_llm.wire`, or what makes the right one for a model."""
    module, _, name = path.partition(":")
    with loading.under_way():
        return getattr(import_module(f"muxi_llm.wire.{module}"), name)


def stored_in(module: str, **others: str) -> dict[Endpoint, str]:
    """`more_wires` of files and batches that are all in one module, but for *others*."""
    return {endpoint: others.get(name, f"{module}:{name}") for endpoint, name in STORED.items()}


STORED: dict[Endpoint, str] = {
    "file.create": "FileCreate",
    "file.list": "FileList",
    "file.retrieve": "FileRetrieve",
    "file.content": "FileContent",
    "file.delete": "FileDelete",
    "batch.create": "BatchCreate",
    "batch.list": "BatchList",
    "batch.retrieve": "BatchRetrieve",
    "batch.cancel": "BatchCancel",
}
"""Operations on files and batches, and what their codecs are called in every family."""

NO_QUIRKS = Profile()


def asked_delay(body: object) -> str | None:
    """Seconds to wait, where an error's details say so (`"retryDelay": "36s"`)."""
    details = body.get("details") if isinstance(body, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str):
            return delay.removesuffix("s")
    return None


def snake_case(name: str) -> str:
    """`MyCustom` → `my_custom`, `HTTPModel` → `http_model`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
