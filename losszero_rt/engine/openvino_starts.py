"""What earlier starts measured, and what may be concluded from it.

A machine is busy at one start and idle at the next, so times of different starts say nothing of
each other. Within one start graphs run in turn, and each one's time is the fastest of several
laps: these are compared. What is known across starts are shares: how much longer than the usual
graph, which every start measures that measures anything, another one took beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

# What took so much more of the time than another is clearly slower: what disturbs one graph more
# than the other, even in turn, stays far below.
BEATEN = 1.3

# Milliseconds a frame by what a graph is called, measured in one start.
Times = Mapping[str, float]


def times_of(record: Mapping[str, Any]) -> list[Times]:
    """Return the times of every start that a record tells of.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: It makes no sense.
    """
    rounds = [{str(name): float(ms) for name, ms in times.items()} for times in record["rounds"]]
    if not all(ms > 0 for times in rounds for ms in times.values()):
        raise ValueError("a graph that takes no time")
    return list(rounds)


def is_beaten(name: str, rounds: Sequence[Times]) -> bool:
    """Say whether a graph was clearly slower than another that ran beside it.

    Only times of one and the same start are compared, and by a wide margin.

    Args:
        name: What it is called.
        rounds: Times of every start.
    """
    return any(
        name in times and times[name] > BEATEN * min(times.values()) for times in rounds if times
    )


def clearly_best(names: Sequence[str], *, now: str, rounds: Sequence[Times]) -> str | None:
    """Return the graph that all starts together found to be clearly faster than another.

    Compared are shares of the time that the usual graph took in the same start; of several starts
    the last one counts.

    Args:
        names: Graphs to choose among, the usual one first.
        now: The other.
        rounds: Times of every start, the last one at the end.

    Returns:
        None where nothing is clearly faster, or nothing is known of it.
    """
    usual, shares = names[0], dict[str, float]()
    for times in rounds:
        if usual in times:
            shares |= {name: ms / times[usual] for name, ms in times.items()}
    known = [name for name in names if name in shares]
    if now not in shares:
        return None
    best = min(known, key=lambda name: shares[name])
    return best if shares[best] * BEATEN < shares[now] else None
