"""When a training writes its state, and when its time is up."""

from losszero_rt.timings import now_s


class Clock:
    """Counts from its making on, and over all resumptions of a training.

    Args:
        time_limit_s: Time of this call after which to stop.
        save_every_s: Time between two states.
    """

    def __init__(self, *, time_limit_s: float, save_every_s: float) -> None:
        self._made_s = now_s()
        self._time_limit_s = time_limit_s
        self._save_every_s = save_every_s
        self._started_s = self._saved_s = self._made_s

    def start(self, *, elapsed_s: float) -> None:
        """Begin to count training time, of which so much has passed before."""
        self._saved_s = now_s()
        self._started_s = self._saved_s - elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Training time over all resumptions."""
        return now_s() - self._started_s

    @property
    def is_up(self) -> bool:
        """Whether it is."""
        return now_s() - self._made_s > self._time_limit_s

    @property
    def wants_saving(self) -> bool:
        """Whether the last state is old enough for another."""
        return now_s() - self._saved_s > self._save_every_s

    def saved(self) -> None:
        """Note that the state has just been written."""
        self._saved_s = now_s()
