"""The OpenVINO engine."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import capable_precisions, openvino_facts
from losszero_rt.errors import ModelError
from tests.bundles import draw_inputs
from tests.engine.promises import EnginePromises

# Runs an engine in a fresh interpreter in which any socket, fork or torch is an error.
_QUIET_RUN = """
import os, socket, sys
def refuse(*_, **__):
    raise SystemExit("a socket or a process was opened")
socket.socket = socket.create_connection = socket.getaddrinfo = os.fork = refuse
from pathlib import Path
import numpy as np
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, open_engine
bundle = Bundle.open(Path(sys.argv[1]))
engine = open_engine(bundle, options=EngineOptions(threads=1))
inputs = np.zeros((1, *bundle.input_spec.size, 3), np.uint8)
print(engine.submit(inputs).result().shape, "torch" in sys.modules)
"""


class TestOpenVinoEngine(EnginePromises):
    name = "openvino"


def test_labels_equal_the_eager_engine(bundle: Bundle) -> None:
    options = EngineOptions(precision="fp32", batch=4, threads=1)
    inputs_NHWC = draw_inputs(4, seed=50)
    compiled = OpenVinoEngine(bundle, options=options).submit(inputs_NHWC).result()
    eager = EagerEngine(bundle, options=options).submit(inputs_NHWC).result()
    assert (compiled == eager).mean() > 0.999


def test_auto_precision_is_one_that_was_proved(bundle: Bundle) -> None:
    assert OpenVinoEngine(bundle, options=EngineOptions()).info.precision in capable_precisions()
    record = bundle.parity["openvino"]
    proved = {"fp32": record["precisions"]["fp32"]}
    cautious = replace(bundle, parity={"openvino": {**record, "precisions": proved}})
    assert OpenVinoEngine(cautious, options=EngineOptions()).info.precision == "fp32"


def test_int8_is_refused_where_the_bundle_has_no_graph_for_it(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"int8.*precisions: auto"):
        OpenVinoEngine(bundle, options=EngineOptions(precision="int8"))


def test_precision_this_cpu_lacks_is_refused(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"fp16.*precisions: auto"):
        OpenVinoEngine(bundle, options=EngineOptions(precision="fp16"))


def test_more_unread_tickets_than_requests_are_refused(bundle: Bundle) -> None:
    engine = OpenVinoEngine(bundle, options=EngineOptions(num_requests=2))
    tickets = [engine.submit(draw_inputs(1)) for _ in range(2)]
    with pytest.raises(ModelError, match="at most 2 unread"):
        engine.submit(draw_inputs(1))
    assert [ticket.result().shape[0] for ticket in tickets] == [1, 1]


def test_many_submissions_reuse_the_requests(bundle: Bundle) -> None:
    engine = OpenVinoEngine(bundle, options=EngineOptions(threads=2, num_requests=3))
    inputs_NHWC = draw_inputs(1)
    expected = engine.submit(inputs_NHWC).result()
    for _ in range(20):
        tickets = [engine.submit(inputs_NHWC) for _ in range(3)]
        for ticket in tickets:
            np.testing.assert_array_equal(ticket.result(), expected)


def test_garbage_with_a_true_digest_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    for name in bundle.files:
        (tmp_path / name).write_bytes(bundle.read(name))
    (tmp_path / bundle.engines["openvino"]["graph"]).write_text("<net>no graph</net>")
    broken = seal(replace(bundle, path=tmp_path))
    with pytest.raises(ModelError, match="refuses the graph"):
        OpenVinoEngine(broken, options=EngineOptions())


def test_graph_of_another_shape_than_the_manifest_says_is_refused(
    bundle: Bundle, tmp_path: Path
) -> None:
    for name in bundle.files:
        (tmp_path / name).write_bytes(bundle.read(name))
    lying = seal(replace(bundle, path=tmp_path, labels_size=(32, 48)))
    with pytest.raises(ModelError, match="as its manifest says"):
        OpenVinoEngine(lying, options=EngineOptions())


def test_bundle_without_a_graph_is_refused(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="no OpenVINO graph"):
        OpenVinoEngine(replace(bundle, engines={}), options=EngineOptions())


def test_run_opens_no_socket_forks_nothing_and_needs_no_torch(bundle: Bundle) -> None:
    command = [sys.executable, "-c", _QUIET_RUN, str(bundle.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split("\n")[0] == "(1, 64, 96) False", done.stderr


def test_facts_name_version_and_cpu() -> None:
    facts = openvino_facts()
    assert facts["version"]
    assert "FP32" in facts["CPU"]
