"""What went wrong, told from what a server says: statuses, words, and reasons why a reply ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from react_agent.backends.retry import retry_after
from react_agent.backends.wires.base import Found, dumps, excerpt, loads, mapping, text
from react_agent.errors import BackendError, BackendProtocolError, BackendRejected, BackendUnavailable, ContextOverflow
from react_agent.formats.base import RawReply
from react_agent.messages import Part, Text, Thinking

# Google's reasons to end a reply, which gateways pass on. The model's own mistakes: what it wrote cannot be used, and it is told so.
MISTAKES = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE"}
REFUSED = {
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
}
_OVERFLOW = re.compile(
    r"context[ _](length|size|window|limit)|exceed_context|maximum (context|prompt)|(prompt|input) is too long|too many (input )?tokens"
    r"|token count .{0,40}exceeds|reduce the length of|larger than the (model's )?context|longer than the (maximum )?model|request_too_large|context the overflows"
    r"|exceeded model token limit|prompt exceeds max|range of input length|tokens_limit_reached|request (body )?too large for"
    r"|inputs` (tokens|must have less than)|input tokens exceed|exceeds? the (model's |configured )?(input )?(token|context)",
    re.IGNORECASE,
)
MOST_WORDS = 2000  # characters; a server that validates what it is sent may say all of it again
_REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray")


def overflowed(words: str) -> bool:
    """Whether a provider's words say that the prompt is longer than the context (llama.cpp, vLLM, OpenAI, Anthropic, Gemini, Ollama …)."""
    return _OVERFLOW.search(words) is not None


def refuses_tools(words: str) -> bool:
    """Whether a server's words say that this model, as it is served, takes no function calls."""
    return _NO_TOOLS.search(words) is not None


def request_id(headers: Mapping[str, str]) -> str | None:
    for name in _REQUEST_IDS:
        found = headers.get(name)
        if found:
            return found
    return None


def advice(status: int, model: str, key_env: str | None) -> str:
    """What a person can do about a status."""
    key = f"the key (api_key=, or {key_env} in the environment)" if key_env else "the key (api_key=)"
    match status:
        case 401:
            return f"check {key}"
        case 402:
            return "the account has no credit left; see the provider's billing page"
        case 403:
            return f"{key} may not use the model {model!r} or is not allowed from here"
        case 404 | 405:
            return f"check the model's name {model!r} and base_url"
        case 413:
            return "the request is too large; send fewer or smaller messages and images"
        case 429:
            return "too many requests; wait, ask less often, or raise the account's limit"
        case 400 | 422:
            return "the server does not accept the request; see its words"
    return ""


def rejection(
    status: int, headers: Mapping[str, str], words: str, code: str, *, hint: str, body: bytes = b"", answered: bool = True
) -> BackendError:
    """The error for a status and the provider's words; `hint` is what to do about it. Not `answered`: it came with status 200, and means this one."""
    kind = _kind(status, words, code)
    words = words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}…"
    message = (
        (f"the server answered {status}" if answered else "the server sent an error in a reply's place")
        + (f" ({code})" if code and code != str(status) else "")
        + (f": {words}" if words else "")
    )
    if kind is ContextOverflow:
        hint = "the prompt is longer than the model's context; shorten it, or serve the model with a larger one"
    elif refuses_tools(words):
        hint = "served like this the model takes no function calls; the format react_text needs none (format=, or --format)"
    elif _NO_PICTURES.search(words):
        hint = "served like this the model takes no pictures; leave them out, or serve one that does"
    identity = request_id(headers)
    error = kind(
        message + (f" [{hint}]" if hint else "") + (f" (request {identity})" if identity else ""),
        status=status,
        request_id=identity,
        retry_after=retry_after(headers),
        body=body[:MOST_WORDS].decode("utf-8", "replace") or None,
    )
    should = headers.get("x-should-retry")
    if should in ("true", "false") and not isinstance(error, ContextOverflow):
        error.retryable = should == "true"
    return error


_NO_PICTURES = re.compile(
    r"image input is not supported|does(n't| not) support (image|vision|multimodal)|not a (vision|multimodal) model"
    r"|can only concatenate str \(not \"list\"\)",  # a chat template that knows text alone, in llama-cpp-python
    re.IGNORECASE,
)
# Ollama; vLLM; llama.cpp; LiteLLM; OpenRouter; Mistral, Groq and others.
_NO_TOOLS = re.compile(
    r"does(n't| not) support (tools|tool use|function calling|parameters: .{0,9}'tools')|requires --enable-auto-tool-choice|requires --jinja"
    r"|no endpoints found that support tool use|(tools|tool (use|calls?|calling)|function calling)[`'\"]? (is|are) not (supported|enabled)",
    re.IGNORECASE,
)
# Chat templates of Gemma and Mistral; Bedrock.
NO_SUCH_ROLES = re.compile(r"roles must alternate|alternate between user and assistant|system role (is )?not supported", re.IGNORECASE)
# FastAPI's, of the request's body: llama-cpp-python sends it as if the server had failed.
_INVALID = re.compile(r"validation error.{0,60}'loc': \('body'", re.DOTALL)
# A model wrote a call that the server could not read, and is told so as if the server had failed: Ollama; llama.cpp.
_UNREAD = re.compile(r"error parsing tool call|failed to parse input at pos", re.IGNORECASE)


def _kind(status: int, words: str, code: str) -> type[BackendError]:
    if status in (400, 413, 422, 500) and (overflowed(code) or overflowed(words)):
        return ContextOverflow
    if status == 429 and words.lower().startswith("request too large for"):  # alone, for the tokens of a minute: waiting would not help
        return ContextOverflow
    unable = status == 500 and (refuses_tools(words) or any(sign.search(words) for sign in (_NO_PICTURES, NO_SUCH_ROLES, _INVALID)))
    if code == "insufficient_quota" or unable:  # no waiting helps, whatever the status says
        return BackendRejected
    if status in (408, 409, 425, 429) or status >= 500:
        return BackendUnavailable
    return BackendRejected if 400 <= status < 500 else BackendProtocolError


def mistaken(words: str) -> RawReply | None:
    """What stands for the reply where a server's words are about what the model wrote: a thought, since it cannot be used."""
    return RawReply((Thinking(words),)) if _UNREAD.search(words) else None


def as_thoughts(parts: Sequence[Part]) -> list[Part]:
    """The parts of a reply that its provider found to be the model's mistake: text must not pass for an answer, and the format asks for a step."""
    return [Thinking(part.text) if type(part) is Text and part.text else part for part in parts]


def too_large(most: int) -> BackendProtocolError:
    """More came than is read; trying again would bring the same."""
    error = BackendProtocolError(f"the reply is larger than {most:,} bytes; it was given up")
    error.retryable = False
    return error


def incomplete(what: str) -> NoReturn:
    """The stream ended before its end mark: an error, never an answer."""
    raise BackendProtocolError(f"the stream was cut: it ended without {what}")


def json_words(body: bytes) -> tuple[Found, str]:
    """The object in an error's body, or nothing, and the body's beginning as text. Google's OpenAI face, and its streams, put it in a list."""
    try:
        found = loads(body)
        return mapping(found[0] if isinstance(found, list) and found else found), excerpt(body)
    except BackendProtocolError:
        return {}, excerpt(body)


# A chat API's own codes, for errors that come without a status.
STATUS_OF = {
    "invalid_request_error": 400,
    "exceed_context_size_error": 400,
    "context_length_exceeded": 400,
    "tool_use_failed": 400,
    "BadRequestError": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


def words_of(told: object) -> tuple[str, str]:
    """A provider's words and its own code for the error, from any of the forms seen."""
    if isinstance(told, str):
        return told, ""
    found = mapping(told)
    words = text(found.get("message")) or text(found.get("detail")) or text(found.get("error"))
    metadata = mapping(found.get("metadata"))  # OpenRouter: what the provider behind it said
    if raw := text(metadata.get("raw")):
        words = f"{words}: {excerpt(raw)}" if words else excerpt(raw)
    if not words and isinstance(found.get("detail"), list | dict):
        words = excerpt(dumps(found["detail"]))  # FastAPI's validation errors
    return words, text(found.get("code")) or text(found.get("type"))
