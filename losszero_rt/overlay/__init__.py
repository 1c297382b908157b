"""What is drawn on the frames: class colours, heat, legends, HUD; and what goes into mask files."""

from losszero_rt.overlay.blend import VIEWS, Blender, View
from losszero_rt.overlay.heat import HEAT_VIEWS, HeatBlender, HeatView
from losszero_rt.overlay.heat_legend import HeatLegend
from losszero_rt.overlay.hud import Hud
from losszero_rt.overlay.legend import Legend
from losszero_rt.overlay.masks import labels_at
from losszero_rt.overlay.objects import ObjectOutlines
from losszero_rt.overlay.shares import class_shares

__all__ = [
    "HEAT_VIEWS",
    "VIEWS",
    "Blender",
    "HeatBlender",
    "HeatLegend",
    "HeatView",
    "Hud",
    "Legend",
    "ObjectOutlines",
    "View",
    "class_shares",
    "labels_at",
]
