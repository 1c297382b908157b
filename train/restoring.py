"""Going on from a state, on one machine or many, which all have to find the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from losszero_rt.errors import LossZeroError, UsageError
from train.data import Data
from train.session import Session
from train.state import has_state, read_origin, state_mark

# In the place of a step, where there is none.
_ABSENT, _UNUSABLE = -1, -2
_TOLD = {_ABSENT: "no state", _UNUSABLE: "a state that it cannot use"}


def restore(session: Session, *, data: Data, out: Path, say: Callable[[str], object]) -> Data:
    """Go on from the state; a training that was killed before its first one begins again.

    Args:
        session: The training; changed in place.
        data: What it is trained on.
        out: Its folder.
        say: Hears that there is no state.

    Returns:
        The data, which knows of the weights that the training began with what its state knows.

    Raises:
        ModelError: In a process that cannot go on from the state that it finds.
        UsageError: In all others then, and in all where they find different states.
    """
    folder, fault = out / "state", None
    step, mark = _ABSENT, 0
    if has_state(folder):
        try:
            session.restore(folder, data=data.identity())
            data = replace(data, origin=read_origin(folder, given=data.origin))
            step, mark = session.progress.step, state_mark(folder)
        # The others are told before this process ends, or they would wait for it.
        except LossZeroError as error:
            step, fault = _UNUSABLE, error
    steps, marks = session.of_all(step), session.of_all(mark)
    if fault is not None:
        raise fault
    if len(set(zip(steps, marks, strict=True))) > 1:
        found = (_TOLD.get(each, f"step {each}") for each in steps)
        raise UsageError(
            f"the processes find different states in {out}: {', '.join(found)}",
            accepted="one folder that all machines share, or the same state on each",
            remedy="copy OUT/state of the first machine to the others",
        )
    if step == _ABSENT and session.team.leads:
        say(f"{out} holds no state yet: the training begins at step 0")
    return data
