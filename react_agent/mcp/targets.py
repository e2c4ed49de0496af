"""What stands for an MCP server: looked at when it is given, named without the secrets in it, and what may have been meant where it cannot be had."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from react_agent.errors import ConfigError

_SECRET = re.compile(
    r"(?is)(--?[\w-]*(?:key|token|secret|password|passwd|auth|header)[\w-]*|(?-i:-H)|\w*(?:key|token|secret|password|passwd|auth)\w*(?==))(=.*)?"
)
_USER = re.compile(r"(://)[^/@\s]*@")
_QUERY = re.compile(r"(://[^?\s]*)\?\S*")
_ADDRESS = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?(/\S*)?|[\w-]+:\d+(/\S*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def is_url(target: object) -> bool:
    return isinstance(target, str) and target.lower().startswith(("http://", "https://"))


def as_target(target: object) -> object:
    """The target, a path as the command that it is. Raises `ConfigError` for what is none."""
    if isinstance(target, Path):
        return [str(target)]
    if target is None or isinstance(target, Mapping | bytes | int | float):
        how = ' (a configuration such as {"command": …, "args": …, "env": …} is McpServer([command, *args], env=env))'
        raise ConfigError(
            f"an MCP server is a URL, a command as text or as a list, or what the SDK's Client takes; not {type(target).__name__}"
            + (how if isinstance(target, Mapping) else "")
        )
    if isinstance(target, str) and not is_url(target):
        try:
            return shlex.split(target)
        except ValueError as error:
            raise ConfigError(f"the command of the MCP server cannot be read ({error}): give it as a list of words") from None
    return target


def shown(target: object) -> str:
    """A name for messages and pins, without what may be secret in a URL or a command line that `as_target` takes."""
    if is_url(target):
        return _bare(str(target))
    if not isinstance(target, list | tuple | str):
        return str(getattr(target, "name", type(target).__name__))
    given = shlex.split(target) if isinstance(target, str) else [str(word) for word in target]
    words: list[str] = []
    hidden = False
    for word in given:
        option = _SECRET.fullmatch(word)
        words.append("…" if hidden and not word.startswith("-") else f"{option[1]}=…" if option and option[2] else _bare(word))
        hidden = option is not None and not option[2]
    if words == given:
        return target if isinstance(target, str) else shlex.join(given)
    return " ".join(words)


def _bare(word: str) -> str:
    return _QUERY.sub(r"\1", _USER.sub(r"\1", word))


def check_options(headers: object, env: object, timeout: object, prefix: object) -> None:
    """Raise `ConfigError` for what would fail later, where a message could show a value that is secret."""
    for what, given in (("headers", headers), ("env", env)):
        if given is None:
            continue
        if not isinstance(given, Mapping):
            raise ConfigError(f"{what} of an MCP server are a dict of texts by their names; not {type(given).__name__}")
        for name, value in given.items():
            if not isinstance(name, str) or not isinstance(value, str):
                why = "; is there nothing in the environment where it comes from?" if value is None else ""
                raise ConfigError(f"{what}[{name!r}] of an MCP server is {type(value).__name__}, and no text{why}")
            if "\0" in value or (what == "headers" and (_CONTROL.search(value) or not value.isascii())):
                raise ConfigError(
                    f"{what}[{name!r}] of an MCP server holds a line break or another character that cannot be sent; strip() it"
                )
            if what == "headers" and not _HEADER.fullmatch(name):
                raise ConfigError(f"{name!r} is no name of an HTTP header, such as 'Authorization'")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0):
        raise ConfigError(f"timeout of an MCP server is {timeout!r}; it is a number of seconds above 0")
    if not (isinstance(prefix, str) and re.fullmatch(r"([A-Za-z_][A-Za-z0-9_.-]{0,60})?", prefix)):
        raise ConfigError(f"prefix of an MCP server is {prefix!r}; it is text such as 'files_': letters, digits, '_', '-' or '.'")


_STATUS = {
    "401": "; a key is given as headers={'Authorization': f'Bearer {token}'}",
    "403": "; is the key in headers= allowed to do this?",
    "404": "; is its path right? Many servers are at /mcp",
    "405": "; one of the older SSE transport is McpServer(sse_client(url)), with sse_client of mcp.client.sse",
}


def advice_on_status(said: str) -> str:
    """What to do where a server refused by HTTP, of what was written down of that."""
    found = re.search(r"HTTP (\d{3}) ", said)
    return _STATUS.get(found[1], "") if found else ""


def advice(program: object) -> str:
    """What to do where a program could not be started."""
    name = str(program)
    if name.endswith((".py", ".js", ".ts", ".mjs")):
        return f"; a script is started by its interpreter, as in '{'python' if name.endswith('.py') else 'node'} {name}'"
    if _ADDRESS.fullmatch(name) and not Path(name).exists():
        return "; if it is a URL, it begins with http:// or https://"
    return "; is it installed, and on the PATH?"
