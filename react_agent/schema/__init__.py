"""From a signature to JSON Schema, from a schema to a validator, from a mistake to a complaint that a model can act on.

Two kinds of tools, one rule for both: arguments are held to JSON's own types (``"5"`` is no integer, ``true`` is no 1, ``5.0`` is
one), and a key that the tool does not know is refused. Functions are checked by pydantic, schemas from outside by JSON Schema; either
validator is compiled once, when it is first needed. What comes from outside is bounded before anything is compiled from it.

::

    walk        the shape of a schema: where it holds others, what it says of a key
    complaints  what is wrong with arguments, in words, and what would be right
    signature   a function's hints and docstring -> schema          typed    checked by pydantic
    outside     a foreign schema, checked and bounded; patterns     raw      checked by JSON Schema
    eager       iterables of a function, read and checked at once
    keys        those that a foreign schema does not know, at any depth

JSON Schema: draft 2020-12 (https://json-schema.org/draft/2020-12); schemas from outside may name an older draft in ``$schema``.
"""

from __future__ import annotations

from react_agent.schema.complaints import ArgumentsValidator, InvalidArguments, Problem, nearest
from react_agent.schema.outside import arguments_schema, check_schema
from react_agent.schema.raw import RawArguments
from react_agent.schema.signature import Signature, check_accepts, from_function
from react_agent.schema.typed import TypedArguments

__all__ = [
    "ArgumentsValidator",
    "InvalidArguments",
    "Problem",
    "RawArguments",
    "Signature",
    "TypedArguments",
    "arguments_schema",
    "check_accepts",
    "check_schema",
    "from_function",
    "nearest",
]
