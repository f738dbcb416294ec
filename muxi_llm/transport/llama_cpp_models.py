"""The model files that run in this process, each loaded when first asked, once, and kept.

One that is asked for embeddings as well is loaded for them a second time: llama.cpp sets a context up for
either. Settings are those of `llama-server`, by its own variables (`SETTINGS`, below).
"""

from __future__ import annotations

import atexit
import os
import threading
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from muxi_llm.errors import InvalidRequestError


def file_of(model: str, folder: str | None) -> str:
    """The file of *model*: a path, or a name in *folder*."""
    if find_spec("xllamacpp") is None:
        message = 'llama_cpp: a model file needs xllamacpp: pip install "muxi-llm[llama_cpp]"'
        raise InvalidRequestError(message, param="model")
    places = [Path(model).expanduser(), *([Path(folder).expanduser() / model] if folder else [])]
    for place in places:
        if place.is_file():
            return str(place.resolve())
    missing = " or ".join(str(place.absolute()) for place in places)
    raise InvalidRequestError(f"llama_cpp: there is no file {missing}", param="model")


def server_of(file: str, *, embedding: bool) -> Any:
    """The running model of *file*, loaded if it is not yet."""
    server = _servers.get((file, embedding))
    if server is not None:
        return server
    with _loading:
        if (file, embedding) not in _servers:
            _servers[file, embedding] = _load(file, embedding=embedding)
        return _servers[file, embedding]


def _load(file: str, *, embedding: bool) -> Any:
    xllamacpp: Any = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = file, {Path(file).name}
    params.n_parallel = -1  # as many as `llama-server` answers at once
    params.n_threads_http, params.ui, params.warmup, params.verbosity = 1, False, False, -1
    params.embedding = embedding
    _configure(params, xllamacpp.llama_pooling_type)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # It insists on listening somewhere; nobody can reach a socket that is removed as soon as it is there.
        params.hostnames = [f"{folder}/none.sock"]
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            raise InvalidRequestError(f"llama_cpp: cannot load {file}: {error}", param="model") from error


def _configure(params: Any, poolings: Any) -> None:
    for variable, place in SETTINGS.items():
        value = os.environ.get(variable)
        if not value:
            continue
        *holders, name = place.split(".")
        holder = reduce(getattr, holders, params)
        try:
            if name == "pooling_type":
                params.pooling_type = getattr(poolings, f"LLAMA_POOLING_TYPE_{value.upper()}")
            else:
                setattr(holder, name, type(getattr(holder, name))(value))
        except (ValueError, AttributeError) as error:
            raise InvalidRequestError(f"llama_cpp: {variable}={value!r} cannot be", param="model") from error


def _free() -> None:
    """While there still is an interpreter for it."""
    _servers.clear()


def _after_fork() -> None:
    """In a child: the models' threads stayed with the parent, and freeing a model would wait for them.

    A child loads its own. It must end as those of `multiprocessing` do, by `os._exit`: llama.cpp's own exit
    handlers wait for its threads too.
    """
    global _loading, _servers
    _parents.append(_servers)
    _loading, _servers = threading.Lock(), {}


_loading = threading.Lock()
_servers: dict[tuple[str, bool], Any] = {}
_parents: list[object] = []
atexit.register(_free)
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)

# ------------------------------------------------------------------------------------------ tables

SETTINGS = {
    "LLAMA_ARG_CTX_SIZE": "n_ctx",
    "LLAMA_ARG_MMPROJ": "mmproj.path",
    "LLAMA_ARG_N_GPU_LAYERS": "n_gpu_layers",
    "LLAMA_ARG_N_PARALLEL": "n_parallel",
    "LLAMA_ARG_POOLING": "pooling_type",
    "LLAMA_ARG_THREADS": "cpuparams.n_threads",
}
"""https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"""
