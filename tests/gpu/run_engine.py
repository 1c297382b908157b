"""A process that loads an engine and says what it answers: ``python -m tests.gpu.run_engine``."""

import hashlib
import json
import sys
from pathlib import Path

from export.child import answer
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, open_engine
from tests.gpu.bundles import ride_inputs


def labels_digest(bundle: Bundle, *, num: int) -> str:
    """Return one digest over the labels of some frames."""
    engine = open_engine(bundle, name="tensorrt", options=EngineOptions())
    digest = hashlib.sha256()
    for pixels_HWC in ride_inputs(bundle, num=num):
        digest.update(engine.submit(pixels_HWC[None]).result().tobytes())
    engine.close()
    return digest.hexdigest()


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    opened = Bundle.open(Path(request["bundle"]))
    answer({"labels_sha256": labels_digest(opened, num=request["num"])})
