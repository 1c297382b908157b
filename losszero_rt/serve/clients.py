"""Who is one and the same client, as far as an address can tell."""

from ipaddress import IPv6Address, ip_address, ip_network

# Whoever has one IPv6 address has all of its network; they are counted as one.
_IPV6_PREFIX = 64


def client_of(host: str) -> str:
    """Return what stands for all addresses that one client can take.

    Args:
        host: Address as the system gives it; IPv4 may come in the clothes of IPv6.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_link_local:  # one network for all neighbours
        return str(address)
    return str(ip_network((address, _IPV6_PREFIX), strict=False))
