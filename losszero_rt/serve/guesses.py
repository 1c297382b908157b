"""Tries tokens, so that nobody can try many, and nobody's tries are in another's way."""

import asyncio
from typing import Literal

from losszero_rt.serve.security import Gate

Guess = Literal["right", "wrong", "busy"]
WRONG_TOKEN_S = 0.5
_MAX_WAITING = 8


class _Turns:
    """The tries of one client, which come one after the other."""

    def __init__(self) -> None:
        self.one = asyncio.Lock()
        self.num_waiting = 0


class Guesses:
    """Tries the tokens of each client one after the other; a wrong one holds up those behind it.

    So no client tries more than two a second, however many connections it opens, and a token that
    a person chose is safe too. A right token is let in at once, whatever other clients try; only
    who shares an address with somebody who guesses waits with them. Clients are remembered while
    they try, and no longer. Those who have signed in never come here.

    Args:
        gate: Knows the token.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._turns: dict[str, _Turns] = {}

    @property
    def num_clients(self) -> int:
        """Clients who try at this moment."""
        return len(self._turns)

    async def attempt(self, token: str, *, client: str) -> Guess:
        """Return whether a token is right.

        Args:
            token: What was given.
            client: Who gave it.

        Returns:
            ``busy`` when too many of the client's tries wait, and this one was not made.
        """
        turns = self._turns.setdefault(client, _Turns())
        if turns.num_waiting >= _MAX_WAITING:
            return "busy"
        turns.num_waiting += 1
        try:
            async with turns.one:
                if self._gate.is_token(token):
                    return "right"
                await asyncio.sleep(WRONG_TOKEN_S)
                return "wrong"
        finally:
            turns.num_waiting -= 1
            if not turns.num_waiting:
                del self._turns[client]
