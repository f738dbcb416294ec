"""`client.realtime`: a session with any provider that speaks OpenAI's realtime protocol.

The session is OpenAI's own: its connection, its events, its reconnecting. What is ours is where it goes: to
the provider that `model=` names, with that provider's key and nothing of the client's own. What names OpenAI,
nobody, or a model of the client's own server goes the original's way.
"""

from __future__ import annotations

from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import openai
from openai.resources import realtime
from openai.resources.realtime.realtime import AsyncRealtimeConnectionManager, RealtimeConnectionManager

from muxi_llm import runtime
from muxi_llm.candidates import candidate_of
from muxi_llm.clients.naming import whose
from muxi_llm.core.call import missing_credentials
from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.providers import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.core.request import Candidate

__all__ = ["AsyncRealtime", "Realtime"]


class _There:
    """A client as a session needs one: where to, and who is calling. Nothing of the caller's own client."""

    _credentials: Mapping[str, str] = {}

    @property
    def auth_headers(self) -> dict[str, str]:
        """The provider's own key."""
        return dict(self._credentials)

    @property
    def default_headers(self) -> dict[str, str]:
        """None: an organisation, a project, custom headers are for the client's own server."""
        return {}


class _SyncThere(_There, openai.OpenAI):  # type: ignore[misc]  # headers are strings here, all of them
    pass


class _AsyncThere(_There, openai.AsyncOpenAI):  # type: ignore[misc]
    pass


class Realtime(realtime.Realtime):
    """Realtime sessions."""

    if not TYPE_CHECKING:  # to type checkers it takes what the original takes

        def connect(self, *, model: Any = openai.omit, **how: Any) -> RealtimeConnectionManager:
            """`model=` takes `provider/model` of any provider with `realtime_support`."""
            own = partial(super().connect, **how)
            return _connected(self._client, model, own, RealtimeConnectionManager, _SyncThere, how)


class AsyncRealtime(realtime.AsyncRealtime):
    """Realtime sessions, async."""

    if not TYPE_CHECKING:

        def connect(self, *, model: Any = openai.omit, **how: Any) -> AsyncRealtimeConnectionManager:
            """`model=` takes `provider/model` of any provider with `realtime_support`."""
            own = partial(super().connect, **how)
            return _connected(self._client, model, own, AsyncRealtimeConnectionManager, _AsyncThere, how)


def _connected(client: Any, model: Any, own: Any, manager: Any, there: Any, how: dict[str, Any]) -> Any:
    """What opens the session when it is entered. Raises before any I/O."""
    runtime.check_kill_switch()
    candidate, name = _candidate(client, model)
    if candidate is None:
        return own() if name is openai.omit else own(model=name)
    provider = candidate.provider
    base_url, query = provider.realtime_address(candidate.ref.name)
    session = there(api_key="-", base_url=base_url, http_client=client._client, max_retries=0)
    session._credentials = _credentials(candidate)
    given = {**DEFAULTS, **how}
    return manager(client=session, **{**given, "extra_query": {**query, **given["extra_query"]}})


def _candidate(client: Any, model: Any) -> tuple[Candidate | None, Any]:
    """Another provider's model, ready to be asked; else `None`, and what the client's own server calls it."""
    ref, name = whose(client, model)
    if ref is None:
        return None, name
    candidate = candidate_of(model)
    if not candidate.provider.realtime_support:
        able = ", ".join(sorted(one.name for one in registry.own() if one.realtime_support))
        story = f"{ref.provider} has no realtime API of OpenAI's protocol; those that have: {able}"
        raise UnsupportedParameterError(story, param="model")
    if candidate.provider.key_required and not candidate.provider.api_key:
        raise missing_credentials(candidate)
    return candidate, name


def _credentials(candidate: Candidate) -> dict[str, str]:
    """What says who calls. A function that gives tokens is asked for each session."""
    ask: Any = candidate.provider.settings.get("ad_token_provider")
    if not callable(ask):
        return candidate.provider.authorize()
    token = ask()
    if isawaitable(token):
        raise InvalidRequestError("realtime sessions need a token provider that is no coroutine function")
    return {"authorization": f"Bearer {token}"}


DEFAULTS: dict[str, Any] = {"extra_query": {}, "extra_headers": {}, "websocket_connection_options": {}}
"""What the originals' `connect` hands on where nothing is said."""
