"""`import muxi_llm as openai`: every name, every module path, and the module-level client."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import pytest

import muxi_llm
from muxi_llm.clients import module as module_client
from tests.support import bodies
from tests.support.bodies import HELLO
from tests.support.upstream import Respond, Upstream
from tests.support.world import answer

CLIENTS = {"OpenAI", "AsyncOpenAI", "Client", "AsyncClient", "AzureOpenAI", "AsyncAzureOpenAI"}
OURS = {*CLIENTS, "types", "__version__"}
UNLISTED = (
    "AzureOpenAI", "AsyncAzureOpenAI", "APIResponse", "AsyncAPIResponse", "HttpxBinaryResponseContent",
    "AssistantEventHandler", "AsyncAssistantEventHandler", "pagination", "resources", "lib",
    "version", "BedrockOpenAI", "AsyncBedrockOpenAI",
)  # fmt: skip

# --------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", sorted({*openai.__all__, *UNLISTED}))
def test_every_name(name: str) -> None:
    """Names of the openai package: ours where we have better, else the very same objects."""
    ours, theirs = getattr(muxi_llm, name), getattr(openai, name)
    if name not in OURS:
        assert ours is theirs
    elif isinstance(ours, type):
        assert issubclass(ours, theirs)
        assert ours is not theirs


def test_errors_are_openai_s() -> None:
    """Every exception class of the original is the same object, so `except` clauses go on catching."""
    names = [name for name in openai.__all__ if name.endswith("Error")]
    assert len(names) > 15
    assert all(getattr(muxi_llm, name) is getattr(openai, name) for name in names)


@pytest.mark.parametrize("name", ["nonsense", "ChatCompletionn", "_private", "__wrapped__", "__path_hooks__"])
def test_unknown_names(name: str) -> None:
    """No such name: as a module says it, so `hasattr`, `from ... import` and tools work."""
    assert not hasattr(muxi_llm, name)
    with pytest.raises(ImportError):
        exec(f"from muxi_llm import {name}", {})


@pytest.mark.parametrize(
    "path", ["nonsense", "types.nonsense", "types.chat.nonsense", "version.nonsense", "lib._no", "_client"]
)
def test_unknown_modules(path: str) -> None:
    """No such module, no such private one either."""
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"muxi_llm.{path}")


def test_unknown_names_of_modules_of_both() -> None:
    """`muxi_llm.types` is ours and the original's; a name of neither is of no module."""
    assert muxi_llm.types.chat is openai.types.chat
    assert muxi_llm.types.Batch is openai.types.Batch
    assert importlib.import_module("muxi_llm.types.common").__name__ == "muxi_llm.types.common"
    for module in (muxi_llm.types, muxi_llm.models, muxi_llm.providers):
        assert [name for name in ("nonsense", "_private") if hasattr(module, name)] == []


@pytest.mark.parametrize("name", ["Edit", "Engine", "FineTune", "File", "Moderation", "Image"])
def test_the_style_before_1_0(name: str) -> None:
    """What openai 1.0 removed is not there, as in the original of today."""
    assert hasattr(muxi_llm, name) == hasattr(openai, name)


def test_the_style_before_1_0_that_lives_on() -> None:
    """`openai.ChatCompletion.create(...)`, `.acreate(...)` and `Embedding` are our own faces."""
    with Upstream(answer) as upstream:
        muxi_llm.openai_api_key = "k"  # type: ignore[attr-defined]
        muxi_llm.openai_base_url = f"{upstream.url}/v1"  # type: ignore[attr-defined]
        said = muxi_llm.ChatCompletion.create(model="gpt-4", messages=HELLO)
        assert said["choices"][0]["message"]["content"] == "Hello from loopback"
        later = asyncio.run(muxi_llm.ChatCompletion.acreate(model="gpt-4", messages=HELLO))
        assert later.model_dump() == said.model_dump()
        vector = muxi_llm.Embedding.create(model="text-embedding-3-small", input="hi")
        assert vector["data"][0]["embedding"] == [0.25, 0.5, 0.75]


# ----------------------------------------------------------------------------------------- the paths

PATHS = """
import importlib, pickle, pkgutil, sys, warnings
warnings.simplefilter("ignore")
FIRST
import muxi_llm, openai
names = [module.name for module in pkgutil.walk_packages(openai.__path__, "openai.")]
names = [name for name in names if not any(part.startswith("_") for part in name.split("."))]
wrong = []
for name in names:
    alias = "muxi_llm" + name.removeprefix("openai")
    ours = importlib.import_module(alias)
    theirs = importlib.import_module(name)
    if name not in {"openai.types", "openai.providers"} and ours is not theirs:
        wrong.append(("another module", name))
    if theirs.__name__ != name or theirs.__spec__.name != name or sys.modules[alias] is not ours:
        wrong.append(("its own name", name))
    if type(theirs.__spec__.loader).__name__ != "SourceFileLoader" or not theirs.__spec__.origin:
        wrong.append(("its own spec", name))
for module, theirs in (muxi_llm.types, openai.types), (muxi_llm.providers, openai.providers):
    for name in vars(theirs):
        if name[0] != "_" and name not in vars(module) and getattr(module, name) is not vars(theirs)[name]:
            wrong.append(("a name of a module of both", name))
from muxi_llm.types.chat import ChatCompletion
from muxi_llm.types.responses import Response
for value in (ChatCompletion, Response, muxi_llm.RateLimitError, Response.construct(id="r")):
    pickled = pickle.dumps(value)
    if pickle.loads(pickled) != value or b"muxi_llm" in pickled:
        wrong.append(("pickle", value))
importlib.reload(openai.types.chat.chat_completion)
print(len(names), wrong)
"""
FIRST = {
    "ours first": "import muxi_llm, muxi_llm.types.chat.chat_completion, muxi_llm.resources",
    "theirs first": "import openai, openai.types.chat.chat_completion, openai.resources, openai.lib.streaming",
    "client first": "import muxi_llm; muxi_llm.OpenAI",
}


@pytest.mark.parametrize("first", FIRST)
def test_every_module_path(first: str) -> None:
    """Each public module of the openai package is there under our name too, and is the same object."""
    script = PATHS.replace("FIRST", FIRST[first])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, _, wrong = done.stdout.strip().partition(" ")
    assert int(count) > 1000
    assert wrong == "[]"


LIGHT = """
import sys, muxi_llm
heavy = {"openai", "httpx2", "httpx", "pydantic", "anthropic", "tiktoken", "asyncio"} & sys.modules.keys()
import muxi_llm.types
print(heavy, "openai" in sys.modules)
import muxi_llm.clients.module, openai
print(openai._client, openai.api_type)
"""


def test_importing_loads_nothing() -> None:
    """The aliases cost nothing until they are used, and leave the original's own client unmade."""
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout == "set() False\nNone None\n"


# -------------------------------------------------------------------------------- module-level client

SETTINGS = {*module_client.PLAIN, *module_client.AZURE, "api_type"}


@pytest.fixture
def module() -> Iterator[Any]:
    """The package as a program knows it by `import muxi_llm as openai`; nothing set stays."""
    module_client.reset()
    yield muxi_llm
    module_client.reset()
    for name in SETTINGS & vars(muxi_llm).keys():
        delattr(muxi_llm, name)


@pytest.fixture
def own(module: Any) -> Iterator[Upstream]:
    """A server the module-level client is pointed at."""
    with Upstream(answer) as upstream:
        module.api_key = "sk-module"
        module.base_url = f"{upstream.url}/v1"
        yield upstream


def say(module: Any, **params: Any) -> Any:
    """A hello by the module."""
    return module.chat.completions.create(**{"model": "gpt-4", "messages": HELLO, **params})


def test_the_module_s_client(module: Any, own: Upstream) -> None:
    """Resources of the module, with `create`, streams, other resources and raw responses."""
    assert say(module).choices[0].message.content == "Hello from loopback"
    assert own.requests[0].path == "/v1/chat/completions"
    assert own.requests[0].headers["authorization"] == "Bearer sk-module"
    pieces = [chunk.choices[0].delta.content or "" for chunk in say(module, stream=True)]
    assert "".join(pieces) == "Hello from loopback"
    assert module.embeddings.create(model="e", input="hi").data[0].embedding == [0.25, 0.5, 0.75]
    assert [model.id for model in module.models.list()] == ["gpt-4"]
    raw = module.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO)
    assert raw.headers["x-request-id"] == "req_1"


@pytest.mark.parametrize("name", sorted(module_client.RESOURCES))
def test_every_resource_of_the_module(name: str, module: Any) -> None:
    """Each resource of the original's module-level client is there, and is a client's of ours."""
    module.api_key = "k"
    resource = getattr(module, "models_resource" if name == "models" else name)
    assert isinstance(resource._client, muxi_llm.OpenAI)
    assert isinstance(resource, type(getattr(openai.OpenAI(api_key="k"), name)))


HEADERS = {
    "api_key": ("sk-two", "authorization", "Bearer sk-two"),
    "organization": ("org-two", "openai-organization", "org-two"),
    "project": ("proj-two", "openai-project", "proj-two"),
    "default_headers": ({"X-Two": "2"}, "x-two", "2"),
    "timeout": (77.0, "x-stainless-read-timeout", "77.0"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_settings_are_read_at_each_request(name: str, module: Any, own: Upstream) -> None:
    """Set after the client was made, and taken back again."""
    value, header, told = HEADERS[name]
    before = getattr(module, name)
    say(module)
    setattr(module, name, value)
    say(module)
    setattr(module, name, before)
    say(module)
    first, second, third = (request.headers.get(header) for request in own.requests)
    assert second == told != first
    assert third == first


def test_a_query_for_every_request(module: Any, own: Upstream) -> None:
    """`default_query`."""
    module.default_query = {"api-version": "7"}
    say(module)
    assert own.requests[0].path == "/v1/chat/completions?api-version=7"


def test_another_server_at_run_time(module: Any, own: Upstream) -> None:
    """`base_url` counts at each request, with or without its last slash."""
    say(module)
    with Upstream(answer) as other:
        for url in (f"{other.url}/two", f"{other.url}/two/"):
            module.base_url = url
            say(module)
        assert [request.path for request in other.requests] == ["/two/chat/completions"] * 2
    assert len(own.requests) == 1


def test_no_end_of_waiting(module: Any, own: Upstream) -> None:
    """`timeout = None` means none."""
    module.timeout = None
    say(module)
    assert "x-stainless-read-timeout" not in own.requests[0].headers


@pytest.mark.parametrize("retries", [0, 2])
def test_retries_of_the_module(retries: int, module: Any, own: Upstream) -> None:
    """`max_retries`."""
    say(module)
    module.max_retries = retries
    own.script = [Respond(status=500, json=bodies.error(), headers={"retry-after-ms": "1"})] * 5
    with pytest.raises(module.InternalServerError):
        say(module)
    assert len(own.requests) == 1 + retries + 1


def test_an_http_client_at_run_time(module: Any, own: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """`http_client` carries the client's own requests and those to other providers; `None` ends it."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "ak")
    seen: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.host)
        return httpx2.Response(
            200, json=bodies.message() if "anthropic" in request.url.host else bodies.chat()
        )

    say(module)
    with httpx2.Client(transport=httpx2.MockTransport(respond)) as mine:
        module.http_client = mine
        say(module)
        say(module, model="anthropic/claude-3-haiku")
        module.http_client = None
    say(module)
    assert seen == ["127.0.0.1", "api.anthropic.com"]
    assert len(own.requests) == 2


def test_any_provider_by_the_module(module: Any, own: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another provider, a chain, and no OpenAI key at all."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "ak")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"{own.url}/anthropic")
    module.api_key = module.base_url = None
    assert say(module, model="anthropic/claude-3-haiku").choices[0].message.content == "Hello from loopback"
    with pytest.raises(openai.AuthenticationError, match="OPENAI_API_KEY"):
        say(module)
    assert [request.path for request in own.requests] == ["/anthropic/v1/messages"]


def test_one_client_for_all_threads(own: Upstream) -> None:
    """Made once, whoever comes first."""
    with ThreadPoolExecutor(8) as pool:
        made = [pool.submit(module_client.client) for _ in range(8)]
    assert len({id(future.result()) for future in made}) == 1


def test_azure_by_the_module(module: Any) -> None:
    """`api_type = "azure"`: the deployment in the path, the key in its own header."""
    with Upstream(answer) as upstream:
        module.api_type, module.api_version, module.api_key = "azure", "2026-01-01", "az"
        module.azure_endpoint = upstream.url
        assert say(module).choices[0].message.content == "Hello from loopback"
        request = upstream.requests[0]
    assert request.path == "/openai/deployments/gpt-4/chat/completions?api-version=2026-01-01"
    assert request.headers["api-key"] == "az"


AZURE = {
    "AZURE_OPENAI_ENDPOINT": {"api_key": "k"},
    "AZURE_OPENAI_API_KEY": {"azure_endpoint": "http://127.0.0.1:1"},
    "AZURE_OPENAI_AD_TOKEN": {"azure_endpoint": "http://127.0.0.1:1"},
}


@pytest.mark.parametrize("variable", AZURE)
def test_which_client_is_meant(variable: str, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure's variables alone mean Azure; with an OpenAI key beside them the original refuses to guess."""
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    for name, value in {**AZURE[variable], "api_version": "2026-01-01"}.items():
        setattr(module, name, value)
    assert isinstance(module_client.client(), muxi_llm.AzureOpenAI)
    assert module.api_type == "azure"  # found out, and told
    module_client.reset()
    module.api_type = None
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with pytest.raises(openai.OpenAIError, match="api_type"):
        say(module)
    module.api_type = "openai"
    assert type(module_client.client()).__mro__[2] is muxi_llm.OpenAI


def test_bedrock_by_the_module(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its credentials are its own; the module's key goes before them once it is set."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "from the environment")
    seen: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(200, json={"object": "list", "data": []})

    with httpx2.Client(transport=httpx2.MockTransport(respond)) as mine:
        module.api_type, module.http_client = "amazon-bedrock", mine
        client = module.responses._client
        assert isinstance(client, openai.BedrockOpenAI)
        client.models.list()
        assert (client.api_key, module.api_key) == ("from the environment", None)
        module.api_key = "bk"
        client.models.list()
        assert client.api_key == "bk"
    assert seen == ["Bearer from the environment", "Bearer bk"]


def test_names_that_look_private(module: Any) -> None:
    """What programs' tests use of the original's module: the client of a resource, and a new one."""
    module.api_key = "k"
    client = module.chat._client
    assert client is module.models._client
    assert isinstance(client, muxi_llm.OpenAI)
    module._reset_client()
    assert module.chat._client is not client
    assert not hasattr(module, "_load_client")


def test_the_originals_private_settings_are_no_slips_of_the_pen(monkeypatch: pytest.MonkeyPatch) -> None:
    """`_bedrock_api_key` ends like a provider's setting; programs and tests of the openai package set it."""
    muxi_llm._bedrock_api_key = None  # type: ignore[attr-defined]
    del muxi_llm._bedrock_api_key  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="did you mean 'openai_api_key'"):
        muxi_llm.opena_api_key = "k"  # type: ignore[attr-defined]
