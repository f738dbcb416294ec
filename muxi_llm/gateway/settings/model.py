"""What a gateway is told, checked and frozen."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from muxi_llm.routing.router import Rules
from muxi_llm.types.governed import GovernanceSettings
from muxi_llm.types.login import LoginSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.routing.deployments import Deployment
    from muxi_llm.routing.rewriting import Rewriting

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a client may send, in bytes: a body as it comes, the same unpacked, a request's head, and the
    upload of a file, which lies on the disk meanwhile; and the seconds that a body may take to come, or a
    piece of an upload, `None`: as many as it likes. responses: characters of those that are kept here, in
    each process, for providers that keep none; 0: none are.
    """

    body: int = 32 * MIB
    decoded: int = 64 * MIB
    header: int = 64 * 1024
    upload: int = 512 * MIB
    """https://platform.openai.com/docs/api-reference/files/create: "individual files can be up to 512 MB"."""
    reading: float | None = None
    responses: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before a retry, by its number from 1: *base*, doubled each time, at most *most*, more or less
    by the part *jitter* of it.
    """

    base: float = 0.1
    most: float = 5.0
    jitter: float = 0.2

    def __call__(self, number: int) -> float:
        """The seconds."""
        pause = min(self.base * 2.0 ** min(number - 1, 60), self.most)
        return pause * (1 + self.jitter * random.uniform(-1, 1))  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens. admin_port: of the management, `None`: that of all else. dashboard: path of its
    pages, below the prefix; "": there are none.

    prefix: path before all others. tls_key, tls_cert: files, both or none. proxies: networks whose forwarded
    headers are believed. origins: of browsers that may ask. drain: seconds that open answers may take after
    a signal to end; pause: seconds before that, while readiness says no and the balancer leaves. silence:
    seconds without a word in a stream, after which it gives a sign of life. idle: seconds that a connection
    is kept without a request.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    prefix: str = ""
    tls_key: str = ""
    tls_cert: str = ""
    workers: int = 1
    admin_port: int | None = None
    dashboard: str = ""
    limits: Limits = Limits()
    proxies: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    pause: float = 5.0
    drain: float = 45.0
    idle: float = 75.0
    silence: float = 15.0
    """Claude Code gives a stream up after 300 of them, proxies after 30 to 60.
    https://code.claude.com/docs/en/llm-gateway-protocol
    """

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return self.host in {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A provider as it is configured: its own name, and the registered one it is a case of ("" for a server
    that speaks OpenAI's wire). timeout: seconds for an attempt. at_once: attempts under way, at most.
    passes_login: whether a client's own login goes there, where it has one, in the place of the key.
    """

    name: str
    kind: str = ""
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    at_once: int | None = None
    passes_login: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentSettings:
    """A deployment, the provider it is at, and what is done to the bodies it is sent.

    names: what it is listed by, as people wrote it; none: its model's own name. preset: what is laid beneath
    requests for it, `module/preset`, "" for nothing.
    """

    deployment: Deployment
    provider: str
    names: tuple[str, ...] = ()
    rewriting: Rewriting | None = None
    """What is done to each body; `None`: nothing."""
    price: Mapping[str, Any] | None = None
    preset: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. tokens: name → secret of those who may. is_open: that anybody may, said in so many words.
    retries: more tries at each deployment; `None`: 2 where there is one, none where others can go on.
    backoff: seconds before such a try, by its number; `None`: as in a program. notes: what should be known.
    """

    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    deployments: tuple[DeploymentSettings, ...] = ()
    server: Server = Server()
    rules: Rules = field(default_factory=Rules)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_open: bool = False
    retries: int | None = None
    backoff: Callable[[int], float] | None = None
    timeout: float = 600.0
    mode: str = "adapt"
    log_level: str = "INFO"
    metrics: str = "/metrics"
    metrics_open: bool = False
    """Whether anybody may read them."""
    tracing: bool = False
    """Whether requests are spans of OpenTelemetry's."""
    windows: str = ""
    """File in which the windows' counts outlive the process; "": they do not."""
    redis: str = field(default="", repr=False)
    """Redis that several gateways share what is known of deployments by; "": each for itself."""
    id_secret: str = field(default="", repr=False)
    """What ids of files and batches are sealed with; "": each provider's own key."""
    login: LoginSettings = field(default_factory=LoginSettings)
    """How people log in, where there is governance."""
    presets: Mapping[str, Any] = field(default_factory=dict)
    """The presets' registry: `dir`, and what `muxi_llm.presets.open` takes; nothing: `LLMIX_CONFIG_DIR`."""
    source: str = ""
    """Where it was read."""
    checksum: str = ""
    """SHA-256 of what was read there."""
    governance: GovernanceSettings = field(default_factory=GovernanceSettings)
    notes: tuple[str, ...] = ()
