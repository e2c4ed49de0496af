from react_agent.formats.base import Format, RawReply

__all__ = ["Format", "RawReply"]
