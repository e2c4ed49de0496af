"""What next: the loop, without I/O.

`update(state, event)` folds one fact into the state; `next_effect(state)` says what is to be done. Both are pure, so resume, replay and
fork are one function given another prefix. A host carries the effects out and appends what came of them::

    while True:
        match next_effect(state):
            case CallModel(): ...      # ask, append Replied (or Stopped)
            case CallTools(): ...      # append Called, run, append Returned; or append Asked
            case Pause():     ...      # append Reviewed, or rest here
            case Finish():    ...      # done

The loop is that of ReAct (Yao et al., 2022, arXiv 2210.03629): reason, act, observe, until the answer.
"""

from react_agent.loop.effects import CallModel, CallTools, Effect, Finish, Pause, PlannedCall
from react_agent.loop.fold import advance, begin, fold, update
from react_agent.loop.following import next_effect
from react_agent.loop.state import State

__all__ = [
    "CallModel",
    "CallTools",
    "Effect",
    "Finish",
    "Pause",
    "PlannedCall",
    "State",
    "advance",
    "begin",
    "fold",
    "next_effect",
    "update",
]
