"""llama.cpp's own HTTP server as a context manager, from the prebuilt wheel `xllamacpp`.

    with LlamaServer(model) as server:
        client = OpenAI(base_url=server.base_url, api_key="none")

The server is a child process, so that it can be killed at any moment.  It exits when its standard input
closes, which the operating system sees to however the parent ends.

By hand: `python -m examples.demo.llama_server PORT MODEL [--embedding]`; Ctrl-D ends it.
"""

import argparse
import http.client
import importlib.util
import os
import socket
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from typing import Final, Self

HOST: Final = "127.0.0.1"
REPOSITORY: Final = Path(__file__).resolve().parents[2]
READY_TIMEOUT: Final = 30.0
REQUEST_TIMEOUT: Final = 1.0
POLL_INTERVAL: Final = 0.02
LOG_TAIL_LINES: Final = 15
SLOTS: Final = 4  # requests answered at the same time
SLOT_CONTEXT: Final = 4096


def available() -> str | None:
    """Why the server cannot run here, or None if it can."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed (pip install xllamacpp)"
    return None


class LlamaServer:
    """Serves a GGUF model on a free loopback port for as long as the `with` block lasts."""

    def __init__(
        self,
        model: Path,
        *,
        embedding: bool = False,
        reranking: bool = False,
        timeout: float = READY_TIMEOUT,
    ) -> None:
        kinds = {"--embedding": embedding, "--reranking": reranking}
        self._arguments = [str(model.resolve()), *(flag for flag, wanted in kinds.items() if wanted)]
        self._timeout = timeout
        self.port = _free_port()
        self.base_url = f"http://{HOST}:{self.port}/v1"

    def __enter__(self) -> Self:
        if reason := available():
            raise RuntimeError(reason)
        command = [sys.executable, "-m", "examples.demo.llama_server", str(self.port), *self._arguments]
        self._log = tempfile.TemporaryFile()
        self._child = Popen(command, cwd=REPOSITORY, stdin=PIPE, stdout=self._log, stderr=STDOUT)
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()
        self._log.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._timeout
        while not _healthy(self.port):
            if (status := self._child.poll()) is not None:
                raise RuntimeError(f"llama.cpp exited with status {status}:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"llama.cpp not ready within {self._timeout} s:\n{self._log_tail()}")
            time.sleep(POLL_INTERVAL)

    def _log_tail(self) -> str:
        self._log.seek(0)
        return "\n".join(self._log.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def _healthy(port: int) -> bool:
    try:
        with closing(http.client.HTTPConnection(HOST, port, timeout=REQUEST_TIMEOUT)) as connection:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _serve(port: int, model: str, embedding: bool, reranking: bool) -> None:
    os.environ["GGML_NO_BACKTRACE"] = "1"  # a fatal error would start a debugger
    import xllamacpp  # type: ignore[import-untyped]  # the parent works without it

    params = xllamacpp.CommonParams()
    params.hostnames, params.port = [HOST], port
    params.model.path, params.model_alias = model, {Path(model).stem}
    params.n_parallel, params.n_ctx = SLOTS, SLOTS * SLOT_CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup = params.ui = False
    if embedding:
        params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if reranking:
        params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    server = xllamacpp.Server(params)
    print(f"serving on {server.listening_address}", flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.demo.llama_server")
    parser.add_argument("port", type=int)
    parser.add_argument("model")
    parser.add_argument("--embedding", action="store_true")
    parser.add_argument("--reranking", action="store_true")
    _serve(**vars(parser.parse_args()))
