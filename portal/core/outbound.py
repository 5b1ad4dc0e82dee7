"""The address policy: where an outgoing call may go. Metadata and link-local addresses never; the rest by allow-list."""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from portal.core.errors import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "168.63.129.16/32",  # Azure's platform address
        "100.100.100.200/32",  # Alibaba's metadata service
        "192.0.0.192/32",  # Oracle's metadata service
        "224.0.0.0/4",
        "240.0.0.0/4",
        "fe80::/10",
        "fd00:ec2::254/128",
        "ff00::/8",
        "::/128",
    )
)


def may_reach(address: str, allow: Iterable[str]) -> bool:
    """Whether the policy lets a call go to this IP address. Private and loopback ranges must be in `allow`."""
    ip: Address = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if _in(ip, NEVER):
        return False
    if _in(ip, [ipaddress.ip_network(network) for network in allow]):
        return True
    return ip.is_global


def check_url(url: str, *, allow: Iterable[str], schemes: Iterable[str] = ("https", "http")) -> list[str]:
    """Resolve a URL's host and refuse it unless every address may be reached. Returns the addresses, to pin at connect."""
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise Refused(_("%(url)s is not an address Concord can call.") % {"url": url[:200]})
    return check_host(parts.hostname, allow=allow)


def check_host(host: str, *, allow: Iterable[str]) -> list[str]:
    """The same for a bare host name or address."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refused(_("The name %(host)s cannot be resolved.") % {"host": host[:200]}) from error
    addresses = sorted({str(entry[4][0]) for entry in found})
    allowed = list(allow)
    for address in addresses:
        if not may_reach(address.partition("%")[0], allowed):
            raise Refused(
                _("Concord may not call %(address)s. Ask an operator to add its network to OUTBOUND_ALLOW.")
                % {"address": address}
            )
    return addresses


def _in(ip: Address, networks: Iterable[Network]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)
