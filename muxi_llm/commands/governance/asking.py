"""A gateway's management API, as commands ask it, and how a command ends."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx2

from muxi_llm import __version__
from muxi_llm.commands.main import complain
from muxi_llm.errors import shown_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

URL, KEY = "MUXI_LLM_GATEWAY_URL", "MUXI_LLM_ADMIN_KEY"
HERE = "http://127.0.0.1:8080"

FIRST = "a gateway that has none yet says at its start how the first is made"

TIMEOUT = 30.0


class AskedInVainError(Exception):
    """The gateway refused, or cannot be reached; the message is for whoever typed the command."""


class Api:
    """A gateway. Raises `AskedInVainError`."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        self._client = httpx2.Client(
            base_url=self._url,
            headers={"authorization": f"Bearer {key}", "user-agent": f"muxi-llm/{__version__}"},
            timeout=TIMEOUT,
        )

    def get(self, path: str, **query: object) -> Any:
        """What it answers. query: what is `None` is not asked."""
        return self._asked("GET", path, params=_params(query))

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """What it answers to that."""
        return self._asked(method, path, json=body)

    def lines(self, path: str, **query: object) -> Iterator[str]:
        """Line by line, as they come."""
        try:
            with self._client.stream("GET", path, params=_params(query)) as reply:
                if reply.status_code != 200:
                    reply.read()
                _check(reply)
                yield from reply.iter_lines()
        except httpx2.HTTPError as error:
            raise self._unreached(error) from None

    def close(self) -> None:
        """No more."""
        self._client.close()

    def _asked(self, method: str, path: str, **given: Any) -> Any:
        try:
            reply = self._client.request(method, path, **given)
        except httpx2.HTTPError as error:
            raise self._unreached(error) from None
        _check(reply)
        return reply.json()

    def _unreached(self, error: httpx2.HTTPError) -> AskedInVainError:
        what = f"no gateway can be reached at {shown_url(self._url)} ({type(error).__name__})"
        return AskedInVainError(f"{what}: is it running (muxi-llm serve)? --gateway says where it is")


def common(command: argparse.ArgumentParser) -> None:
    """The options of every one of these commands."""
    command.add_argument("--gateway", metavar="URL", help=f"where it is; default: {URL}, else {HERE}")
    command.add_argument("--json", action="store_true", help="as JSON, as the API has it")


def runs(command: argparse.ArgumentParser, action: Callable[[Api, argparse.Namespace], int]) -> None:
    """Have *command* do that. The key is read from the environment: a command line is everybody's to see."""
    common(command)

    def run(given: argparse.Namespace) -> int:
        key = os.environ.get(KEY, "")
        if not key:
            return complain(f"no key: put an administrator's, or your own, into {KEY}; {FIRST}", 2)
        url = given.gateway or os.environ.get(URL) or HERE
        if not url.startswith(("http://", "https://")):
            return complain("--gateway wants http://host:port", 2)
        with closing(Api(url, key)) as api:
            try:
                return action(api, given)
            except AskedInVainError as error:
                return complain(str(error))

    command.set_defaults(run=run)


def _check(reply: httpx2.Response) -> None:
    if reply.status_code == 200:
        return
    try:
        why = reply.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        why = f"the answer is {reply.status_code}, and none of a gateway's; is governance on there?"
    raise AskedInVainError(why)


def _params(query: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}
