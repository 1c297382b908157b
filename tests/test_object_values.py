"""Objects: every field speaks of the same objects."""

import numpy as np
import pytest

from losszero_rt.objects import Objects


def fields(num: int) -> dict[str, np.ndarray]:
    return {
        "class_ids": np.zeros(num, np.uint8),
        "scores": np.zeros(num, np.float32),
        "boxes": np.zeros((num, 4), np.float32),
        "masks": np.zeros((num, 8, 8), bool),
    }


@pytest.mark.parametrize("num", [0, 3])
def test_length_and_repr_tell_the_number(num: int) -> None:
    objects = Objects(**fields(num))
    assert len(objects) == num
    assert repr(objects) == f"Objects({num})"


@pytest.mark.parametrize("name", ["scores", "boxes", "masks"])
def test_fields_of_different_lengths_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="3 classes"):
        Objects(**{**fields(3), name: fields(2)[name]})
