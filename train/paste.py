"""Copy and paste between labelled pictures: lane marks, vehicles, bike and rider.

Source: Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation" (CVPR 2021), https://arxiv.org/abs/2012.07177.
"""

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap

Pair = tuple[np.ndarray, np.ndarray]


def paste_bike(onto: Pair, *, donor: Pair, classes: ClassMap) -> Pair:
    """Lay the donor's own bike and rider over a picture, stretched to its width, at its bottom.

    Args:
        onto: uint8 RGB (h, w, 3) and labels (h, w).
        donor: The same of a picture with a bike.
        classes: Names the classes that are moved.

    Returns:
        A new pair of the size of ``onto``, cut above the bottom so that the shape fits.
    """
    pixels, labels = onto[0].copy(), onto[1].copy()
    height, width = labels.shape
    new_height = min(height, round(donor[1].shape[0] * width / donor[1].shape[1]))
    donor_pixels = cv2.resize(donor[0], (width, new_height), interpolation=cv2.INTER_LINEAR)
    donor_labels = cv2.resize(donor[1], (width, new_height), interpolation=cv2.INTER_NEAREST)
    moved = np.isin(donor_labels, classes.ids_of(("my bike", "rider")))
    below = slice(height - new_height, height)
    alpha = cv2.blur(moved.astype(np.float32), (3, 3))[..., None]
    pixels[below] = np.rint(pixels[below] * (1 - alpha) + donor_pixels * alpha).astype(np.uint8)
    labels[below][moved] = donor_labels[moved]
    return pixels, labels


def paste_lane_marks(onto: Pair, *, donor: Pair, classes: ClassMap) -> Pair:
    """Paint the donor's lane marks onto the road of a picture, as bright above it as they were.

    Args:
        onto: uint8 RGB (h, w, 3) and labels (h, w).
        donor: The same of a picture with lane marks.
        classes: Names the classes.

    Returns:
        A new pair of the size of ``onto``; ``onto`` itself where the donor has nothing to give.
    """
    road, mark = classes.id_of("road"), classes.id_of("lane mark")
    height, width = onto[1].shape
    donor_pixels = cv2.resize(donor[0], (width, height), interpolation=cv2.INTER_LINEAR)
    donor_labels = cv2.resize(donor[1], (width, height), interpolation=cv2.INTER_NEAREST)
    painted = (donor_labels == mark) & (onto[1] == road)
    if not painted.any() or not (donor_labels == road).any():
        return onto
    tarmac = np.median(donor_pixels[donor_labels == road], axis=0)
    alpha = cv2.blur(painted.astype(np.float32), (3, 3))[..., None]
    lit = onto[0] + alpha * np.maximum(donor_pixels.astype(np.float32) - tarmac, 12.0)
    labels = onto[1].copy()
    labels[painted] = mark
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8), labels


def paste_vehicles(onto: Pair, *, donor: Pair, classes: ClassMap) -> Pair:
    """Put the donor's vehicles and people where they stood, behind the bike and other vehicles.

    Args:
        onto: uint8 RGB (h, w, 3) and labels (h, w).
        donor: The same of a picture with something moveable.
        classes: Names the classes.

    Returns:
        A new pair of the size of ``onto``; ``onto`` itself where the donor has nothing to give.
    """
    moveable = classes.id_of("moveable")
    height, width = onto[1].shape
    donor_labels = cv2.resize(donor[1], (width, height), interpolation=cv2.INTER_NEAREST)
    open_ground = np.isin(onto[1], classes.ids_of(("undrivable", "road", "lane mark")))
    moved = (donor_labels == moveable) & open_ground
    if not moved.any():
        return onto
    donor_pixels = cv2.resize(donor[0], (width, height), interpolation=cv2.INTER_LINEAR)
    alpha = cv2.blur(moved.astype(np.float32), (3, 3))[..., None]
    pixels = np.rint(onto[0] * (1 - alpha) + donor_pixels * alpha).astype(np.uint8)
    labels = onto[1].copy()
    labels[moved] = moveable
    return pixels, labels
