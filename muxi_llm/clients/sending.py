"""Files that a client is given by their path, sent without being read whole."""

from __future__ import annotations

import os
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def by_path(post: Callable[..., Any]) -> Callable[..., Any]:
    """A client's `post` that reads files named by a path when they are sent; the vendor's own reads them
    whole before.
    """

    @wraps(post)
    def sent(*args: Any, **how: Any) -> Any:
        files = how.get("files")
        if files:
            pairs = files.items() if hasattr(files, "items") else files
            how["files"] = [(name, _later(file)) for name, file in pairs]
        return post(*args, **how)

    return sent


def _later(file: Any) -> Any:
    from muxi_llm.transport.files import PathFile  # noqa: PLC0415 - for those who send some

    if isinstance(file, os.PathLike):
        return os.path.basename(os.fspath(file)), PathFile(file)  # noqa: PTH119 - as `pathlib` has it
    if isinstance(file, tuple) and len(file) > 1 and isinstance(file[1], os.PathLike):
        return (file[0], PathFile(file[1]), *file[2:])
    return file


def sending(kind: Any) -> Any:
    """A decorator for a resource that sends files."""
    original = kind.__init__

    @wraps(original)
    def init(self: Any, client: Any) -> None:
        original(self, client)
        self._post = by_path(self._post)

    kind.__init__ = init
    return kind
