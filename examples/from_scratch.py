"""The whole idea without the framework: a ReAct loop (Yao et al., 2022, arXiv 2210.03629) in about 35 lines of the standard library.

    python examples/from_scratch.py

It works, and it is worth reading before anything else here. The comments say what it lacks; that list is what the framework is for.
"""

import json
import re
from collections.abc import Callable

PROMPT = """Answer the question. In each step write a Thought and an Action, such as
Action: population {"city": "Paris"}
You will get an Observation. When you know the answer, write Final Answer: and the answer.

Question: """


def population(city: str) -> int:
    return {"Paris": 2_102_650}[city]


def react(model: Callable[[str], str], tools: dict[str, Callable[..., object]], question: str, steps: int = 8) -> str:
    text = PROMPT + question + "\n"  # all its memory: it cannot be resumed, forked, replayed, or given to another kind of model
    for _ in range(steps):
        reply = model(text)  # no time-out, no retry, no streaming, no usage; a lost server is a traceback, and the work is gone
        reply = reply.split("Observation:")[0]  # what the model makes up after its action is cut off, and nobody will know
        text += reply
        if answer := re.search(r"Final Answer:(.*)", reply, re.DOTALL):
            return answer[1].strip()  # also when the reply was cut in the middle of it
        action = re.search(r"Action: (\w+) (\{.*\})", reply, re.DOTALL)
        if action is None:
            observation = "no Action found"  # small models want a worked example here
        else:
            try:
                # No schema: a wrong type or a forgotten argument reaches the function, whose default may delete everything. One call at a
                # time. Nothing is written down before the call, so after a crash nobody knows whether it happened. Nobody is asked first.
                observation = str(tools[action[1]](**json.loads(action[2])))
            except Exception as error:  # noqa: BLE001 - whatever goes wrong, the model should read it
                observation = f"{type(error).__name__}: {error}"
        text += f"\nObservation: {observation}\n"  # of any length, and trusted
    raise RuntimeError(f"no answer in {steps} steps")  # and all that was found out is lost


script = iter(
    [
        'Thought: I need the figure.\nAction: population {"town": "Paris"}',
        'Thought: The argument is called city.\nAction: population {"city": "Paris"}\nObservation: 12',
        "Thought: That is it.\nFinal Answer: 2.1 million",
    ]
)


def scripted(prompt: str) -> str:
    reply = next(script)
    print(f"{prompt.splitlines()[-1]}\n{reply}\n")
    return reply


print("=>", react(scripted, {"population": population}, "How many people live in Paris?"))
