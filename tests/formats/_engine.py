"""Grammars as a real engine reads them: llguidance, which vLLM, SGLang and llama.cpp can be built with."""

from __future__ import annotations

import json
from functools import cache

import pytest

from react_agent.formats.grammar import Grammar
from react_agent.messages import JsonObject

llguidance = pytest.importorskip("llguidance", reason="grammars are checked with llguidance, which the extra 'test' brings")


class _Bytes:
    """Every byte is a token."""

    eos_token_id = 256
    bos_token_id = None
    tokens = (*(bytes([code]) for code in range(256)), b"<|end|>")
    special_token_ids = (256,)

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


@cache
def _tokens():  # type: ignore[no-untyped-def]
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Bytes()))


@cache
def _compiled(kind: str, source: str):  # type: ignore[no-untyped-def]
    matcher = llguidance.LLMatcher(_tokens(), llguidance.grammar_from(kind, source))
    assert not matcher.is_error(), matcher.get_error()
    return matcher


def _accepts(kind: str, source: str, text: str) -> bool:
    matcher = _compiled(kind, source).deep_copy()
    data = list(text.encode())
    return bool(matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting())


def gbnf_accepts(grammar: Grammar, text: str) -> bool:
    return _accepts("gbnf", grammar.gbnf(), text)


def regex_accepts(grammar: Grammar, text: str) -> bool:
    source = grammar.regex()
    assert source is not None
    return _accepts("regex", source, text)


def schema_accepts(schema: JsonObject, text: str) -> bool:
    """White space may stand where JSON has it."""
    return _accepts("json_schema", json.dumps(schema), text)
