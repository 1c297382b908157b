"""Dividing a data set: seeded, balanced, and never through a ride."""

from collections.abc import Iterable, Sequence

import numpy as np

from losszero_rt.errors import UsageError
from train.datasets.picture_set import PictureSet
from train.datasets.splits import Split, data_version

DEFAULT_RATIOS = (6, 2, 2)
_PART_NAMES = {2: ("train", "val"), 3: ("train", "val", "test")}
# Random orders of the groups that are tried; the best balanced one is kept.
_TRIES = 32


def make_split(
    pictures: PictureSet,
    *,
    ratios: Sequence[float] | None = None,
    folds: int | None = None,
    seed: int = 1,
    joined: Iterable[Iterable[str]] = (),
) -> Split:
    """Divide a data set so that no ride lies in two parts.

    Groups are placed one after the other, largest first, each where the numbers of pictures and
    the share of the class that matters most (moveable, else the rarest) stay nearest to what the
    ratios ask; of several random orders the best is kept. All pictures are read once.

    Args:
        pictures: The data set.
        ratios: Two or three relative sizes, for train, val and test.
        folds: Number of equal parts, instead of ratios.
        seed: The same seed and data give the same split.
        joined: Sets of names that must also stay together, such as near-duplicates.

    Raises:
        UsageError: If both or neither are given, or there are fewer groups than parts.
    """
    sizes, part_names, scheme = _parts_asked(ratios, folds)
    groups = _groups(pictures, joined)
    if len(groups) < len(sizes):
        raise UsageError(
            f"{pictures.name} has {len(groups)} rides for {len(sizes)} parts",
            accepted="at least one ride a part",
            remedy="ask for fewer parts",
        )
    placed = _place(_loads(pictures, groups), np.array(sizes) / sum(sizes), seed)
    parts = {
        part: tuple(
            sorted(
                pictures.names[index]
                for group, where in zip(groups, placed, strict=True)
                if where == number
                for index in group
            )
        )
        for number, part in enumerate(part_names)
    }
    version = data_version(pictures, Split(seed=seed, scheme=scheme, parts=parts))
    return Split(seed=seed, scheme=scheme, parts=parts, data_version=version)


def _parts_asked(
    ratios: Sequence[float] | None, folds: int | None
) -> tuple[tuple[float, ...], tuple[str, ...], str]:
    if (ratios is None) == (folds is None):
        raise UsageError("a split takes either ratios or folds", accepted="6:2:2, or 5 folds")
    if folds is not None:
        if folds < 2:
            raise UsageError(f"{folds} folds", accepted="2 or more")
        names = tuple(f"fold-{index}" for index in range(1, folds + 1))
        return (1.0,) * folds, names, f"folds {folds}"
    asked = tuple(ratios or ())
    if len(asked) not in _PART_NAMES or min(asked) <= 0:
        raise UsageError(f"ratios {asked}", accepted="two or three positive numbers, as 6:2:2")
    return asked, _PART_NAMES[len(asked)], "ratios " + ":".join(f"{ratio:g}" for ratio in asked)


def _groups(pictures: PictureSet, joined: Iterable[Iterable[str]]) -> list[list[int]]:
    """Return the indices of pictures that must stay together."""
    parent = list(range(len(pictures)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    place = {name: index for index, name in enumerate(pictures.names)}
    rides: dict[str, list[str]] = {}
    for record in pictures.records:
        if record.ride:
            rides.setdefault(record.ride, []).append(record.name)
    for names in (*rides.values(), *joined):
        indices = [place[name] for name in names]
        for index in indices[1:]:
            parent[root(index)] = root(indices[0])
    groups: dict[int, list[int]] = {}
    for index in range(len(pictures)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def _loads(pictures: PictureSet, groups: list[list[int]]) -> np.ndarray:
    """Return the share of each group in all pictures and in the class that matters, (G, 2)."""
    counts = pictures.class_counts()[:, :-1].astype(float)
    names = pictures.classes.names
    totals = np.where(counts.sum(axis=0) > 0, counts.sum(axis=0), np.inf)
    chosen = names.index("moveable") if "moveable" in names else int(totals.argmin())
    shares = counts[:, chosen] / max(counts[:, chosen].sum(), 1)
    return np.array([[len(group) / len(pictures), shares[group].sum()] for group in groups])


def _place(loads: np.ndarray, targets: np.ndarray, seed: int) -> np.ndarray:
    """Return the part of every group, (G,)."""
    rng = np.random.default_rng(seed)
    best, best_cost = np.zeros(len(loads), int), np.inf
    for _ in range(_TRIES):
        # Largest first; a little noise makes another order of those that are about equal.
        order = np.argsort(-loads.max(axis=1) * rng.uniform(0.7, 1.3, len(loads)))
        placed, cost = _greedy(loads, targets, order)
        if cost < best_cost:
            best, best_cost = placed, cost
    return best


def _greedy(loads: np.ndarray, targets: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, float]:
    filled = np.zeros((len(targets), loads.shape[1]))
    placed = np.full(len(loads), -1)
    for rank, group in enumerate(order):
        # What is missing of each part, relative to its size; an empty part comes first when
        # only as many groups are left as there are empty parts.
        need = (targets[:, None] - filled) / targets[:, None]
        score = need @ loads[group]
        empty = filled[:, 0] == 0
        if len(order) - rank <= empty.sum():
            score = np.where(empty, score, -np.inf)
        placed[group] = int(score.argmax())
        filled[placed[group]] += loads[group]
    cost = np.square((filled - targets[:, None]) / targets[:, None]).sum()
    return placed, float(cost)
