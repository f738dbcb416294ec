"""A gateway on loopback, in a thread of the test's own process, under the server it is deployed with."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import uvicorn

from muxi_llm.gateway.app import Gateway
from muxi_llm.gateway.settings.model import DeploymentSettings, ProviderSettings, Settings
from muxi_llm.gateway.state import State
from muxi_llm.routing.deployments import Deployment
from tests.support.emitted import Emitted
from tests.support.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.gateway.admission import Admission
    from tests.support.upstream import Upstream


class Served:
    """`with Served(settings) as gateway`: its `url`; `gateway.app` is the application; `gateway.openai` and
    `gateway.anthropic` are the vendors' own clients of it, closed with it: a socket that is left to a garbage
    collection is some other test's warning. Every stream it emits must keep to its protocol's rules; lax: but
    for those, since the provider's own break them and pass as they came.
    """

    def __init__(
        self,
        settings: Settings,
        admission: Admission | None = None,
        *,
        lax: bool = False,
        around: Callable[[Any], Any] = lambda app: app,
    ) -> None:
        """around: what is served, made of the gateway."""
        self.app = Gateway(State(settings), admission)
        self.emitted = Emitted(self.app)
        self._is_lax = lax
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        options = uvicorn.Config(
            around(self.emitted), log_level="warning", lifespan="on", timeout_graceful_shutdown=5
        )
        self._server = uvicorn.Server(options)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._kept = ExitStack()

    @cached_property
    def openai(self) -> openai.OpenAI:
        return self._kept.enter_context(openai.OpenAI(api_key="t", base_url=f"{self.url}/v1", max_retries=0))

    @cached_property
    def anthropic(self) -> anthropic.Anthropic:
        return self._kept.enter_context(anthropic.Anthropic(api_key="t", base_url=self.url, max_retries=0))

    def __enter__(self) -> Served:
        self._thread.start()
        until(lambda: self._server.started)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._kept.close()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        if kind is None and not self._is_lax:
            assert not self.emitted.faults, "\n\n".join(self.emitted.faults)


def at(upstream: Upstream, kind: str, name: str = "", **given: Any) -> ProviderSettings:
    """A provider that is *upstream*, of that kind."""
    return ProviderSettings(name or kind or "own", kind, f"sk-{kind or 'own'}", upstream.url, **given)


def settings_of(*served: tuple[ProviderSettings, Deployment], **given: Any) -> Settings:
    """Settings with those deployments."""
    return Settings(
        providers={provider.name: provider for provider, _ in served},
        deployments=tuple(DeploymentSettings(deployment, provider.name) for provider, deployment in served),
        **{"retries": 0, **given},
    )


def deployment(name: str, *serves: str, **given: Any) -> Deployment:
    """A deployment `provider/model`, for those who ask for *serves*."""
    return Deployment(name, given.pop("model", name), serves or (name.partition("/")[2],), **given)
