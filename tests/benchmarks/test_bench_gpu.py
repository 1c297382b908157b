"""The GPU benchmark as far as no GPU is needed."""

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.bench_gpu import claims_of, host_ms, main, row_of
from benchmarks.gpu_extras import extra_claims
from losszero_rt.errors import ExitCode


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
        "sam, TensorRT fp16, one frame, p50": "no room",
        "clip to file with h264_nvenc": "no session",
    }
