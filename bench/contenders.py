"""Every contender's way of doing each piece of work; one process per run.

    python -m bench.contenders NAME WORKLOAD CALLS

prints one JSON line. Libraries are loaded by name so that a process holds its own contender and no other.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from bench import measure, replies
from bench.raw_socket import DirectClient
from bench.upstream import ROOT, Running, loop_factory, raise_file_limit, running
from bench.workloads import CONCURRENCY, WORKLOADS, Kind, Message, Role, Workload, conversation

KEY: Final = "sk-bench"
CLAUDE: Final = "claude-sonnet-4-5"
MAX_TOKENS: Final = 100
ALL: Final[frozenset[Kind]] = frozenset({"sync", "async", "swarm", "stream"})
SWARM: Final[frozenset[Kind]] = frozenset({"swarm"})


class Setup(NamedTuple):
    origin: str  # without /v1
    messages: list[Message]

    @property
    def base_url(self) -> str:
        return self.origin + "/v1"

    def chat_body(self, **extra: Any) -> dict[str, Any]:
        return {"model": "gpt-4", "messages": self.messages, **extra}


Maker = Callable[[Any, Setup], Callable[[], Any]]


class Contender(NamedTuple):
    label: str
    module: str
    makers: dict[Role, Maker]
    versions: tuple[str, ...]
    env: Mapping[str, str] = MappingProxyType({})
    slow: frozenset[Kind] = frozenset()  # kinds of work that take it a millisecond a call or more
    raw: bool = False  # hands out a stream's bytes as they came
    local: bool = False  # no network: the upstream is not asked


def text(completion: Any) -> str:
    return completion.choices[0].message.content  # type: ignore[no-any-return]  # checked against the expected


def deltas(stream: Any) -> Iterator[str]:
    return (chunk.choices[0].delta.content or "" for chunk in stream)


# muxi_llm ---------------------------------------------------------------------------------------------------


def muxi_chat(muxi: Any, setup: Setup) -> measure.SyncCall:
    create = muxi.ChatCompletion.create
    return lambda: text(create(model="openai/gpt-4", messages=setup.messages))


def muxi_achat(muxi: Any, setup: Setup) -> measure.AsyncCall:
    acreate = muxi.ChatCompletion.acreate

    async def call() -> str:
        return text(await acreate(model="openai/gpt-4", messages=setup.messages))

    return call


def muxi_stream(muxi: Any, setup: Setup) -> measure.StreamCall:
    create = muxi.ChatCompletion.create
    return lambda: deltas(create(model="openai/gpt-4", messages=setup.messages, stream=True))


def muxi_messages(muxi: Any, setup: Setup) -> measure.SyncCall:
    create = muxi.ChatCompletion.create
    return lambda: text(create(model="anthropic/" + CLAUDE, messages=setup.messages, max_tokens=MAX_TOKENS))


# muxi_llm, the whole harness around it ----------------------------------------------------------------------


# No network here: a few microseconds cannot be seen beside what sending costs. The replies are prebuilt.


_PORTS: Final = ExitStack()


class Canned:
    """Either transport, without a network."""

    def __init__(self) -> None:
        self._kind = importlib.import_module("muxi_llm.wire.base").Reply
        self._body = json.dumps(replies.CHAT).encode()

    def send(self, _: Any) -> Any:
        return self._kind(200, {"content-type": "application/json"}, self._body, None, 1.0)


class AsyncCanned(Canned):
    """It lets the loop turn once, as a network would."""

    async def send(self, call: Any) -> Any:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().send(call)


def _all_on(muxi: Any) -> None:
    """Every stage. The folder of the kill switch is any that exists."""
    muxi.harness.configure(
        cache="memory", singleflight=True, breaker=3, concurrency=32, kill_switch=str(ROOT / "bench")
    )


def _sync(*, on: bool, hit: bool = False) -> Maker:
    def maker(muxi: Any, setup: Setup) -> measure.SyncCall:
        ports = importlib.import_module("muxi_llm.transport.ports")
        _PORTS.enter_context(muxi.runtime.using(ports.BlockingIO(Canned())))
        _all_on(muxi) if on else None
        create, messages = muxi.ChatCompletion.create, _numbered(setup, step=not hit)
        return lambda: text(create(model="openai/gpt-4", messages=messages()))

    return maker


def _async(*, on: bool, hit: bool = False) -> Maker:
    def maker(muxi: Any, setup: Setup) -> measure.AsyncCall:
        ports = importlib.import_module("muxi_llm.transport.ports")
        _PORTS.enter_context(muxi.runtime.using(ports.AsyncIO(AsyncCanned())))
        _all_on(muxi) if on else None
        acreate, messages = muxi.ChatCompletion.acreate, _numbered(setup, step=not hit)

        async def call() -> str:
            return text(await acreate(model="openai/gpt-4", messages=messages()))

        return call

    return maker


def _numbered(setup: Setup, *, step: bool) -> Callable[[], list[Message]]:
    """The conversation; with *step* another one each time, which is in no cache."""
    numbers, rest = itertools.count(step=int(step)), setup.messages[1:]
    return lambda: [{"role": "system", "content": f"You are helper {next(numbers)}."}, *rest]


def _around(**wanted: bool) -> dict[Role, Maker]:
    return {"hchat": _sync(**wanted), "hachat": _async(**wanted)}


# openai, and our drop-in for it -----------------------------------------------------------------------------


def openai_chat(openai: Any, setup: Setup) -> measure.SyncCall:
    create = openai.OpenAI(base_url=setup.base_url, api_key=KEY).chat.completions.create
    return lambda: text(create(**setup.chat_body()))


def openai_achat(openai: Any, setup: Setup) -> measure.AsyncCall:
    client = openai.AsyncOpenAI(base_url=setup.base_url, api_key=KEY)

    async def call() -> str:
        return text(await client.chat.completions.create(**setup.chat_body()))

    return call


def openai_stream(openai: Any, setup: Setup) -> measure.StreamCall:
    create = openai.OpenAI(base_url=setup.base_url, api_key=KEY).chat.completions.create
    return lambda: deltas(create(**setup.chat_body(stream=True)))


# anthropic --------------------------------------------------------------------------------------------------


def anthropic_messages(anthropic: Any, setup: Setup) -> measure.SyncCall:
    create = anthropic.Anthropic(base_url=setup.origin, api_key=KEY).messages.create
    system, turns = setup.messages[0]["content"], setup.messages[1:]
    return lambda: create(model=CLAUDE, system=system, messages=turns, max_tokens=MAX_TOKENS).content[0].text


# litellm ----------------------------------------------------------------------------------------------------


def _litellm_openai(setup: Setup) -> dict[str, Any]:
    return {"model": "openai/gpt-4", "messages": setup.messages, "api_base": setup.base_url, "api_key": KEY}


def litellm_chat(litellm: Any, setup: Setup) -> measure.SyncCall:
    keywords = _litellm_openai(setup)
    return lambda: text(litellm.completion(**keywords))


def litellm_achat(litellm: Any, setup: Setup) -> measure.AsyncCall:
    keywords = _litellm_openai(setup)

    async def call() -> str:
        return text(await litellm.acompletion(**keywords))

    return call


def litellm_stream(litellm: Any, setup: Setup) -> measure.StreamCall:
    keywords = _litellm_openai(setup)
    return lambda: deltas(litellm.completion(**keywords, stream=True))


def litellm_messages(litellm: Any, setup: Setup) -> measure.SyncCall:
    keywords = {
        "model": "anthropic/" + CLAUDE,
        "messages": setup.messages,
        "api_base": setup.origin,
        "api_key": KEY,
        "max_tokens": MAX_TOKENS,
    }
    return lambda: text(litellm.completion(**keywords))


# the bare transports: JSON there and back, no types ---------------------------------------------------------


def _chat_url(setup: Setup) -> str:
    return setup.base_url + "/chat/completions"


def _bare_headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


def content(reply: Any) -> str:
    return reply["choices"][0]["message"]["content"]  # type: ignore[no-any-return]


def httpx2_chat(httpx2: Any, setup: Setup) -> measure.SyncCall:
    orjson = importlib.import_module("orjson")
    post, url = httpx2.Client(headers=_bare_headers()).post, _chat_url(setup)
    return lambda: content(orjson.loads(post(url, content=orjson.dumps(setup.chat_body())).content))


def httpx2_achat(httpx2: Any, setup: Setup) -> measure.AsyncCall:
    orjson = importlib.import_module("orjson")
    limits = httpx2.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    client, url = httpx2.AsyncClient(headers=_bare_headers(), limits=limits, timeout=60), _chat_url(setup)

    async def call() -> str:
        reply = await client.post(url, content=orjson.dumps(setup.chat_body()))
        return content(orjson.loads(reply.content))

    return call


def httpx2_stream(httpx2: Any, setup: Setup) -> measure.StreamCall:
    orjson = importlib.import_module("orjson")
    client, url = httpx2.Client(headers=_bare_headers()), _chat_url(setup)

    def call() -> Iterator[str]:
        with client.stream("POST", url, content=orjson.dumps(setup.chat_body(stream=True))) as reply:
            for data in reply.iter_raw():
                yield data.decode()

    return call


def pyreqwest_chat(pyreqwest: Any, setup: Setup) -> measure.SyncCall:
    orjson = importlib.import_module("orjson")
    client, url = pyreqwest.SyncClientBuilder().default_headers(_bare_headers()).build(), _chat_url(setup)

    def call() -> str:
        reply = client.post(url).body_bytes(orjson.dumps(setup.chat_body())).build().send()
        return content(orjson.loads(reply.bytes().to_bytes()))

    return call


def pyreqwest_achat(pyreqwest: Any, setup: Setup) -> measure.AsyncCall:
    orjson = importlib.import_module("orjson")
    client, url = pyreqwest.ClientBuilder().default_headers(_bare_headers()).build(), _chat_url(setup)

    async def call() -> str:
        reply = await client.post(url).body_bytes(orjson.dumps(setup.chat_body())).build().send()
        return content(orjson.loads((await reply.bytes()).to_bytes()))

    return call


def pyreqwest_stream(pyreqwest: Any, setup: Setup) -> measure.StreamCall:
    orjson = importlib.import_module("orjson")
    client, url = pyreqwest.SyncClientBuilder().default_headers(_bare_headers()).build(), _chat_url(setup)

    def call() -> Iterator[str]:
        request = client.post(url).body_bytes(orjson.dumps(setup.chat_body(stream=True)))
        with request.streamed_read_buffer_limit(0).build_streamed() as reply:
            while data := reply.body_reader.read_chunk():
                yield data.to_bytes().decode()

    return call


def direct_chat(_: Any, setup: Setup) -> measure.SyncCall:
    client = DirectClient(setup.origin, _bare_headers())
    return lambda: content(json.loads(client.whole(json.dumps(setup.chat_body()).encode())))


def direct_stream(_: Any, setup: Setup) -> measure.StreamCall:
    client = DirectClient(setup.origin, _bare_headers())
    return lambda: client.stream(json.dumps(setup.chat_body(stream=True)).encode())


# the table --------------------------------------------------------------------------------------------------

_MUXI: Final[dict[Role, Maker]] = {
    "chat": muxi_chat,
    "achat": muxi_achat,
    "stream": muxi_stream,
    "messages": muxi_messages,
}
_OPENAI: Final[dict[Role, Maker]] = {"chat": openai_chat, "achat": openai_achat, "stream": openai_stream}
_HTTPX2, _FAST = {"MUXI_LLM_TRANSPORT": "httpx2"}, {"MUXI_LLM_TRANSPORT": "fast"}
_OURS = ("muxi-llm", "openai", "httpx2", "pyreqwest", "orjson", "pydantic")

CONTENDERS: Final[dict[str, Contender]] = {
    "muxi": Contender("muxi_llm (as it comes)", "muxi_llm", _MUXI, _OURS),
    "muxi-fast": Contender("muxi_llm (fast)", "muxi_llm", _MUXI, _OURS, _FAST),
    "muxi-httpx2": Contender("muxi_llm (httpx2)", "muxi_llm", _MUXI, _OURS, _HTTPX2, SWARM),
    "bare": Contender("no harness", "muxi_llm", _around(on=False), _OURS, local=True),
    "harness-miss": Contender("all on, cache miss", "muxi_llm", _around(on=True), _OURS, local=True),
    "harness-hit": Contender("all on, memory hit", "muxi_llm", _around(on=True, hit=True), _OURS, local=True),
    "dropin": Contender("muxi_llm.OpenAI (as it comes)", "muxi_llm", _OPENAI, _OURS),
    "dropin-fast": Contender("muxi_llm.OpenAI (fast)", "muxi_llm", _OPENAI, _OURS, _FAST),
    "dropin-httpx2": Contender("muxi_llm.OpenAI (httpx2)", "muxi_llm", _OPENAI, _OURS, _HTTPX2, SWARM),
    "openai": Contender("openai", "openai", _OPENAI, ("openai", "httpx2", "pydantic"), slow=ALL),
    "anthropic": Contender(
        "anthropic", "anthropic", {"messages": anthropic_messages}, ("anthropic", "httpx2"), slow=ALL
    ),
    "litellm": Contender(
        "litellm",
        "litellm",
        {
            "chat": litellm_chat,
            "achat": litellm_achat,
            "stream": litellm_stream,
            "messages": litellm_messages,
        },
        ("litellm", "openai", "httpx"),
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        slow=ALL,
    ),
    "httpx2": Contender(
        "raw httpx2",
        "httpx2",
        {"chat": httpx2_chat, "achat": httpx2_achat, "stream": httpx2_stream},
        ("httpx2", "orjson"),
        slow=SWARM,
        raw=True,
    ),
    "pyreqwest": Contender(
        "raw pyreqwest",
        "pyreqwest.client",
        {"chat": pyreqwest_chat, "achat": pyreqwest_achat, "stream": pyreqwest_stream},
        ("pyreqwest", "orjson"),
        raw=True,
    ),
    "direct": Contender(
        "direct to the upstream", "json", {"chat": direct_chat, "stream": direct_stream}, (), raw=True
    ),
}


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "source tree" if package == "muxi-llm" else "absent"


def child_env(contender: Contender, origin: str) -> dict[str, str]:
    """Keys, base URLs and the contender's own settings, as a user would give them."""
    return {
        **contender.env,
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": origin + "/v1",
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": origin,
    }


def expected(contender: Contender, work: Workload) -> str:
    return replies.STREAM_BODY if contender.raw and work.kind == "stream" else work.expected


def built(contender: Contender, work: Workload, module: Any, setup: Setup) -> Callable[[], Any]:
    try:
        return contender.makers[work.role](module, setup)
    except AttributeError as error:  # a bare directory imports too, as an empty namespace
        raise ImportError(str(error)) from error


def drive(call: Callable[[], Any], work: Workload, tally: measure.Tally, calls: int) -> measure.Timing:
    if work.kind == "sync":
        return measure.run_sync(lambda: tally.check(call()), tally, calls)
    if work.kind == "stream":
        return measure.run_sync(lambda: tally.stream(call), tally, calls)
    width = work.width if work.kind == "swarm" else 1
    with asyncio.Runner(loop_factory=loop_factory(work.loop)) as runner:
        return runner.run(measure.run_async(call, tally, calls, width))


def run(name: str, workload: str, calls: int, upstream: str) -> dict[str, Any]:
    """Load the library, do the work, and say what it cost."""
    contender, work = CONTENDERS[name], WORKLOADS[workload]
    origin = upstream + work.prefix
    os.environ.update(child_env(contender, origin))
    with measure.Stopwatch() as load:
        module = importlib.import_module(contender.module)
    with measure.Stopwatch() as build:
        call = built(contender, work, module, Setup(origin, conversation(work.messages)))
    timing = drive(call, work, measure.Tally(expected(contender, work)), calls)
    return timing._asdict() | {
        "contender": name,
        "workload": workload,
        "cpu_us_per_call": timing.cpu_us,
        "cpu_us_per_unit": timing.cpu_us / work.units,
        "rps": 1e6 / timing.wall_us,
        "import_ms": load.cpu * 1e3,
        "first_cpu_ms": timing.first_cpu_ms + build.cpu * 1e3,
        "correct": timing.wrong == 0,
        "python": sys.version.split()[0],
        "versions": {package: version(package) for package in contender.versions},
    }


def main(arguments: list[str]) -> int:
    name, workload, calls = arguments[0], arguments[1], int(arguments[2])
    raise_file_limit()
    given = os.environ.get("BENCH_UPSTREAM")
    with nullcontext(Running(given, 0, "")) if given else running() as upstream:
        try:
            result = run(name, workload, calls, upstream.url)
        except ImportError as error:
            result = {"contender": name, "workload": workload, "error": f"not importable: {error}"}
    print(json.dumps(result))
    return "error" in result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
