"""Which addresses of the web may be asked: public ones, over HTTP, spelled plainly.

A URL is taken apart once and put together again from checked parts, so no other parser sees something else in it. A host name is resolved once; all its addresses
must be public, and the connection goes to one of them by number, so that a second answer of the name server (DNS rebinding) is never asked for.

Address blocks: IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates). What an IPv6 address carries of an IPv4 one is taken out and judged.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from react_agent import ConfigError, ToolError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MAX_CHARS = 2_000
PORTS = (80, 443)
_LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "localdomain", "onion")
_NOT_PUBLIC = [
    ipaddress.ip_network(block)
    for block in [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",
        "2001::/23",
        "2001:db8::/32",
        "2620:4f:8000::/48",
        "3fff::/20",
    ]
]  # 168.63.129.16 is public by number, and a cloud's own service by use
_PUBLIC_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]{2,45})\]|(?P<name>[^\[\]:]{1,253}))(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL whose parts have been checked. `host` is a name in ASCII, or an address."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def at(self, address: Address) -> str:
        """The URL with the host's address in place of its name."""
        number = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{number}:{self.port}{self.path}"


class Guard:
    """Decides on URLs and addresses.

    Args:
        allow: What may be asked although it is not public: host names (shell-style patterns), addresses or networks, each with a port if it is to be
            that one only: ``"wiki.corp.example"``, ``"10.0.0.0/8"``, ``"127.0.0.1:8080"``.
        ports: That public hosts may be asked at.

    Raises:
        ConfigError: An entry of `allow` is none of these.
    """

    def __init__(self, allow: Sequence[str] = (), ports: Sequence[int] = PORTS) -> None:
        if isinstance(allow, str):  # a '*' in it would be an entry of its own, and allow all
            raise ConfigError(f"allow is a list of hosts, addresses and networks, as in allow=[{allow!r}]; not one text")
        self._ports = tuple(ports)
        self._names: list[tuple[str, int | None]] = []
        self._networks: list[tuple[Network, int | None]] = []
        for entry in allow:
            self._take(entry)

    def _take(self, entry: str) -> None:
        host, port = _split_port(entry.strip().lower())
        try:
            network = ipaddress.ip_network(host.strip("[]"))
        except ValueError:
            if not re.fullmatch(r"[a-z0-9_.*?-]+", host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
                raise ConfigError(f"{entry!r} is no host, address or network that could be allowed") from None
            self._names.append((host, port))
        else:
            self._networks.append((network, port))

    # ------------------------------------------------------------------------------------------------------------ URLs

    def target(self, url: str) -> Target:
        """The URL's parts. Raises `ToolError` for what is no plain http or https URL to a host and port that may be asked."""
        if len(url) > MAX_CHARS:
            raise ToolError(f"the URL has {len(url):,} characters; at most {MAX_CHARS:,} are taken")
        text = url.strip(" \n")
        if any(ord(char) <= 32 or ord(char) == 127 or char == "\\" or "\ud800" <= char <= "\udfff" for char in text):
            raise ToolError(f"{_short(url)} holds blanks, backslashes or control characters; write the URL with %-escapes")
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise ToolError(f"{_short(url)} is no URL: {error}") from None
        scheme = parts.scheme.lower()
        if scheme not in ("http", "https"):
            raise ToolError(f"{_short(url)}: only http and https can be fetched; write the whole URL, as in https://example.com/page")
        if "@" in parts.netloc:
            raise ToolError(f"{_short(url)}: a URL with a user name in it is not fetched")
        match = _HOST.fullmatch(parts.netloc)
        if match is None:
            raise ToolError(f"{_short(url)} has no host that can be read")
        host = _address_text(match["v6"], url) if match["v6"] else _name(match["name"], url)
        port = int(match["port"]) if match["port"] else {"http": 80, "https": 443}[scheme]
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
            f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?[]{}|')}" if parts.query else ""
        )
        target = Target(scheme, host, port, path)
        if not self._named(target):
            self._check_public(target, url)
        return target

    def _check_public(self, target: Target, url: str) -> None:
        """What can be told before a name is resolved."""
        address = as_address(target.host)
        if address is not None:
            self.check(address, target)
        elif target.host in _LOCAL_NAMES or target.host.endswith(tuple(f".{name}" for name in _LOCAL_NAMES)):
            raise ToolError(f"{_short(url)}: names of a local network are not fetched")
        allowed = address is not None and self._in_network(address, target.port)
        if target.port not in self._ports and not allowed and not self._networks:
            raise ToolError(f"{_short(url)}: port {target.port} is not fetched; only {', '.join(map(str, self._ports))}")

    # ------------------------------------------------------------------------------------------------------- addresses

    def check(self, address: Address, target: Target) -> None:
        """Raises `ToolError` unless the address may be connected to for this target."""
        if self._named(target) or self._in_network(address, target.port):
            return
        if target.port not in self._ports:
            raise ToolError(f"port {target.port} of {target.host} is not fetched; only {', '.join(map(str, self._ports))}")
        if not is_public(address):
            raise ToolError(f"{target.host} is no public address of the web; it is not fetched")

    def _named(self, target: Target) -> bool:
        return any(fnmatchcase(target.host, name) and port in (None, target.port) for name, port in self._names)

    def _in_network(self, address: Address, port: int) -> bool:
        return any(address in network and known in (None, port) for network, known in self._networks)


def is_public(address: Address) -> bool:
    """Whether an address is one of the web's, by all it carries."""
    return all(_is_public(carried) for carried in _carried(address))


def _is_public(address: Address) -> bool:
    if any(address in block for block in _NOT_PUBLIC if block.version == address.version):
        return False
    if isinstance(address, IPv6Address) and address not in _PUBLIC_6:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried(address: Address) -> Iterator[Address]:
    """The address, or the IPv4 address within it: mapped, compatible, NAT64, 6to4."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    elif address in _COMPATIBLE:  # long out of use; nothing good hides there
        yield IPv4Address("127.0.0.1")
    elif address.sixtofour is not None:
        yield address.sixtofour
    else:
        yield address


def as_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


# --------------------------------------------------------------------------------------------------------------- parts


def _split_port(entry: str) -> tuple[str, int | None]:
    host, _, port = entry.rpartition(":")
    one_colon = entry.count(":") == 1 or host.endswith("]")
    return (host, int(port)) if one_colon and port.isdigit() else (entry, None)


def _short(url: str) -> str:
    return repr(url if len(url) <= 120 else f"{url[:120]}…")


def _address_text(text: str, url: str) -> str:
    address = as_address(text)
    if not isinstance(address, IPv6Address):
        raise ToolError(f"{_short(url)}: what stands in brackets is no IPv6 address")
    return str(address)


def _name(name: str, url: str) -> str:
    """A host name in ASCII, or a plain IPv4 address."""
    try:
        host = name.encode("idna").decode("ascii").lower() if not name.isascii() else name.lower()
    except UnicodeError:
        raise ToolError(f"{_short(url)}: the host name cannot be read") from None
    host = host.removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):  # WHATWG's URL standard: a host that ends in a number is an IPv4 address
        if as_address(host) is None:
            raise ToolError(f"{_short(url)}: an address is written with four decimal numbers, and this is another spelling")
        return host
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ToolError(f"{_short(url)}: {name[:60]!r} is no host name")
    return host
