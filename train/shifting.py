"""Where a network draws the line between classes: constants added to its logits, in its own bias.

The likeliest class is the right answer only if all mistakes cost the same. They do not: a verge
shown as road is worse than a strip of road that is not shown. To add ``-c`` to a class's logits
is to ask that it be ``exp(c)`` times as likely as another before it is shown. Nothing is trained
and nothing is slower, since the constants go into the bias of the last convolution.

Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 3, for costs
and priors alike; https://arxiv.org/abs/2007.07314.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from losszero_rt.checkpoint import Checkpoint, load_network, write_checkpoint
from losszero_rt.classmap import ClassMap
from losszero_rt.errors import ModelError, UsageError
from losszero_rt.metrics import Scores
from losszero_rt.network import head_of
from train.datasets.picture import LabelledPicture
from train.evaluate import score

SHIFTS_KEY = "logit_shifts"
SHIFT_MAX = 10.0


@dataclass(frozen=True, kw_only=True)
class Shifted:
    """A checkpoint with shifted logits.

    Attributes:
        checkpoint: Its record as written.
        before: Scores without the shifts.
        after: Scores with them, which stand in the record too.
    """

    checkpoint: Checkpoint
    before: Scores
    after: Scores


def shift_checkpoint(
    folder: Path, *, shifts: Mapping[str, float], out: Path, val: Sequence[LabelledPicture]
) -> Shifted:
    """Write a checkpoint whose logits are those of another plus a constant a class.

    Args:
        folder: The checkpoint to start from.
        shifts: What to add to the logits, by class name; others stay.
        out: Folder of the checkpoint to write; ``folder`` itself is replaced.
        val: Pictures to score both on, none of them trained on.

    Raises:
        ModelError: If there is no checkpoint, or its network has no last convolution with a bias.
        UsageError: If a class is unknown or a shift is not a number between -10 and 10.
    """
    network, checkpoint = load_network(folder)
    before = score(network, val, spec=checkpoint.input, classes=checkpoint.classes)
    shift_logits(network, shifts=shifts, classes=checkpoint.classes)
    after = score(network, val, spec=checkpoint.input, classes=checkpoint.classes)
    data = shifted_data(checkpoint.data, shifts=shifts)
    record = replace(checkpoint, scores=after.as_dict(), data=data)
    written = write_checkpoint(out, checkpoint=record, weights=network.state_dict())
    return Shifted(checkpoint=written, before=before, after=after)


def shifted_data(data: Mapping[str, Any], *, shifts: Mapping[str, float]) -> dict[str, Any]:
    """Return the data record of a checkpoint after another shift: shifts add up."""
    earlier = data.get(SHIFTS_KEY, {})
    summed = {name: earlier.get(name, 0.0) + shifts.get(name, 0.0) for name in {*earlier, *shifts}}
    return {**data, SHIFTS_KEY: dict(sorted(summed.items()))}


def shift_logits(network: nn.Module, *, shifts: Mapping[str, float], classes: ClassMap) -> None:
    """Add constants to a network's logits, in place, for good.

    Args:
        network: One that ends in a convolution with a bias.
        shifts: What to add, by class name.
        classes: What the logits stand for.

    Raises:
        ModelError: If the network has no such end.
        UsageError: If a class is unknown or a shift is not a number between -10 and 10.
    """
    unknown = [name for name in shifts if name not in classes.names]
    if unknown:
        raise UsageError(
            f"no class {unknown[0]!r} to shift", accepted=f"classes: {', '.join(classes.names)}"
        )
    for name, value in shifts.items():
        if not math.isfinite(value) or abs(value) > SHIFT_MAX:
            raise UsageError(
                f"a shift of {value} for {name!r}",
                accepted=f"numbers from {-SHIFT_MAX:g} to {SHIFT_MAX:g}",
                remedy="0.3 asks for 1.35 times the likelihood, 1 for 2.7 times",
            )
    bias_C = head_of(network).bias
    if bias_C is None or len(bias_C) != len(classes.names):
        raise ModelError(
            "the last convolution of this network has no bias a class",
            accepted="networks that end in one logit a class",
        )
    with torch.no_grad():
        for name, value in shifts.items():
            bias_C[classes.names.index(name)] += value
