"""Whether anything that a run was asked to write still takes its frames."""

from collections.abc import Sequence

from losszero_rt.pipeline.outlets import Outlet
from losszero_rt.pipeline.ports import Sink


class Saving:
    """Tells frames that were saved somewhere from those that were computed for nothing.

    Args:
        outlets: Takers of labels, as they are at each moment: one that failed is gone.
        sink: Where painted frames go.
    """

    def __init__(self, outlets: Sequence[Outlet], *, sink: Sink | None) -> None:
        self._outlets = outlets
        self._depends = sink is None and self._num_writers() > 0

    @property
    def has_failed(self) -> bool:
        """Whether files were asked for and none of them takes frames any more."""
        return self._depends and not self._num_writers()

    def _num_writers(self) -> int:
        return sum(outlet.saves for outlet in self._outlets)
