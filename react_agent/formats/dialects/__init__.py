"""Native tool-call dialects, one file each. Order matters where two share a mark: the first that recognises what follows it reads it."""

from react_agent.formats.dialects import (
    apertus,
    cohere,
    deepseek,
    functionary,
    gemma,
    gigachat,
    glm,
    granite,
    harmony,
    hermes,
    internlm,
    json_step,
    json_text,
    kimi_k2,
    llama_pythonic,
    minimax,
    mistral,
    phi4mini,
    qwen3_coder,
    step3,
    xml_react,
)
from react_agent.formats.dialects.base import Dialect

# Their marks are never ordinary text.
STRONG: tuple[Dialect, ...] = (
    hermes.DIALECT,
    functionary.DIALECT,
    qwen3_coder.DIALECT,
    glm.DIALECT,
    json_text.LLAMA3,
    mistral.DIALECT,
    mistral.OLD,
    phi4mini.DIALECT,
    granite.DIALECT,
    deepseek.V3,
    deepseek.V31,
    deepseek.V32,
    kimi_k2.DIALECT,
    minimax.DIALECT,
    gemma.GEMMA4,
    gemma.FUNCTION_GEMMA,
    cohere.DIALECT,
    internlm.DIALECT,
    gigachat.DIALECT,
    step3.DIALECT,
    llama_pythonic.DIALECT,
    llama_pythonic.LFM2,
    llama_pythonic.OLMO3,
    apertus.DIALECT,
)
STRONG_MARKS: tuple[str, ...] = tuple(mark for dialect in STRONG for mark in dialect.markers)
HARMONY: Dialect = harmony.DIALECT
WEAK: tuple[Dialect, ...] = (json_text.FENCE, json_step.DIALECT, xml_react.DIALECT, functionary.RECIPIENTS)
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (*STRONG, HARMONY, *WEAK)}
