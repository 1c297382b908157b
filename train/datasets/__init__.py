"""Labelled pictures: real ones from folders, drawn ones from the ride renderer."""

from train.datasets.id_masks import read_folder
from train.datasets.picture import LabelledPicture
from train.datasets.rides import read_rides

__all__ = ["LabelledPicture", "read_folder", "read_rides"]
