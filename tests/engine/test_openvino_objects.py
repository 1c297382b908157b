"""The OpenVINO engine of networks that find objects: parts are compiled, answers are eager's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine import EngineOptions, open_engine
from losszero_rt.engine import openvino_engine as library
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.openvino_engine import why_not
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.engine.openvino_objects import ObjectsOpenVinoEngine, open_on_openvino
from losszero_rt.errors import ModelError
from tests.engine.test_eager_objects import SIZE, SPEC, pixels, write_object_checkpoint
from tests.split_bundles import assert_same_objects, write_split_bundle

BATCH = 2


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("split")
    checkpoint = write_object_checkpoint(folder / "checkpoint")
    return write_split_bundle(folder / "bundle", checkpoint=checkpoint)


def opened(bundle: Bundle, **options: object) -> ObjectsOpenVinoEngine:
    settled = {"precision": "fp32", "threads": 1, **options}
    engine = open_engine(bundle, name="openvino", options=EngineOptions(**settled))  # type: ignore[arg-type]
    assert isinstance(engine, ObjectsOpenVinoEngine)
    return engine


def test_labels_and_objects_are_those_of_the_eager_network(split: Bundle) -> None:
    inputs_NHWC = pixels(5)
    engine = opened(split, batch=BATCH, num_requests=3)
    eager = EagerEngine(split, options=EngineOptions(batch=BATCH, threads=1))
    # All are under way before the first is read, and the last batch is short.
    batches = [inputs_NHWC[:2], inputs_NHWC[2:4], inputs_NHWC[4:]]
    for ticket, given in zip([engine.submit(one) for one in batches], batches, strict=True):
        theirs = eager.submit(given)
        labels_NHW = ticket.result()
        assert labels_NHW.dtype == np.uint8
        assert (labels_NHW == theirs.result()).mean() > 0.999
        assert labels_NHW.any()
        mine, truth = ticket.extras.objects, theirs.extras.objects
        assert mine is not None
        assert truth is not None
        assert len(mine) == len(given)
        for one, other in zip(mine, truth, strict=True):
            assert 0 < len(one) <= SPEC.detections_max
            assert_same_objects(one, other)
        assert ticket.infer_ms > 0
    engine.close()


def test_info_tells_which_parts_are_compiled_and_in_what_they_run(split: Bundle) -> None:
    engine = opened(split, num_requests=1)
    info = engine.info
    assert (info.name, info.precision, info.gives_objects) == ("openvino", "fp32", True)
    assert info.compiled.startswith("trunk, box head, mask head;")
    assert info.input_size == info.labels_size == SIZE
    fastest = capable_precisions()[0]
    assert opened(split, precision="auto").info.precision.startswith(fastest)


def test_every_part_that_is_compiled_is_asked(
    split: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the weights of the eager network at work anywhere, these would not matter."""
    truth = opened(split).submit(pixels(1))
    truth_labels, (found,) = truth.result(), truth.extras.objects or ()
    for part in ("trunk", "boxes", "masks"):
        broken = opened(split)
        network = broken._split._network
        if part == "trunk":
            network.rpn.head.forward = lambda _: pytest.fail("asked")
        elif part == "boxes":
            network.roi_heads.box_head.forward = lambda _: pytest.fail("asked")
        else:
            network.roi_heads.mask_head.forward = lambda _: pytest.fail("asked")
        with pytest.raises(pytest.fail.Exception, match="asked"):
            broken.submit(pixels(1)).result()
        assert not list(network.parameters())
    assert truth_labels.any()
    assert len(found) > 0


def test_objects_that_nobody_asked_for_are_not_given(split: Bundle) -> None:
    engine = opened(split, objects=False)
    assert not engine.info.gives_objects
    ticket = engine.submit(pixels(1))
    np.testing.assert_array_equal(ticket.result(), opened(split).submit(pixels(1)).result())
    assert ticket.extras.objects is None


def test_requests_are_counted_and_come_back_when_something_fails(split: Bundle) -> None:
    engine = opened(split, num_requests=1)
    ticket = engine.submit(pixels(1))
    with pytest.raises(ModelError, match=r"no free request.*at most 1 unread"):
        engine.submit(pixels(1))
    engine._split._network.roi_heads.box_head.forward = _overflow
    with pytest.raises(ModelError, match="boxes of the network overflow"):
        ticket.result()
    engine.submit(pixels(1))
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match="no free request"):
        engine.submit(pixels(1))


def _overflow(_: object) -> None:
    raise ModelError("the compiled boxes of the network overflow")


def test_classes_cannot_be_watched_without_a_linear_head(split: Bundle) -> None:
    engine = opened(split)
    engine.watch(None)
    with pytest.raises(ModelError, match=r"no linear head.*any architecture but mask-rcnn"):
        engine.watch(1)


def test_bundle_that_lacks_a_part_or_holds_another_is_refused(split: Bundle) -> None:
    files = dict(split.engines["openvino"])
    without = {role: name for role, name in files.items() if role != "masks_graph"}
    assert "holds no OpenVINO graph" in why_not(replace(split, engines={"openvino": without}))
    exchanged = {**files, "masks_graph": files["boxes_graph"]}
    exchanged["masks_constants"] = files["boxes_constants"]
    with pytest.raises(ModelError, match=r"refuses the graph|graph of the masks in .* maps"):
        opened(replace(split, engines={"openvino": exchanged}))


def test_arithmetic_that_the_export_left_out_is_refused_and_never_chosen(split: Bundle) -> None:
    fastest = capable_precisions()[0]
    record = {"precisions": {"fp32": {}}, "left_out": {"bf16": "loses 9 of 9 objects"}}
    found = replace(split, parity={"openvino": record})
    assert opened(found, precision="auto").info.precision == "fp32"
    if fastest == "bf16":
        with pytest.raises(ModelError, match=r"in bf16 .*loses 9 of 9 objects.*--precision fp32"):
            opened(found, precision="bf16")


def test_without_torch_the_engine_says_what_to_install(
    split: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None if "torch" in name else name)
    assert "sorted out in torch: pip install" in why_not(split)
    with pytest.raises(ModelError, match=r"pip install -e '\.\[export\]'"):
        open_on_openvino(split, options=EngineOptions())


def test_compiled_parts_are_kept_apart_in_the_cache(
    split: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path))
    first = opened(split).submit(pixels(1)).result()
    blobs = sorted(tmp_path.rglob("*.blob"))
    assert len(blobs) == 3
    times = [blob.stat().st_ino for blob in blobs]
    np.testing.assert_array_equal(opened(split).submit(pixels(1)).result(), first)
    assert [blob.stat().st_ino for blob in sorted(tmp_path.rglob("*.blob"))] == times


def test_seal_holds_a_digest_of_every_part(split: Bundle) -> None:
    names = set(split.engines["openvino"].values())
    assert len(names) == 6
    assert names <= set(split.files)
    assert seal(split).files == split.files
