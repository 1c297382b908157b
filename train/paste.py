"""Copy and paste between labelled pictures: lane marks, vehicles, bike and rider.

Source: Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation" (CVPR 2021), https://arxiv.org/abs/2012.07177.

Shape letters: H, W height and width.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Scene:
    """What is pasted from and onto.

    Attributes:
        pixels_HWC: uint8 RGB (H, W, 3).
        labels_HW: uint8 class ids (H, W).
        instances_HW: Integers (H, W), k where object k is seen and 0 where no object is known;
            None where no objects are told apart, or nobody wants them.
    """

    pixels_HWC: np.ndarray
    labels_HW: np.ndarray
    instances_HW: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"Scene({self.labels_HW.shape}, instances={self.instances_HW is not None})"

    def mirrored(self) -> "Scene":
        """Return it with left and right exchanged."""
        instances = self.instances_HW
        return Scene(
            pixels_HWC=cv2.flip(self.pixels_HWC, 1),
            labels_HW=cv2.flip(self.labels_HW, 1),
            instances_HW=None if instances is None else np.ascontiguousarray(instances[:, ::-1]),
        )


def paste_bike(onto: Scene, *, donor: Scene, classes: ClassMap) -> Scene:
    """Lay the donor's own bike and rider over a picture, stretched to its width, at its bottom.

    Args:
        onto: The picture.
        donor: A picture with a bike.
        classes: Names the classes that are moved.

    Returns:
        A new scene of the size of ``onto``, cut above the bottom so that the shape fits.
    """
    pixels, labels = onto.pixels_HWC.copy(), onto.labels_HW.copy()
    height, width = labels.shape
    donor_height, donor_width = donor.labels_HW.shape
    new_height = min(height, round(donor_height * width / donor_width))
    donor_pixels = cv2.resize(donor.pixels_HWC, (width, new_height))
    donor_labels = _stretched(donor.labels_HW, (new_height, width))
    moved = np.isin(donor_labels, classes.ids_of(("my bike", "rider")))
    below = slice(height - new_height, height)
    alpha = cv2.blur(moved.astype(np.float32), (3, 3))[..., None]
    pixels[below] = np.rint(pixels[below] * (1 - alpha) + donor_pixels * alpha).astype(np.uint8)
    labels[below][moved] = donor_labels[moved]
    return Scene(
        pixels_HWC=pixels,
        labels_HW=labels,
        instances_HW=_renumbered(onto, donor, moved, np.where(moved, donor_labels, 0)),
    )


def paste_lane_marks(onto: Scene, *, donor: Scene, classes: ClassMap) -> Scene:
    """Paint the donor's lane marks onto the road of a picture, as bright above it as they were.

    Args:
        onto: The picture.
        donor: A picture with lane marks.
        classes: Names the classes.

    Returns:
        A new scene of the size of ``onto``; ``onto`` itself where the donor has nothing to give.
    """
    road, mark = classes.id_of("road"), classes.id_of("lane mark")
    height, width = onto.labels_HW.shape
    donor_pixels = cv2.resize(donor.pixels_HWC, (width, height))
    donor_labels = _stretched(donor.labels_HW, (height, width))
    painted = (donor_labels == mark) & (onto.labels_HW == road)
    if not painted.any() or not (donor_labels == road).any():
        return onto
    tarmac = np.median(donor_pixels[donor_labels == road], axis=0)
    alpha = cv2.blur(painted.astype(np.float32), (3, 3))[..., None]
    lit = onto.pixels_HWC + alpha * np.maximum(donor_pixels.astype(np.float32) - tarmac, 12.0)
    labels = onto.labels_HW.copy()
    labels[painted] = mark
    return Scene(
        pixels_HWC=np.clip(np.rint(lit), 0, 255).astype(np.uint8),
        labels_HW=labels,
        instances_HW=_renumbered(onto, donor, painted, painted),
    )


def paste_vehicles(onto: Scene, *, donor: Scene, classes: ClassMap) -> Scene:
    """Put the donor's vehicles and people where they stood, behind the bike and other vehicles.

    Args:
        onto: The picture.
        donor: A picture with something moveable.
        classes: Names the classes.

    Returns:
        A new scene of the size of ``onto``; ``onto`` itself where the donor has nothing to give.
    """
    moveable = classes.id_of("moveable")
    height, width = onto.labels_HW.shape
    donor_labels = _stretched(donor.labels_HW, (height, width))
    open_ground = np.isin(onto.labels_HW, classes.ids_of(("undrivable", "road", "lane mark")))
    moved = (donor_labels == moveable) & open_ground
    if not moved.any():
        return onto
    donor_pixels = cv2.resize(donor.pixels_HWC, (width, height))
    alpha = cv2.blur(moved.astype(np.float32), (3, 3))[..., None]
    pixels = np.rint(onto.pixels_HWC * (1 - alpha) + donor_pixels * alpha).astype(np.uint8)
    labels = onto.labels_HW.copy()
    labels[moved] = moveable
    return Scene(
        pixels_HWC=pixels,
        labels_HW=labels,
        instances_HW=_renumbered(onto, donor, moved, moved),
    )


def _stretched(mask_HW: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(mask_HW, size[::-1], interpolation=cv2.INTER_NEAREST)


def _renumbered(
    onto: Scene, donor: Scene, moved_hW: np.ndarray, kinds_hW: np.ndarray
) -> np.ndarray | None:
    """Return the objects of a picture and, with numbers of their own, those pasted over it.

    An object beneath keeps its number where it is still seen, even where what is pasted is of
    its class; one that is covered is gone.

    Args:
        onto: The picture.
        donor: Where the pasted objects come from.
        moved_hW: bool, what is pasted; the last rows of the picture if it has fewer.
        kinds_hW: Something that differs between its classes, 0 where nothing is pasted.
    """
    if onto.instances_HW is None:
        return None
    instances_HW: np.ndarray = onto.instances_HW.copy()
    if donor.instances_HW is None:
        numbers_hW = _components(kinds_hW)
    else:
        size = (moved_hW.shape[0], moved_hW.shape[1])
        numbers_hW = _stretched(donor.instances_HW, size).astype(np.int32)
    numbers_hW[numbers_hW > 0] += instances_HW.max()
    below_hW = instances_HW[len(instances_HW) - len(moved_hW) :]
    below_hW[moved_hW] = numbers_hW[moved_hW]
    return instances_HW


def _components(kinds_HW: np.ndarray) -> np.ndarray:
    """Return the connected parts of each kind but 0, numbered from 1 on, int32 (H, W)."""
    numbers_HW = np.zeros(kinds_HW.shape, np.int32)
    for kind in np.unique(kinds_HW):
        if kind:
            _, parts_HW = cv2.connectedComponents((kinds_HW == kind).view(np.uint8))
            numbers_HW += np.where(parts_HW > 0, parts_HW + numbers_HW.max(), 0).astype(np.int32)
    return numbers_HW
