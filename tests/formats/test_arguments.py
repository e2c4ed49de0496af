from __future__ import annotations

import pytest

from react_agent.formats.arguments import read_arguments
from react_agent.formats.lossless import Unreadable, read_value, strict_object

READ = {
    "plain": ('{"a": 1, "b": [true, null, "x"]}', {"a": 1, "b": [True, None, "x"]}, ()),
    "white space": ('\n {"a": 1}\t\n', {"a": 1}, ()),
    "empty object": ("{}", {}, ()),
    "surrogate pair": ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}, ()),
    "big integer": ('{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}, ()),
    "fence": ('```json\n{"a": 1}\n```', {"a": 1}, ("code_fence",)),
    "fence on one line": ('```{"a": 1}```', {"a": 1}, ("code_fence",)),
    "single quotes": ("{'a': 'b \"c\"'}", {"a": 'b "c"'}, ("single_quotes",)),
    "python": ("{'a': True, 'b': None, 'c': False}", {"a": True, "b": None, "c": False}, ("single_quotes", "python_literal")),
    "trailing comma": ('{"a": [1, 2,], }', {"a": [1, 2]}, ("trailing_comma",)),
    "smart quotes": ('{“a”: “say "hi"”}', {"a": 'say "hi"'}, ("smart_quotes",)),
    "raw newline": ('{"a": "x\ny\tz"}', {"a": "x\ny\tz"}, ("raw_newline",)),
    "unquoted key": ('{city: "Paris"}', {"city": "Paris"}, ("unquoted_key",)),
    "comment": ('{"a": 1 /* one */, // two\n "b": 2}', {"a": 1, "b": 2}, ("comment",)),
    "prose around": ('Here you go: {"a": 1}. Good?', {"a": 1}, ("text_around",)),
    "as a call": ('QueryEngineTool({"a": 1, "b": 1})', {"a": 1, "b": 1}, ("text_around",)),
    "twice encoded": ('"{\\"a\\": 1}"', {"a": 1}, ("double_encoded",)),
    "marks in strings": ('{"a": "} ] \\" // Action: x {"}', {"a": '} ] " // Action: x {'}, ()),
    "escaped apostrophe": ("{'a': 'it\\'s'}", {"a": "it's"}, ("single_quotes", "escaped_quote")),
    "single-quoted pair": ("{'a': '\\ud83d\\ude00'}", {"a": "😀"}, ("single_quotes",)),
}


@pytest.mark.parametrize(("text", "value", "repairs"), READ.values(), ids=READ.keys())
def test_what_is_certain_is_read_and_its_repairs_are_named(text: str, value: object, repairs: tuple[str, ...]) -> None:
    found = read_arguments(text)
    assert (found.value, found.complaint, found.repairs) == (value, None, repairs)


REFUSED = {
    "open string": ('{"path": "/tmp/scra', "inside the string that begins at line 1, column 10", True),
    "open object": ('{"a": {"b": 1}', "inside the object that begins at line 1, column 1", True),
    "open array": ('{"a": [1, 2', "inside the array that begins at line 1, column 7", True),
    "cut after the colon": ('{"a":', "ends where a value should stand", True),
    "cut in a word": ('{"a": tru', "'tru' is no JSON value", True),
    "cut fence": ('```json\n{"a": "b', "inside the string", True),
    "place": ('{"a": 1,\n "b": }', "line 2, column 7", False),
    "duplicate key": ('{"a": 1, "a": 2}', "'a' stands there twice", False),
    "duplicate key, nested": ('{"x": [{"a": 1, "a": 2}]}', "'a' stands there twice", False),
    "NaN": ('{"a": NaN}', "NaN", False),
    "infinity": ('{"a": -Infinity}', "no JSON number", False),
    "too large": ('{"a": 1e999}', "too large", False),
    "digits": ('{"a": ' + "9" * 5000 + "}", "too many digits", False),
    "half a pair": ('{"a": "\\ud800"}', "surrogate", False),
    "lone surrogate": ('{"a": "\ud800"}', "surrogate", False),
    "deep": ('{"a":' * 100_000, "nested more than", False),
    "deep and closed": ('{"a":' * 300 + "1" + "}" * 300, "nested more than", False),
    "array": ('[{"a": 1}]', "an array, not an object", False),
    "string": ('"abc"', "a string, not an object", False),
    "number": ("42", "not an object", False),
    "null": ("null", "null is not an object", False),
    "nothing": ("", "there is no text", True),
    "prose": ("the population of Paris", "there is no object", False),
    "two objects": ('{"a": 1}{"b": 2}', "more follows", False),
    "two objects in prose": ('{"a": 1} or {"b": 2}', "more follows", False),
    "a brace too many": ('{"a": 1}}', "more follows", False),
    "empty object in prose": ("use {} here", "empty object", False),
    "an apostrophe within": ("{'a': 'it's'}", "comma or '}' was expected", False),
    "quotes within": ('{"a": "say "hi" now"}', "comma or '}' was expected", False),
    "a Windows path": ('{"p": "C:\\dir"}', "no JSON escape", False),
    "missing comma": ('{"a": 1 "b": 2}', "comma or '}' was expected", False),
    "hexadecimal": ('{"a": 0x10}', "no JSON number", False),
    "control character": ('{"a": "\x00"}', "control character", False),
    "unquoted value": ('{"a": Paris}', "text stands in double quotes", False),
}


@pytest.mark.parametrize(("text", "reason", "ended"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_certain_is_a_complaint_with_place_and_reason(text: str, reason: str, ended: bool) -> None:
    found = read_arguments(text)
    assert found.value is None
    assert found.complaint is not None
    assert reason in found.complaint
    assert found.ended is ended or text.startswith('{"a":{')  # deep and cut: either is true
    assert strict_object(text) is None


def test_a_value_is_read_up_to_its_end() -> None:
    assert read_value('x {"a": [1]} y', 2) == ({"a": [1]}, 12, ())
    with pytest.raises(Unreadable):
        read_value("x", 0)
