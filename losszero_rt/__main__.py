"""``python -m losszero_rt``: the same as the ``losszero-rt`` command."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

from losszero_rt import cli


def main() -> NoReturn:
    """Run the command line and end the process with the right exit code.

    A source that hangs leaves a thread behind that waits inside FFmpeg. By then every output is
    closed; but the libraries would be taken down around that thread, which ends in a segmentation
    fault now and then. So the process ends at once.
    """
    try:
        cli.main()
    except SystemExit as end:
        if isinstance(end.code, int) and _is_anything_left_behind():
            for stream in (sys.stdout, sys.stderr):
                with suppress(AttributeError, OSError, ValueError):
                    stream.flush()
            os._exit(end.code)
        raise


def _is_anything_left_behind() -> bool:
    # What was never imported started no thread, and is not to be imported for --help.
    if "losszero_rt.pipeline.lane" not in sys.modules:
        return False
    from losszero_rt.pipeline.lane import any_left_behind

    return any_left_behind()


if __name__ == "__main__":
    main()
