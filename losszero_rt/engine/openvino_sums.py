"""What shows an overflow behind labels: the sum of each frame's logits, as a last output.

A logit that is no number loses every comparison, so labels made of such logits look like any
others: all of the first class, or of whatever came before. Their sum is no number either, and
costs a thousandth of the graph. What is lost on the way to the logits (a clamp turns what is no
number into a bound, rounding to int8 into a level) cannot be seen here: for that the gate of an
export runs black, white and noise, and compares the logits themselves.

Shape letters: N frames, C classes, h, w the decoder's height and width.
"""

from typing import Any

import numpy as np

from losszero_rt.engine.openvino_facts import import_openvino

# The node whose values the labels are made of, (N, C, h, w), and what its sums are called.
LOGITS = "logits"
SUMS = "logits_sum"


def add_sums(model: Any) -> None:
    """Give a graph the sums of its logits, float32 (N,), as last output, if it names its logits."""
    op: Any = import_openvino().opset13
    for node in model.get_ordered_ops():
        if node.get_friendly_name() == LOGITS:
            sums = op.reduce_sum(node, op.constant(np.array([1, 2, 3], np.int64)), False)
            sums.output(0).set_names({SUMS})
            model.add_results([op.result(sums)])
            return


def sums_port(compiled: Any) -> int | None:
    """Return the number of the output that holds the sums; None in a graph without."""
    last = len(compiled.outputs) - 1
    return last if SUMS in compiled.outputs[last].get_names() else None
