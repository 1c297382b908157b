"""A child for :mod:`export.child`: echoes, fails, or dies, as it is told."""

import json
import os
import signal
import sys

from export.child import answer

if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    print("noise on the way")
    if request.get("fails"):
        sys.exit(f"warnings before\n{request['fails']}")
    if request.get("dies"):
        sys.exit(9)
    if request.get("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    answer(request)
