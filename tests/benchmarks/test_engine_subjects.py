"""Networks that find objects are compared like the others, as far as they can be compiled."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.engine_subjects import checkpoint_bundle, fit_out
from benchmarks.engine_variants import EAGER, PLAIN, AbsentError, size_mb, variants
from benchmarks.options import Options
from tests.engine.test_eager_objects import pixels, write_object_checkpoint


@pytest.mark.slow
def test_network_compiled_in_parts_runs_or_says_why_not(tmp_path: Path) -> None:
    checkpoint = write_object_checkpoint(tmp_path / "checkpoint")
    bundle = checkpoint_bundle(checkpoint, tmp_path / "bundle")
    subject = fit_out("finds objects", bundle, options=Options(), trained=True)
    openers = variants()
    labels = {name: openers[name](subject)(pixels(1))[0] for name in (EAGER, "OpenVINO fp32")}
    assert np.mean(labels[EAGER] == labels["OpenVINO fp32"]) > 0.999
    assert size_mb(subject, "OpenVINO fp32") == pytest.approx(size_mb(subject, EAGER), rel=0.1)
    for name in (PLAIN, "OpenVINO int8", "ONNX Runtime fp32"):
        with pytest.raises(AbsentError, match="compiled in parts"):
            openers[name](subject)
