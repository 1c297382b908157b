"""A child for :mod:`export.child`: echoes, fails, hangs or dies, as it is told."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from export.child import serve


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Do as told."""
    print("noise on the way")
    if request.get("fails"):
        sys.exit(f"warnings before\n{request['fails']}")
    if request.get("dies"):
        sys.exit(9)
    if request.get("killed"):
        os.kill(os.getpid(), request["killed"])
    if request.get("hangs"):
        Path(request["hangs"]).write_text(str(os.getpid()))
        time.sleep(300)
    return request


if __name__ == "__main__":
    serve(work)
