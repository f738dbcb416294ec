"""The engine of this process: what is stopped stops, nothing is left running, nothing listens."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from muxi_llm import AsyncOpenAI, ChatCompletion
from muxi_llm.errors import APITimeoutError, ContextLengthExceededError, InvalidRequestError
from muxi_llm.transport import llama_cpp, llama_cpp_models
from tests.support.bodies import HELLO
from tests.support.llama import ANSWER, needs_llama, one_thread, tiny
from tests.support.patience import LIFETIME

__all__ = ["one_thread", "tiny"]
pytestmark = [needs_llama, pytest.mark.usefixtures("one_thread")]

WORD = b'{"choices":[{"index":0,"finish_reason":null,"delta":{"content":"and "}}],"object":"chat.completion.chunk"}'


class Endless:
    """xllamacpp as it is asked here, talking until it is told to stop: real models do not for ever."""

    def handle_chat_completions(self, body: bytes, tell: Any) -> None:
        while not tell(WORD):
            time.sleep(0.001)


class Silent:
    """xllamacpp at a prompt that takes long to read."""

    def __init__(self) -> None:
        self.read = threading.Event()

    def handle_chat_completions(self, body: bytes, tell: Any) -> None:
        self.read.wait()
        tell(WORD)


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a model that never ends by itself."""
    path = tmp_path / "endless.gguf"
    path.touch()
    monkeypatch.setitem(llama_cpp_models._servers, (str(path), False), Endless())
    return path


def working() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == llama_cpp.THREAD]


def settled() -> bool:
    """Whether no answer is being made any more, in a while."""
    for thread in working():
        thread.join(20)
    return not working()


def chat(model: Path, **params: Any) -> Any:
    return ChatCompletion.create(model=f"llama_cpp/{model}", **{"messages": HELLO, **params})


# ------------------------------------------------------------------------------------ what is stopped


def test_a_stream_left_early_ends_the_work(endless):
    with chat(endless, stream=True) as stream:
        next(stream)
        assert len(working()) == 1
    assert settled()


def test_a_stream_dropped_ends_the_work(endless):
    stream = chat(endless, stream=True)
    next(stream)
    del stream
    assert settled()


def test_an_async_stream_left_early_ends_the_work(endless):
    async def main() -> None:
        async with await ChatCompletion.acreate(
            model=f"llama_cpp/{endless}", messages=HELLO, stream=True
        ) as stream:
            await anext(stream)

    asyncio.run(main())
    assert settled()


def test_a_cancelled_task_ends_the_work(endless):
    """Of a whole answer too."""

    async def main() -> None:
        task = asyncio.create_task(ChatCompletion.acreate(model=f"llama_cpp/{endless}", messages=HELLO))
        while not working():  # noqa: ASYNC110 - it begins on a thread
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert settled()


def test_a_loop_that_ended_ends_the_work(endless):
    """The reader is gone with its event loop, unclosed."""

    async def main() -> Any:
        client = AsyncOpenAI(api_key="none")
        return await client.chat.completions.create(model=f"llama_cpp/{endless}", messages=HELLO, stream=True)

    stream = asyncio.run(main())
    assert settled()
    del stream


def test_a_whole_answer_that_takes_too_long(driver, endless):
    with pytest.raises(APITimeoutError):
        driver.create(ChatCompletion, model=f"llama_cpp/{endless}", messages=HELLO, timeout=0.05, retries=0)
    assert settled()


def test_a_real_one_goes_on_with_the_next(tiny):
    """A stream left early frees its slot."""
    for _ in range(6):
        with chat(tiny, stream=True, extra_body={"ignore_eos": True}) as stream:
            next(stream)
    assert chat(tiny).choices[0].message.content == ANSWER
    assert settled()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_nothing_in_time(driver, endless, monkeypatch, stream):
    """A model that is still reading the prompt when its time is up."""
    silent = Silent()
    monkeypatch.setitem(llama_cpp_models._servers, (str(endless), False), silent)
    with pytest.raises(APITimeoutError, match="said nothing in time"):
        driver.create(
            ChatCompletion,
            model=f"llama_cpp/{endless}",
            messages=HELLO,
            timeout=0.01,
            retries=0,
            stream=stream,
        )
    silent.read.set()
    assert settled()


def test_side_by_side(tiny):
    """More answers at once than the model has slots; one load for all of them."""

    async def main() -> list[Any]:
        asks = [ChatCompletion.acreate(model=f"llama_cpp/{tiny}", messages=HELLO) for _ in range(12)]
        return await asyncio.gather(*asks)

    answers = asyncio.run(main())
    assert [answer.choices[0].message.content for answer in answers] == [ANSWER] * 12
    assert settled()


# -------------------------------------------------------------------------------------- the models


def test_a_model_is_loaded_once(tiny):
    """However many threads ask for it at the same time."""
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(llama_cpp_models.server_of(str(tiny), embedding=False)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(server) for server in found}) == 1


def test_nobody_can_reach_it(tiny):
    """Its socket is gone from where it was made."""
    address = llama_cpp_models.server_of(str(tiny), embedding=False).listening_address
    assert address.startswith("unix://")
    assert not Path(address.removeprefix("unix://")).exists()


def test_home_and_folder(tiny, monkeypatch):
    monkeypatch.setenv("HOME", str(tiny.parent))
    assert llama_cpp_models.file_of("~/tiny.gguf", None) == str(tiny)
    assert llama_cpp_models.file_of("tiny.gguf", str(tiny.parent)) == str(tiny)
    with pytest.raises(InvalidRequestError, match=r"there is no file .*other\.gguf$"):
        llama_cpp_models.file_of("other.gguf", None)


@pytest.mark.parametrize(("variable", "value"), [("LLAMA_ARG_CTX_SIZE", "big"), ("LLAMA_ARG_POOLING", "odd")])
def test_a_setting_that_cannot_be(driver, tiny, tmp_path, monkeypatch, variable, value):
    """Is told by its variable, before anything is loaded."""
    monkeypatch.setenv(variable, value)
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(tiny.read_bytes())
    with pytest.raises(InvalidRequestError, match=f"{variable}='{value}' cannot be"):
        driver.create(ChatCompletion, model=f"llama_cpp/{copy}", messages=HELLO)


def test_settings_are_llama_servers(tiny, tmp_path, monkeypatch):
    """By its own variables."""
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "256")
    monkeypatch.setenv("LLAMA_ARG_N_PARALLEL", "1")
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(tiny.read_bytes())
    with pytest.raises(ContextLengthExceededError, match=r"256 tokens"):
        chat(copy, messages=[{"role": "user", "content": "Hi " * 300}])


def test_what_goes_wrong_on_the_thread_is_raised(driver, endless, monkeypatch):
    """Where the answer is waited for, whatever it is."""

    class Broken:
        def handle_chat_completions(self, body: bytes, tell: Any) -> None:
            raise MemoryError("no room")

    monkeypatch.setitem(llama_cpp_models._servers, (str(endless), False), Broken())
    with pytest.raises(MemoryError, match="no room"):
        driver.create(ChatCompletion, model=f"llama_cpp/{endless}", messages=HELLO)
    assert settled()


def test_an_error_without_a_status_is_the_servers():
    assert llama_cpp._status(b'{"error":{"message":"x"}}') == 500
    assert llama_cpp._status(b'{"error":{"code":404}}') == 404


# ------------------------------------------------------------------------------------- whole programs

PROGRAM = """
import os, signal, sys, threading, time
from muxi_llm import ChatCompletion
def chat(**params):
    return ChatCompletion.create(
        model="llama_cpp/" + sys.argv[1], messages=[{"role": "user", "content": "Hello"}], **params
    )
def text():
    return chat().choices[0].message.content
LONG = {"ignore_eos": True, "n_predict": 8000, "n_probs": 10}
"""


def run(model: Path, program: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *flags, "-c", PROGRAM + program, str(model)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIFETIME, check=False)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print(text())", ANSWER),
        ("stream = chat(stream=True, extra_body=LONG); next(stream); print('left open')", "left open"),
        ("next(iter(chat(stream=True, extra_body=LONG))); print('dropped')", "dropped"),
    ],
    ids=["done", "open-stream", "dropped-stream"],
)
def test_a_program_ends_well(tiny, program, said):
    """With nothing on its standard error, whatever is still being made."""
    done = run(tiny, program)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{said}\n", "")


def test_ctrl_c_still_works(tiny):
    """While an answer is made, and after one: llama.cpp does not keep the signal to itself."""
    program = """
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
text()
try:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    chat(extra_body=LONG); print("not stopped")
except KeyboardInterrupt:
    print("stopped")
"""
    done = run(tiny, program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_a_forked_child_loads_its_own(tiny):
    program = """
print(text(), flush=True)
if (child := os.fork()) == 0:
    print(text(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(text())
"""
    done = run(tiny, program)
    assert (done.returncode, done.stdout) == (0, f"{ANSWER}\n" * 3)


def test_without_the_extra(tiny):
    """The error says what to install."""
    program = """
from importlib.machinery import PathFinder
class Hidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "xllamacpp" else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Hidden
try:
    text()
except Exception as error:
    print(type(error).__name__, error)
"""
    done = run(tiny, program)
    assert done.stdout.startswith("InvalidRequestError")
    assert 'pip install "muxi-llm[llama_cpp]"' in done.stdout
