"""Labelled pictures: real ones from folders of several layouts, drawn ones from the renderer."""

from train.datasets.opening import open_pictures, open_sound_pictures, read_folder
from train.datasets.picture import LabelledPicture
from train.datasets.picture_set import PictureRecord, PictureSet
from train.datasets.rides import read_rides
from train.datasets.splits import Split, check_split, read_split, write_split
from train.datasets.splitting import make_split

__all__ = [
    "LabelledPicture",
    "PictureRecord",
    "PictureSet",
    "Split",
    "check_split",
    "make_split",
    "open_pictures",
    "open_sound_pictures",
    "read_folder",
    "read_rides",
    "read_split",
    "write_split",
]
