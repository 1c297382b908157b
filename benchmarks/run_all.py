"""All benchmarks, the short ones first; what was measured on this very code is not measured again.

The soak is left out, as it takes half an hour alone: python -m benchmarks.bench_soak. So are those
in LEFT_OUT. A table of engines of trained networks stays as it is unless ``--checkpoints`` gives
trained ones again: one of random weights would not take its place.

Run: python -m benchmarks.run_all --peer ENVIRONMENT
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import summary
from benchmarks.engine_subjects import SHIPPED
from benchmarks.machine import code_facts, machine_facts
from benchmarks.options import RESULTS, ROOT, Options, build_parser, to_options
from losszero_rt.bundle import find_bundle
from losszero_rt.timings import now_s

SCRIPTS = (
    *("ride", "startup", "fidelity", "stages", "cam", "encoder"),
    *("efficiency", "memory", "training", "peers", "viewers", "live", "glass", "engines"),
)
# The soak's time, GPUs, a package that nothing else wants, and a choice that was made.
LEFT_OUT = ("soak", "gpu", "transports", "candidates")
TIMEOUT_S = 1200.0
# Compiling one network of every family for every engine takes its time.
LONG_TIMEOUT_S = {"engines": 3600.0}
BUSY_LOAD = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every script that has no result for this code, model and machine, but for LEFT_OUT.

    Returns:
        0, or the number of scripts that failed.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser(__doc__)
    parser.add_argument("--again", action="store_true", help="measure everything again")
    parsed = parser.parse_args(words)
    again, options = parsed.again, to_options(parsed)
    wanted = expected_of(options)
    load = machine_facts()["load_1min_at_start"]
    if load and load > BUSY_LOAD and not options.quick:
        print(f"the machine is busy (load {load}): figures will be worse than they should be")
    start_s, failed = now_s(), []
    for number, name in enumerate(SCRIPTS, 1):
        head = f"[{number}/{len(SCRIPTS)}] {name}"
        result = options.out / f"{name}.json"
        if not again and is_done(result, wanted=wanted):
            print(f"{head}: measured before", flush=True)
            continue
        if name == "engines" and not options.checkpoints and is_of_trained(result):
            print(f"{head}: left as it is, give --checkpoints to measure it anew", flush=True)
            continue
        print(f"{head}: started after {now_s() - start_s:.0f} s", flush=True)
        if not run_script(name, [word for word in words if word != "--again"]):
            failed.append(name)
            print(f"{head}: FAILED", flush=True)
    print(f"done in {now_s() - start_s:.0f} s, failed: {', '.join(failed) or 'none'}")
    if options.out == RESULTS and not options.quick:
        summary.main([])
    return len(failed)


def expected_of(options: Options) -> dict[str, Any]:
    """Return what a result must say to stand for this code, model, options and machine."""
    return {
        "code_sha256": code_facts()["code_sha256"],
        "model_sha256": find_bundle(options.model, allow_unverified=True).sha256,
        "quick": options.quick,
        "rounds": options.rounds,
        "cpu": machine_facts()["cpu"],
    }


def is_done(path: Path, *, wanted: dict[str, Any]) -> bool:
    """Say whether a result of exactly this code, model and machine exists."""
    if not path.exists():
        return False
    result = json.loads(path.read_text(encoding="utf-8"))
    found = {**result, "cpu": result["machine"]["cpu"]}
    return all(found.get(key) == value for key, value in wanted.items())


def is_of_trained(path: Path) -> bool:
    """Say whether a table of engines exists that has scores of other networks than what ships."""
    if not path.exists():
        return False
    table = json.loads(path.read_text(encoding="utf-8"))["figures"].get("table", {})
    others = [rows for name, rows in table.items() if name != SHIPPED]
    return any("miou" in row for rows in others for row in rows.values())


def run_script(name: str, words: list[str]) -> bool:
    """Run one script in a process of its own; say whether it ended well.

    Whatever ends us or takes too long, the script ends together with the programs it started.
    """
    command = [sys.executable, "-m", f"benchmarks.bench_{name}", *words]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        return process.wait(LONG_TIMEOUT_S.get(name, TIMEOUT_S)) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
