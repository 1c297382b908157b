"""``python -m losszero_rt``: the same as the ``losszero-rt`` command."""

import os
import sys
import threading
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
        if isinstance(end.code, int) and any(thread.daemon for thread in threading.enumerate()):
            for stream in (sys.stdout, sys.stderr):
                with suppress(AttributeError, OSError, ValueError):
                    stream.flush()
            os._exit(end.code)
        raise


if __name__ == "__main__":
    main()
