"""What a run writes beside its video: taken for this run alone while it goes on."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from losszero_rt.classmap import ClassMap
from losszero_rt.pipeline.finishing import write_json
from losszero_rt.pipeline.json_lines import JsonLines
from losszero_rt.pipeline.stream_config import StreamConfig
from losszero_rt.video import OutputLock


class SideFiles:
    """JSON lines, report and mask folder of one run.

    Args:
        config: Where they lie, and whether lines that an interrupted run left may be replaced.
        classmap: Names of the classes.
        masks: Folder of masks; None for none.

    Attributes:
        json: The JSON lines; None without them.
        notes: Lines a person should see.

    Raises:
        OutputError: One of them cannot be written, or another run is writing it.
    """

    def __init__(
        self, config: StreamConfig, *, classmap: ClassMap, masks: Path | None = None
    ) -> None:
        self._report = config.report
        self.json: JsonLines | None = None
        self.notes: tuple[str, ...] = ()
        with ExitStack() as taken:
            for path in (config.report, None if masks is None else mask_lock(masks)):
                if path is not None:
                    taken.callback(OutputLock(path).release)
            if config.json is not None:
                self.json = JsonLines(config.json, classmap=classmap, put_aside=not config.force)
                self.notes = self.json.notes
                taken.callback(self.json.abandon)
            self._taken = taken.pop_all()

    @property
    def writers(self) -> tuple[Callable[[dict[str, Any]], None], ...]:
        """What writes the report of the run down."""
        lines = () if self.json is None else (self.json.finish,)
        return (*lines, *(() if self._report is None else (partial(write_json, self._report),)))

    def close(self) -> None:
        """Let others write them; lines without a report stay under their ``.part`` name."""
        self._taken.close()


def mask_lock(folder: Path) -> Path:
    """Return the name that stands for a whole folder of masks where its writer locks it."""
    return folder / "masks"
