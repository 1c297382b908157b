"""What is drawn on the frames: class colours, legend, HUD; and what goes into mask files."""

from losszero_rt.overlay.blend import VIEWS, Blender, View
from losszero_rt.overlay.hud import Hud
from losszero_rt.overlay.legend import Legend
from losszero_rt.overlay.masks import labels_at
from losszero_rt.overlay.shares import class_shares

__all__ = ["VIEWS", "Blender", "Hud", "Legend", "View", "class_shares", "labels_at"]
