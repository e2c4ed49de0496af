"""What callers and the environment give a leaf: base URLs, keys, headers, formats; checked, and the secrets among them known."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit

from react_agent.errors import ConfigError
from react_agent.formats.base import Format

_SECRET_HEADER = re.compile(r"authorization|api-?key|token|secret|cookie", re.IGNORECASE)
# What people write where a server of their own wants some key.
NO_KEYS = frozenset(("lm-studio", "no-key-required", "sk-no-key-required", "not-needed", "not-required", "anything", "dummy-key"))


def usable_url(url: str, without: tuple[str, ...] = ()) -> str:
    """The base URL without a slash at its end, and without what of `without` the wire adds; one without any path gets ``/v1``.

    Raises `ConfigError` for what is no http URL.
    """
    parts = urlsplit(url.strip())
    shown = apart(url)[0]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"base_url {shown!r} is no URL of a server: it must begin with http:// or https:// and name a host")
    if "{" in url:
        raise ConfigError(f"base_url {shown!r} has a part in braces that only you know: pass base_url= with your own in its place")
    if parts.query or parts.fragment:
        azure = "leave it out: under /openai/v1 Azure wants no api-version" if parts.hostname.endswith(".azure.com") else ""
        raise ConfigError(f"base_url {shown!r} may have neither a query nor a fragment; {azure or 'send such things with headers='}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    if not path and parts.hostname != "api.deepseek.com":
        path = "/v1"
    for end in without:
        path = path.removesuffix(end)
    return parts._replace(path=path).geturl()


def usable_format(format: str | Format) -> Format:  # noqa: A002 - the field's term
    """The format of that name, or the one given."""
    if not isinstance(format, str):
        return format
    from react_agent.formats import get_format

    return get_format(format)


def key_from_environment(provider: str, names: tuple[str, ...], needed: bool) -> str | None:
    """The first of the variables that is set. Raises `ConfigError` that names them where a key is needed and none is set."""
    for name in names:
        if value := os.environ.get(name, "").strip():
            return value
    if needed:
        raise ConfigError(
            f"{provider} wants a key: set {' or '.join(names)} in the environment, or make the backend yourself, with api_key="
        )
    return None


def usable_key(key: str | None) -> str | None:
    """The key without blanks around it; None for an empty one. Raises `ConfigError` for what no header can carry."""
    key = key.strip() if key is not None else None
    if key and not (key.isascii() and key.isprintable()):
        raise ConfigError("the API key holds characters that no key has (a line break, or a letter that is not ASCII); copy it again")
    return key or None


def usable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers by lower-case names. Raises `ConfigError` for a value that cannot be sent."""
    for name, value in headers.items():
        if not (isinstance(name, str) and isinstance(value, str) and name.isascii() and value.isascii() and value.isprintable()):
            raise ConfigError(f"the header {name!r} has a value that cannot be sent: only text in printable ASCII is allowed")
    return {name.lower(): value for name, value in headers.items()}


def secrets_in(key: str | None, headers: Mapping[str, str], base_url: str) -> list[str]:
    """Every secret that this leaf sends, the longest first, should a server or a client quote it."""
    found = {key or ""}
    for name, value in headers.items():
        if _SECRET_HEADER.search(name):
            found |= {value, value.removeprefix("Bearer "), value.removeprefix("Basic ")}
    password = urlsplit(base_url).password or ""
    found |= {password, unquote(password)}
    return sorted((word for word in found if len(word) >= 4), key=len, reverse=True)


def quoting(words: Sequence[str]) -> re.Pattern[str] | None:
    """Finds these words, the longest first, and one whose end was cut off with the text around it; None without any."""
    if not words:
        return None
    cut = [rf"{re.escape(word[:6])}[!-~]{{0,{len(word)}}}+(?=…|\Z)" for word in words if len(word) > 6]
    return re.compile("|".join([*map(re.escape, words), *cut]))


def apart(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its user and password, which stand in a header instead: URLs are logged."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, {}
    user, _, host = parts.netloc.rpartition("@")
    token = base64.b64encode(unquote(user).encode()).decode()
    return parts._replace(netloc=host).geturl(), {"authorization": f"Basic {token}"}
