"""`current_time(timezone)`: what models do not know, the date above all."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from react_agent import ConfigError, Tool, ToolError
from react_agent import tool as make_tool

_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE | re.ASCII)


def clock(now: Callable[[], datetime] = lambda: datetime.now(UTC), default: str = "UTC") -> Tool:
    """The tool ``current_time`` by a clock of one's own.

    Args:
        now: Gives an aware time.
        default: The zone that is told where none is asked for, e.g. "Europe/Berlin".

    Raises:
        ConfigError: There is no such zone.
    """
    try:
        _zone(default)
    except ToolError as error:
        raise ConfigError(str(error)) from None

    @make_tool(read_only=True, idempotent=True, examples=[{}, {"timezone": "Europe/Berlin"}, {"timezone": "+05:30"}])
    def current_time(timezone: str = default) -> str:
        """Tell the current date and time.

        Args:
            timezone: IANA name such as "Europe/Berlin" or "America/New_York", or an offset from UTC such as "+02:00".
        """
        zone, name = _zone(timezone)
        there = now().astimezone(zone)
        week = there.isocalendar().week
        return f"{there.isoformat(timespec='seconds')} ({there:%A}, {there.day} {there:%B %Y}, {there:%H:%M}, {name}, week {week}, day {there.timetuple().tm_yday} of the year)"

    return current_time


def _zone(name: str) -> tuple[tzinfo, str]:
    wanted = name.strip()
    if wanted.upper() in ("UTC", "GMT", "Z", ""):
        return UTC, "UTC"
    offset = _OFFSET.fullmatch(wanted)
    if offset is not None:
        sign, hours, minutes = offset.groups(default="0")
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        if ahead <= timedelta(hours=14):
            fixed = timezone(-ahead if sign == "-" else ahead)
            return fixed, str(fixed)
    try:
        if len(wanted) <= 64:
            return ZoneInfo(wanted), wanted
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        pass
    raise ToolError(
        f"there is no time zone {name[:64]!r}{_near(wanted[:64])}; write an IANA name such as 'Europe/Berlin', or an offset such as '+02:00'"
    )


def _near(name: str) -> str:
    known = sorted(available_timezones())
    folded = name.replace(" ", "_").casefold()
    near = [zone for zone in known if zone.casefold() == folded or zone.rpartition("/")[2].casefold() == folded]
    near = near or difflib.get_close_matches(name, known, 3, 0.6)
    return f" (did you mean {', '.join(near[:3])}?)" if near else ""


current_time = clock()
