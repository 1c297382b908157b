"""Networks beside each other: one table, one page, the same pictures, the same clip."""

from train.compare.comparing import common_classes, compare
from train.compare.comparison import Comparison
from train.compare.contestants import (
    Contestant,
    Weights,
    check_names,
    contestant_of,
    is_checkpoint,
    planned_names,
    trained,
)
from train.compare.row import Row, Speed
from train.compare.running import Clip, draw_clip

__all__ = [
    "Clip",
    "Comparison",
    "Contestant",
    "Row",
    "Speed",
    "Weights",
    "check_names",
    "common_classes",
    "compare",
    "contestant_of",
    "draw_clip",
    "is_checkpoint",
    "planned_names",
    "trained",
]
