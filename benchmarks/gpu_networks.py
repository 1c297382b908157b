"""What is compiled on a GPU beside the model that ships in fp16: other arithmetic, other networks.

Families have random weights, which cost as much as trained ones, unless trained checkpoints are
given; attention is compiled both ways where a network has any, because fused attention has been
silently wrong before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.engine_subjects import checkpoint_bundle
from benchmarks.gpu_bundles import FAMILIES, build_engines, family_bundle
from benchmarks.gpu_rows import Row, engine_row, parity_of, torch_rows
from benchmarks.options import Options
from export.engine_request import Attention, TensorRtPrecision
from export.labelled import LabelledPicture
from losszero_rt.bundle import Bundle
from losszero_rt.checkpoint import RECORD_NAME
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec

if TYPE_CHECKING:
    import torch

_WITH_ATTENTION = ("segformer", "sam")


@dataclass(frozen=True, kw_only=True)
class Build:
    """One way to compile a network; see :class:`export.engine_request.EngineRequest`."""

    precision: TensorRtPrecision = "fp16"
    attention: Attention = "auto"


AS_SHIPPED = (Build(),)
EIGHT_BITS = (Build(precision="int8"), Build(precision="fp8"))
BOTH_ATTENTIONS = (Build(attention="plain"), Build(attention="fused"))


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network to compile.

    Attributes:
        name: What to call it.
        make: Writes it as a bundle without engines.
        trained: Whether its scores mean anything.
    """

    name: str
    make: Callable[[], Bundle]
    trained: bool


def subjects(options: Options, *, like: Bundle) -> Iterator[Subject]:
    """Yield one network of every family, or the checkpoints given."""
    folder = options.work / "gpu" / "network"
    if options.checkpoints is None:
        for name in FAMILIES:
            yield Subject(
                name=name,
                make=partial(family_bundle, name, folder, like=like),
                trained=False,
            )
        return
    for record in sorted(options.checkpoints.rglob(RECORD_NAME)):
        yield Subject(
            name=str(record.parent.relative_to(options.checkpoints)),
            make=partial(checkpoint_bundle, record.parent, folder),
            trained=True,
        )


def network_rows(
    options: Options,
    *,
    like: Bundle,
    inputs_NHWC: np.ndarray,
    pictures: Sequence[LabelledPicture],
    device: "torch.device",
) -> dict[str, list[Row]]:
    """Time every network; what cannot be built says why instead."""
    found: dict[str, list[Row]] = {}
    for subject in subjects(options, like=like):
        try:
            bundle = subject.make()
        except ModelError as error:
            found[subject.name] = [{"engine": "tensorrt", "absent": str(error)}]
            continue
        if bundle.input_spec.size != inputs_NHWC.shape[1:3]:
            size = "x".join(map(str, bundle.input_spec.size))
            found[subject.name] = [{"engine": "tensorrt", "absent": f"takes {size}"}]
            continue
        rows = torch_rows(bundle, inputs_NHWC, device=device)
        judged = pictures if subject.trained else ()
        for build in builds_of(bundle.network_spec):
            rows.append(build_row(bundle, build, inputs_NHWC=inputs_NHWC, pictures=judged))
        found[subject.name] = rows
    return found


def builds_of(spec: NetworkSpec) -> tuple[Build, ...]:
    """Return the ways in which a network is compiled."""
    return BOTH_ATTENTIONS if spec.architecture in _WITH_ATTENTION else AS_SHIPPED


def build_row(
    bundle: Bundle,
    build: Build,
    *,
    inputs_NHWC: np.ndarray,
    pictures: Sequence[LabelledPicture],
) -> Row:
    """Compile a network one way and time it; of a trained one with what it is worth then."""
    named = {"engine": "tensorrt", "precision": build.precision, "attention": build.attention}
    try:
        built, build_s = build_engines(
            bundle, batches=(1,), precision=build.precision, attention=build.attention
        )
        row = engine_row(built, inputs_NHWC, batch=1)
        parity = {"parity": parity_of(built, pictures)} if pictures else {}
    # One that overflows is one of them.
    except ModelError as error:
        return {**named, "absent": str(error)}
    return {**named, **row, "build_s": round(build_s, 1), **parity}
