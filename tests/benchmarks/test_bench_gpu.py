"""The GPU benchmark as far as no GPU is needed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.bench_gpu import claims_of, main, row_claim
from benchmarks.engine_subjects import checkpoint_bundle
from benchmarks.gpu_bundles import FAMILIES, copy_bundle
from benchmarks.gpu_extras import extra_claims
from benchmarks.gpu_networks import Build, build_row, builds_of, network_rows, subjects
from benchmarks.gpu_rows import eager_row, host_ms, row_of
from benchmarks.options import Options
from losszero_rt.errors import ExitCode
from tests.bundles import write_small_checkpoint
from tests.engine.test_eager_objects import write_object_checkpoint


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_refuses_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == ExitCode.MODEL
    printed = capsys.readouterr()
    assert printed.err.startswith("no GPU figures: ")
    assert len(printed.err.splitlines()) == 1
    assert not printed.out


def test_warm_up_is_left_out() -> None:
    calls: list[int] = []

    def labels_of(inputs_NHWC: np.ndarray) -> np.ndarray:
        calls.append(len(inputs_NHWC))
        return inputs_NHWC[..., 0]

    assert len(host_ms(labels_of, np.zeros((5, 2, 3, 3), np.uint8))) == 5
    assert calls == [1] * 25


def figures(*, ours_ms: float, theirs_ms: float) -> dict[str, Any]:
    rows = [
        row_of("torch.compile", "fp16", np.array([theirs_ms]), load_s=1),
        row_of("tensorrt", "fp16", np.array([ours_ms]), load_s=1),
    ]
    return {
        "shipped": rows,
        "families": {"fpn": [rows[1]], "sam": [{"engine": "tensorrt", "absent": "no room"}]},
        "end_to_end_fps": {"h264_nvenc": {"fps": None, "absent": "no session"}},
        "parity": {"label_agreement": 0.999},
    }


@pytest.mark.parametrize(("share", "holds"), [(0.97, True), (0.8, False)])
def test_maps_may_cost_a_tenth(share: float, holds: bool) -> None:
    rates = {"processor": 900.0, "gpu": 1000.0}
    maps, *rest = extra_claims({"maps": {"share": share}, "inputs_made_by": rates})
    assert maps.holds is holds
    assert [claim.value for claim in rest] == [900.0, 1000.0]


@pytest.mark.parametrize(("ours_ms", "holds"), [(1.0, True), (1.9, False)])
def test_the_gain_over_torch_is_a_claim(ours_ms: float, holds: bool) -> None:
    gain, agreement, *rest = claims_of(figures(ours_ms=ours_ms, theirs_ms=2.0))
    assert gain.holds is holds
    assert agreement.holds
    assert {claim.what: claim.absent for claim in rest if claim.value is None} == {
        "sam, tensorrt": "no room",
        "clip to file with h264_nvenc": "no session",
    }


def test_a_row_says_how_it_was_made_and_what_it_is_worth() -> None:
    row = row_of("tensorrt", "int8", np.array([2.0]), load_s=1)
    told = row_claim({**row, "attention": "fused", "parity": {"n": 6, "miou": 0.7951}})
    assert told.what == (
        "shipped, tensorrt, int8, fused attention, batch 1, mIoU 0.795, p50 (p99 2.0 ms)"
    )
    assert told.value == 2.0


def test_without_torchs_compiler_the_gain_is_absent_and_says_why() -> None:
    found = figures(ours_ms=1.0, theirs_ms=2.0)
    found["shipped"][0] = {"engine": "torch.compile", "precision": "fp16", "absent": "no Triton"}
    gain = claims_of(found)[0]
    assert (gain.value, gain.holds, gain.absent) == (None, None, "no Triton")


def test_attention_is_compiled_both_ways_where_there_is_any(tmp_path: Path) -> None:
    like = copy_bundle("night-ride", tmp_path / "like")
    found = {one.name: one for one in subjects(Options(work=tmp_path), like=like)}
    assert list(found) == list(FAMILIES)
    assert "mask-rcnn" in found
    assert not any(one.trained for one in found.values())
    ways = {name: len(builds_of(found[name].make().network_spec)) for name in ("fpn", "segformer")}
    assert ways == {"fpn": 1, "segformer": 2}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_trained_networks_take_the_places_of_families(tmp_path: Path) -> None:
    write_small_checkpoint(tmp_path / "runs" / "mine")
    like = copy_bundle("night-ride", tmp_path / "like")
    options = Options(work=tmp_path, checkpoints=tmp_path / "runs")
    (one,) = subjects(options, like=like)
    assert (one.name, one.trained) == ("mine", True)
    bundle = one.make()
    inputs_NHWC = np.zeros((1, *bundle.input_spec.size, 3), np.uint8)
    row = build_row(bundle, Build(precision="int8"), inputs_NHWC=inputs_NHWC, pictures=())
    assert row["precision"] == "int8"
    assert row["absent"], "no GPU to build on"
    rows = network_rows(
        options,
        like=like,
        inputs_NHWC=np.zeros((1, 8, 8, 3), np.uint8),
        pictures=(),
        device=torch.device("cpu"),
    )
    assert rows["mine"][0]["absent"].startswith("takes ")


def test_a_precision_that_a_network_does_not_have_is_one_row_and_no_end(tmp_path: Path) -> None:
    like = copy_bundle("night-ride", tmp_path / "like")
    checkpoint = write_object_checkpoint(tmp_path / "objects")
    bundle = checkpoint_bundle(checkpoint, tmp_path / "bundle")
    assert bundle.classmap.num_classes == like.classmap.num_classes
    inputs_NHWC = np.zeros((1, *bundle.input_spec.size, 3), np.uint8)
    row = eager_row(bundle, inputs_NHWC, device=torch.device("cpu"), precision="fp16")
    assert row["precision"] == "fp16"
    assert "precision fp16 for mask-rcnn" in row["absent"]
    assert row_claim(row, network="mask-rcnn").absent == row["absent"]
