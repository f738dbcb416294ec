"""A library imported on a thread that stays, for one that does not outlive the thread which imported it."""

from __future__ import annotations

import sys
from importlib import import_module
from threading import Event, Thread


def import_for_good(name: str) -> None:
    """Import *name* on a thread that lives as long as the process. Raises what the import raises.

    pyreqwest keeps the state of the thread that imports it first; when that ends, the next call from
    another thread is a segmentation fault (seen with 0.15.1, with nothing of ours in the process).
    """
    if name in sys.modules:
        return
    done, failure = Event(), list[ImportError]()

    def stay() -> None:
        try:
            import_module(name)
        except ImportError as error:
            failure.append(error)
        done.set()
        Event().wait()

    Thread(target=stay, name=f"muxi_llm keeps {name}", daemon=True).start()
    done.wait()
    if failure:
        raise failure[0]
