"""Bundles of networks that find objects, compiled in parts; what they find is compared with."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from export.folding import fold_normalisation
from export.origin import write_weights
from export.rounding import halve_kernels
from export.split_export import save_parts
from losszero_rt.bundle import WEIGHTS_NAME, Bundle, find_bundle, seal
from losszero_rt.checkpoint import load_network
from losszero_rt.objects import Objects


def write_split_bundle(folder: Path, *, checkpoint: Path) -> Bundle:
    """Write what an export of OpenVINO graphs writes, without proving it."""
    network, record = load_network(checkpoint)
    fold_normalisation(network, size=record.input.size)
    halve_kernels(network)
    folder.mkdir()
    write_weights(network, folder / WEIGHTS_NAME)
    bundle = Bundle(
        path=folder,
        name=folder.name,
        network_spec=record.network,
        input_spec=record.input,
        labels_size=record.input.size,
        classmap=record.classes,
        engines={},
        files={},
        versions={},
        source_sha256=record.weights_sha256,
        scores={},
        data={},
        licence="",
        attribution="",
    )
    seal(replace(bundle, engines={"openvino": save_parts(network, bundle)}))
    return find_bundle(folder, allow_unverified=True)


def assert_same_objects(mine: Objects, theirs: Objects) -> None:
    """Check that two engines found the same objects, up to rounding in fp32."""
    np.testing.assert_array_equal(mine.class_ids, theirs.class_ids)
    np.testing.assert_allclose(mine.scores, theirs.scores, atol=1e-3)
    np.testing.assert_allclose(mine.boxes, theirs.boxes, atol=0.1)
    assert mine.masks.shape == theirs.masks.shape
    assert mine.masks.dtype == np.bool_
    if len(mine):
        assert (mine.masks == theirs.masks).mean() > 0.999
