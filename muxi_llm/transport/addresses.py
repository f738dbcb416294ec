"""Which addresses are on the public internet, and which lead back here or into somebody's network."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


def addresses_of(host: str, port: int) -> list[str]:
    """Every address of *host*, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_public(address: str) -> bool:
    """Whether *address* is a host's on the public internet: neither here, nor special, nor a way around."""
    if "%" in address:  # a zone: link-local
        return False
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip in NAT64:
        ip = IPv4Address(ip.packed[-4:])
    if isinstance(ip, IPv6Address) and ip not in GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in REFUSED)


# ------------------------------------------------------------------------------------------ tables

NAT64 = ip_network("64:ff9b::/96")
"""IPv4 addresses as networks without IPv4 reach them (RFC 6052); the last four bytes are the address."""
GLOBAL_UNICAST = ip_network("2000::/3")

# https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry: what Python's own
# `is_global` (which follows them as of its release) may let through, and what clouds put elsewhere.
REFUSED = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # Azure's host, on a public address
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
