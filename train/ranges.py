"""What the numbers of a training may be."""

import math
from collections.abc import Mapping
from typing import TypeGuard

from losszero_rt.errors import UsageError

_LARGEST_SEED = 2**63 - 1
# Smallest and largest of each field.
_RANGES: Mapping[str, tuple[float, float]] = {
    "samples_per_epoch": (1, math.inf),
    "num_rides": (0, math.inf),
    "walker_share": (0, 1),
    "encoder_rate_factor": (0, math.inf),
    "warmup_share": (0, 1),
    "weight_decay": (0, math.inf),
    "paste_rate": (0, 1),
    "lane_paste_rate": (0, 1),
    "vehicle_paste_rate": (0, 1),
    "frozen_stages": (0, math.inf),
    "seed": (0, _LARGEST_SEED),
}
_ABOVE_0 = ("learning_rate", "gradient_clip")


def check_ranges(fields: Mapping[str, object]) -> None:
    """Refuse numbers with which a training would fail late or do something else.

    Args:
        fields: The fields of a training by name.

    Raises:
        UsageError: If one lies outside its range, or is NaN or infinite.
    """
    for name, (low, high) in _RANGES.items():
        value = fields[name]
        # NaN is neither smaller nor larger than anything.
        if not (_is_finite(value) and low <= value <= high):
            text = f"{low} or more" if high == math.inf else f"{low} to {high}"
            raise _outside(name, value, accepted=text)
    for name in _ABOVE_0:
        value = fields[name]
        if not (_is_finite(value) and value > 0):
            raise _outside(name, value, accepted="numbers above 0")
    _check_weights("shares", fields["shares"])
    _check_weights("part_rates", fields["part_rates"])


def _check_weights(name: str, numbers: object) -> None:
    assert isinstance(numbers, Mapping)
    for key, value in numbers.items():
        if not (_is_finite(value) and value >= 0):
            raise _outside(f"{name}.{key}", value, accepted="0 or more")
    if name == "shares" and not any(numbers.values()):
        raise _outside(name, dict(numbers), accepted="one share above 0")


def _is_finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _outside(name: str, value: object, *, accepted: str) -> UsageError:
    return UsageError(f"{name} {value}", accepted=accepted, remedy=f"--set {name}=VALUE")
