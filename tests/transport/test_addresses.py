"""Which addresses count as public: the registries of special ones, and every way to write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import example, given, settings
from hypothesis import strategies as st

from muxi_llm.transport.addresses import is_public
from tests.support.length import long

SPECIAL = [
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        "168.63.129.16/32", "192.88.99.0/24",
    )
]  # fmt: skip
ADDRESSES = st.one_of(st.ip_addresses(v=4), *(st.ip_addresses(network=block) for block in map(str, SPECIAL)))


@settings(max_examples=long(300, 100), deadline=None)
@given(ADDRESSES)
@example(IPv4Address("8.8.8.8"))
def test_an_ipv4_address_is_public_unless_it_is_special(address):
    assert is_public(str(address)) == (not any(address in block for block in SPECIAL))


@settings(max_examples=long(200, 66), deadline=None)
@given(ADDRESSES, st.integers(0, 2**16 - 1))
def test_no_ipv6_form_of_an_ipv4_address_is_a_way_around(address, low):
    """Mapped, compatible, 6to4, Teredo and local NAT64 never; NAT64 as the address in it."""
    number = int(address)
    for form in (0xFFFF << 32 | number, number, 0x2002 << 112 | number << 80 | low,
                 0x20010000 << 96 | low << 32 | number, 0x64_FF9B_0001 << 80 | number):  # fmt: skip
        assert not is_public(str(IPv6Address(form)))
    assert is_public(str(IPv6Address(0x64_FF9B << 96 | number))) == is_public(str(address))


@settings(max_examples=long(200, 66), deadline=None)
@given(st.ip_addresses(v=6))
@example(IPv6Address("2606:4700::1111"))
def test_an_ipv6_address_is_public_only_among_the_global_ones(address):
    if address not in ip_network("2000::/3"):
        assert not is_public(str(address)) or address in ip_network("64:ff9b::/96")
    elif address not in ip_network("2001::/16") and address.is_global:
        refused = any(address in ip_network(block) for block in ("2002::/16", "3fff::/20"))
        assert is_public(str(address)) != refused


def test_an_address_with_a_zone_is_local():
    assert not is_public("fe80::1%eth0")
