"""Class activation maps beside the labels, in every engine that can give them."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from export.cam_parity import correlation, prove_cams
from export.labelled import LabelledPicture
from losszero_rt.bundle import MANIFEST_NAME, Bundle, seal
from losszero_rt.engine import Engine, EngineName, EngineOptions, open_engine
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import import_openvino, openvino_core
from losszero_rt.errors import ModelError, UsageError
from losszero_rt.overlay.cam import grad_cam
from tests.bundles import CLASSES, INPUT, SIZE, draw_inputs, draw_picture

CAMS_SIZE = (SIZE[0] // 4, SIZE[1] // 4)
ENGINES: tuple[EngineName, ...] = ("openvino", "eager")
BRIGHT = CLASSES.id_of("bright")


def open_small(bundle: Bundle, name: EngineName, **options: int) -> Engine:
    settings = EngineOptions(precision="fp32", threads=1, **options)  # type: ignore[arg-type]
    return open_engine(bundle, name=name, options=settings)


def cams_of(engine: Engine, inputs_NHWC: np.ndarray) -> np.ndarray:
    ticket = engine.submit(inputs_NHWC)
    ticket.result()
    assert ticket.extras.cams_NHW is not None
    return ticket.extras.cams_NHW


@pytest.mark.parametrize("name", ENGINES)
def test_maps_come_when_asked_and_only_then(bundle: Bundle, name: EngineName) -> None:
    engine = open_small(bundle, name, batch=2)
    inputs_NHWC = draw_inputs(2)
    silent = engine.submit(inputs_NHWC)
    labels_NHW = silent.result()
    assert silent.extras.cams_NHW is None
    engine.watch(BRIGHT)
    watched = engine.submit(inputs_NHWC)
    np.testing.assert_array_equal(watched.result(), labels_NHW)
    cams_NHW = watched.extras.cams_NHW
    assert cams_NHW is not None
    assert cams_NHW.dtype == np.float32
    assert cams_NHW.shape == (2, *CAMS_SIZE)
    assert cams_NHW.min() >= 0
    engine.watch(None)
    again = engine.submit(inputs_NHWC)
    again.result()
    assert again.extras.cams_NHW is None


@pytest.mark.parametrize("name", ENGINES)
def test_the_class_is_that_of_the_submission(bundle: Bundle, name: EngineName) -> None:
    engine, inputs_NHWC = open_small(bundle, name), draw_inputs(1)
    engine.watch(BRIGHT)
    early = engine.submit(inputs_NHWC)
    engine.watch(1 - BRIGHT)
    late = engine.submit(inputs_NHWC)
    early.result(), late.result()
    assert early.extras.cams_NHW is not None
    assert late.extras.cams_NHW is not None
    assert not np.array_equal(early.extras.cams_NHW, late.extras.cams_NHW)
    np.testing.assert_allclose(late.extras.cams_NHW, cams_of(engine, inputs_NHWC), atol=1e-5)


@pytest.mark.parametrize("name", ENGINES)
def test_maps_are_those_of_pytorch_grad_cam(bundle: Bundle, name: EngineName) -> None:
    engine, inputs_NHWC = open_small(bundle, name, batch=3), draw_inputs(3)
    network = load_bundle_network(bundle)
    values = (torch.from_numpy(inputs_NHWC).float() - 127.5) / 127.5
    values_NCHW = values.permute(0, 3, 1, 2)
    assert INPUT.mean == INPUT.std == (0.5, 0.5, 0.5)
    engine.watch(BRIGHT)
    found = [cv2.resize(cam, SIZE[::-1]) for cam in cams_of(engine, inputs_NHWC)]
    for class_id, agrees in ((BRIGHT, True), (1 - BRIGHT, False)):
        truth = grad_cam(network, values_NCHW, layer="head", target_class=class_id)
        pairs = zip(found, truth, strict=True)
        correlations = [correlation(cam, map_HW) for cam, map_HW in pairs]
        assert min(correlations) > 0.999 if agrees else max(correlations) < 0.9


@pytest.mark.parametrize("name", ENGINES)
def test_short_batches_get_as_many_maps_as_frames(bundle: Bundle, name: EngineName) -> None:
    engine = open_small(bundle, name, batch=3)
    engine.watch(BRIGHT)
    assert cams_of(engine, draw_inputs(2)).shape == (2, *CAMS_SIZE)


@pytest.mark.parametrize("name", ENGINES)
def test_maps_belong_to_the_caller(bundle: Bundle, name: EngineName) -> None:
    engine = open_small(bundle, name, num_requests=1)
    engine.watch(BRIGHT)
    first = cams_of(engine, draw_inputs(1))
    kept = first.copy()
    cams_of(engine, 255 - draw_inputs(1))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("name", ENGINES)
def test_a_class_that_is_none_is_refused(bundle: Bundle, name: EngineName) -> None:
    with pytest.raises(UsageError, match=r"class id 7 to watch.*dark, bright"):
        open_small(bundle, name).watch(7)


def test_the_eager_engine_leaves_no_hook_behind(bundle: Bundle) -> None:
    engine = open_small(bundle, "eager")
    engine.watch(BRIGHT)
    for _ in range(20):
        cams_of(engine, draw_inputs(1))
    network = engine._network  # type: ignore[attr-defined]
    assert not any(module._forward_hooks for module in network.modules())


def test_an_engine_for_labels_alone_gives_the_same_labels_and_no_maps(bundle: Bundle) -> None:
    inputs_NHWC = draw_inputs(1)
    plain, full = (open_small(bundle, "openvino", cams=cams) for cams in (False, True))
    labels_NHW = plain.submit(inputs_NHWC).result()
    np.testing.assert_array_equal(labels_NHW, full.submit(inputs_NHWC).result())
    with pytest.raises(ModelError, match="opened for labels alone"):
        plain.watch(BRIGHT)


@pytest.fixture(scope="module")
def old_bundle(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same bundle as it was exported before there were maps."""
    folder = tmp_path_factory.mktemp("old")
    for name in bundle.files:
        (folder / name).write_bytes(bundle.read(name))
    roles = bundle.engines["openvino"]
    ov = import_openvino()
    model = openvino_core().read_model(str(folder / roles["graph"]))
    model.remove_result(model.get_results()[1])
    ov.save_model(model, str(folder / "old.xml"), compress_to_fp16=False)
    for role, old in (("graph", "old.xml"), ("constants", "old.bin")):
        (folder / old).replace(folder / roles[role])
    return seal(replace(bundle, path=folder, cams_size=None))


def test_old_bundles_run_and_say_what_they_lack(bundle: Bundle, old_bundle: Bundle) -> None:
    assert "cams_size" not in (old_bundle.path / MANIFEST_NAME).read_text()
    inputs_NHWC = draw_inputs(1)
    engine = open_small(old_bundle, "openvino")
    labels_NHW = engine.submit(inputs_NHWC).result()
    now_NHW = open_small(bundle, "openvino").submit(inputs_NHWC).result()
    np.testing.assert_array_equal(labels_NHW, now_NHW)
    with pytest.raises(ModelError, match=r"gives no class.*exported with them.*python -m export"):
        engine.watch(BRIGHT)
    engine.watch(None)


def test_old_bundles_give_maps_with_the_eager_engine(bundle: Bundle, old_bundle: Bundle) -> None:
    inputs_NHWC, maps = draw_inputs(1), []
    for one in (bundle, old_bundle):
        engine = open_small(one, "eager")
        engine.watch(BRIGHT)
        maps.append(cams_of(engine, inputs_NHWC))
    np.testing.assert_array_equal(maps[0], maps[1])


def test_a_graph_without_the_maps_its_manifest_promises_is_refused(
    old_bundle: Bundle, tmp_path: Path
) -> None:
    for name in old_bundle.files:
        (tmp_path / name).write_bytes(old_bundle.read(name))
    lying = seal(replace(old_bundle, path=tmp_path, cams_size=CAMS_SIZE))
    with pytest.raises(ModelError, match="as its manifest says"):
        open_small(lying, "openvino")


def test_export_proves_the_maps_in_every_precision(bundle: Bundle) -> None:
    assert bundle.cams_size == CAMS_SIZE
    found = bundle.parity["openvino"]["cams"]
    assert set(found) == set(bundle.parity["openvino"]["precisions"])
    assert found["fp32"] > 0.999


def test_export_refuses_maps_of_the_wrong_classes(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = OpenVinoEngine.watch
    monkeypatch.setattr(
        OpenVinoEngine, "watch", lambda engine, class_id: plain(engine, 1 - class_id)
    )
    with pytest.raises(ModelError, match="class activation maps in"):
        prove_cams(bundle, [_picture(seed) for seed in range(2)])


def _picture(seed: int) -> LabelledPicture:
    pixels_HWC, labels_HW = draw_picture(seed)
    return LabelledPicture(pixels_HWC=pixels_HWC, labels_HW=labels_HW)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (np.array([0.0, 1, 2]), np.array([1.0, 3, 5]), 1.0),
        (np.array([0.0, 1, 2]), np.array([2.0, 1, 0]), -1.0),
        (np.zeros(3), np.zeros(3), 1.0),
        (np.zeros(3), np.array([0.0, 0, 1]), 0.0),
    ],
)
def test_correlation_of_maps(first: np.ndarray, second: np.ndarray, expected: float) -> None:
    assert correlation(first, second) == pytest.approx(expected)
