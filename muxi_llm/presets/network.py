"""`requires.network`: what a preset says it must reach, against what its operator allows, and what is called.

absent, "none"     nothing is said
"local"            what is allowed must be local; so must the address that is called
"public"           everything must be allowed (`*`)
["api.a.test"]     each host must be allowed; no other may be called. `*` stands for one label
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from muxi_llm.presets.errors import MdaError

if TYPE_CHECKING:
    from collections.abc import Collection

PRIVATE = [ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


def check_allowed(network: Any, allowed: Collection[str]) -> None:
    """Raises `MdaError` (`requires-not-satisfied`) unless *allowed* (hosts, patterns) suffices."""
    wanted = _required(network)
    if wanted == "local" and not all(map(is_local, allowed)):
        raise _refused("requires.network is local, and hosts that are not are allowed")
    if wanted == "public" and "*" not in allowed:
        raise _refused("requires.network is public, and not every host is allowed")
    for host in wanted if isinstance(wanted, list) else ():
        if not _matches(host, allowed):
            raise _refused(f"requires.network names {host}, which is not allowed")


def check_called(network: Any, url: str) -> None:
    """Raises `MdaError` (`requires-not-satisfied`) for a call to a host that the preset does not name."""
    wanted = _required(network)
    host = ""
    with suppress(ValueError):  # half an IPv6 address
        host = (urlsplit(url).hostname or "").rstrip(".")
    if wanted == "local" and not is_local(host):
        raise _refused(f"requires.network is local, and the call would go to {host}")
    if isinstance(wanted, list) and not _matches(host, wanted):
        raise _refused(f"requires.network does not name {host}, where the call would go")


def _required(network: Any) -> str | list[str] | None:
    if network is None or network == "none":
        return None
    if network in ("local", "public"):
        return str(network)
    if isinstance(network, list) and network and all(isinstance(host, str) and host for host in network):
        return network
    raise _refused("requires.network must be none, local, public, or a list of hosts")


def _matches(host: str, patterns: Collection[str]) -> bool:
    """Exactly, by a pattern, or because all are meant."""
    labels = host.lower().split(".")
    return any(pattern == "*" or _is_like(labels, pattern.lower().split(".")) for pattern in patterns)


def _is_like(labels: list[str], pattern: list[str]) -> bool:
    """Label by label; `*` stands for one character or more, once in a label."""
    return len(labels) == len(pattern) and all(
        label == wanted
        or (star and label.startswith(before) and label.endswith(after) and len(label) >= len(wanted))
        for label, wanted in zip(labels, pattern, strict=True)
        for before, star, after in [wanted.partition("*")]
    )


def is_local(host: str) -> bool:
    """Whether *host* is this machine or its network, by its name or its address alone."""
    name = host.lower().strip("[]")
    if name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or any(address in net for net in PRIVATE)


def _refused(text: str) -> MdaError:
    return MdaError("requires-not-satisfied", text)
