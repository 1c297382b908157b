from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import pytest

from losszero_rt.errors import InputError
from train.batch import Batch
from train.config import TrainConfig
from train.datasets import LabelledPicture
from train.feeding import batches_from
from train.sampling import Sampler
from train.team import ALONE, Team


@dataclass(frozen=True)
class BrokenPictures(Sequence[LabelledPicture]):
    """A set of which no picture can be read; it can be sent to another process."""

    name: str

    def __len__(self) -> int:
        return 3

    @overload
    def __getitem__(self, index: int) -> LabelledPicture: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[LabelledPicture]: ...

    def __getitem__(self, index: int | slice) -> LabelledPicture | Sequence[LabelledPicture]:
        raise InputError(f"{self.name} cannot be read")


@pytest.fixture
def sampler(tiny_config: TrainConfig, pictures: list[LabelledPicture]) -> Sampler:
    phases = tuple(replace(phase, batch_size=3) for phase in tiny_config.phases)
    config = replace(tiny_config, phases=phases, samples_per_epoch=9)
    return Sampler(config=config, sources={"night_ride": pictures})


def contents(batches: Sequence[Batch]) -> list[bytes]:
    return [batch.pixels_NHWC.tobytes() + batch.labels_NHW.tobytes() for batch in batches]


def test_batches_come_in_the_order_of_the_steps_from_any_of_them(sampler: Sampler) -> None:
    every = list(batches_from(0, sampler=sampler, team=ALONE, workers=0))
    assert len(every) == sampler.config.num_steps == 6
    later = list(batches_from(4, sampler=sampler, team=ALONE, workers=0))
    assert contents(later) == contents(every[4:])
    assert every[0].labels_NHW.shape == (3, 64, 64)
    assert every[5].labels_NHW.shape == (3, 64, 96)


def test_shares_of_a_team_are_the_batch(sampler: Sampler) -> None:
    [whole, *_] = batches_from(0, sampler=sampler, team=ALONE, workers=0)
    shares = [
        next(batches_from(0, sampler=sampler, team=Team(rank=rank, size=2), workers=0))
        for rank in (0, 1)
    ]
    assert [len(share) for share in shares] == [2, 1]
    assert np.array_equal(np.concatenate([s.labels_NHW for s in shares]), whole.labels_NHW)


def test_a_broken_picture_is_named(sampler: Sampler) -> None:
    broken = replace(sampler, sources={"night_ride": BrokenPictures("ride 7.png")})
    with pytest.raises(InputError, match=r"^ride 7\.png cannot be read$"):
        next(batches_from(0, sampler=broken, team=ALONE, workers=0))


@pytest.mark.slow
def test_workers_draw_what_this_process_would_draw(sampler: Sampler) -> None:
    ours = list(batches_from(2, sampler=sampler, team=ALONE, workers=0))
    theirs = list(batches_from(2, sampler=sampler, team=ALONE, workers=2))
    assert contents(theirs) == contents(ours)


@pytest.mark.slow
def test_a_broken_picture_is_named_from_another_process_too(sampler: Sampler) -> None:
    broken = replace(sampler, sources={"night_ride": BrokenPictures("ride 7.png")})
    with pytest.raises(InputError, match=r"^ride 7\.png cannot be read$"):
        next(batches_from(0, sampler=broken, team=ALONE, workers=1))
