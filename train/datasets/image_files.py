"""Reading image and mask files that strangers wrote: their headers are judged before they decode.

Every function raises InputError that begins with the file's name; whoever reads a whole data set
collects them.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from losszero_rt.classmap import ClassMap, Rgb
from losszero_rt.errors import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
# 8192x8192: the largest picture of any camera that a data set of rides may hold.
PIXELS_MAX = 1 << 26
_KINDS = ("PNG", "JPEG", "BMP", "WEBP")
# Orientations of the EXIF standard (tag 0x0112) that lay a picture on its side.
_ORIENTATION_TAG = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the first bytes of an image file say.

    Attributes:
        kind: PNG, JPEG, BMP or WEBP.
        mode: Pillow's word for the channels: L, P, RGB, RGBA, I;16 and so on.
        size: (height, width) as the picture is shown.
    """

    kind: str
    mode: str
    size: tuple[int, int]


def read_header(path: Path) -> Header:
    """Return what a file says of itself, without decoding it.

    Raises:
        InputError: If it is no image of a known kind, or decodes to more than ``PIXELS_MAX``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_KINDS) as image:
                # Without "exif" in the info, Pillow would decode a PNG to look for more.
                turned = image.getexif().get(_ORIENTATION_TAG) if "exif" in image.info else None
                sideways = turned in _ON_ITS_SIDE
                size = image.size if sideways else (image.height, image.width)
                header = Header(kind=str(image.format), mode=image.mode, size=size)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path.name} cannot be decoded") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path.name} is larger than {PIXELS_MAX} pixels") from error
    if header.size[0] * header.size[1] > PIXELS_MAX:
        raise InputError(f"{path.name} is larger than {PIXELS_MAX} pixels")
    return header


def read_pixels(path: Path) -> np.ndarray:
    """Return an image as uint8 RGB (H, W, 3), upright."""
    read_header(path)
    pixels_BGR = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels_BGR is None:
        raise InputError(f"{path.name} cannot be decoded")
    return cv2.cvtColor(pixels_BGR, cv2.COLOR_BGR2RGB)


def mask_header(path: Path) -> Header:
    """Return the header of a mask, refusing kinds that alter labels or hold more than 8 bits."""
    header = read_header(path)
    if header.kind != "PNG":
        raise InputError(f"{path.name} is a {header.kind} mask, which alters labels: use PNG")
    if header.mode.startswith(("I", "F")):
        raise InputError(f"{path.name} is not an 8-bit single-channel mask but {header.mode}")
    return header


def check_pair(image: Path, mask: Path) -> None:
    """Refuse a pair whose headers already show that it cannot be used."""
    sizes = read_header(image).size, mask_header(mask).size
    if sizes[0] != sizes[1]:
        raise InputError(f"{image.name} is {sizes[0]} but its mask {sizes[1]}")


def read_ids(path: Path) -> np.ndarray:
    """Return a mask of class ids as uint8 (H, W); the indices of a palette count as ids."""
    header = mask_header(path)
    if header.mode not in ("L", "P", "1"):
        raise InputError(f"{path.name} is not an 8-bit single-channel mask but {header.mode}")
    return _decoded(path)


def read_colours(path: Path, *, colours: Mapping[Rgb, int], ignored_id: int) -> np.ndarray:
    """Return a mask of colours as class ids.

    Args:
        path: A PNG in RGB, RGBA or palette colours.
        colours: The id that each colour stands for.
        ignored_id: Given to pixels that are fully transparent.

    Returns:
        uint8 ids (H, W).

    Raises:
        InputError: If there are other colours; the message counts the pixels of each.
    """
    header = mask_header(path)
    if header.mode == "LA":
        raise InputError(f"{path.name} is grey, not a mask of colours")
    pixels_HWC = _decoded(path, mode="RGBA")
    packed_HW = _packed(pixels_HWC)
    labels_HW = np.zeros(packed_HW.shape, np.uint8)
    known_HW = pixels_HWC[..., 3] == 0
    labels_HW[known_HW] = ignored_id
    for colour, class_id in colours.items():
        found = (packed_HW == _packed(np.array(colour))) & ~known_HW
        labels_HW[found] = class_id
        known_HW |= found
    if not known_HW.all():
        raise InputError(f"{path.name} has unknown colours: {_counted(pixels_HWC[~known_HW])}")
    return labels_HW


def relabel(
    labels_HW: np.ndarray, *, name: str, classes: ClassMap, id_map: Mapping[int, int]
) -> np.ndarray:
    """Replace ids and check that the classes know what is left.

    Args:
        labels_HW: uint8 (H, W).
        name: File to name in the error.
        classes: The classes that the result must belong to.
        id_map: Ids to replace.

    Raises:
        InputError: If an id is no class and not the ignored one; says on how many pixels.
    """
    table = np.arange(256, dtype=np.uint8)
    for value, class_id in id_map.items():
        table[value] = class_id
    labels_HW = table[labels_HW]
    counts = np.bincount(labels_HW.reshape(-1), minlength=256)
    counts[[*range(classes.num_classes), classes.ignored_id]] = 0
    strange = np.flatnonzero(counts)
    if strange.size:
        raise InputError(
            f"{name} has ids outside the classes: {strange.tolist()} on {counts.sum()} pixels"
        )
    return labels_HW


def list_files(
    folder: Path, *, suffixes: tuple[str, ...], root: Path, faults: list[str]
) -> dict[str, Path]:
    """Return the files of a folder by stem.

    Args:
        folder: Where they lie.
        suffixes: Which of them, in lower case.
        root: The data set; links that lead out of it are refused.
        faults: Gains a line for every refused file.

    Raises:
        InputError: If it is no folder.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder",
            accepted="a data set folder with images/ and masks/",
            remedy="pass --data or set LOSSZERO_DATA",
        )
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes:
            continue
        if not is_inside(path, root=root):
            faults.append(f"{path} is a link that leaves {root}")
        elif path.stem in found:
            faults.append(f"{path.name} and {found[path.stem].name} share one name")
        else:
            found[path.stem] = path
    return found


def is_inside(path: Path, *, root: Path) -> bool:
    """Tell whether a path lies in the data set once links are followed."""
    return path.resolve().is_relative_to(root.resolve())


def _decoded(path: Path, *, mode: str = "") -> np.ndarray:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            shown = image.convert(mode) if mode else image
            # A one-bit mask would otherwise come as bool.
            return np.array(shown, np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path.name} cannot be decoded") from error


def _packed(colours: np.ndarray) -> np.ndarray:
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return np.asarray((red << 16) | (green << 8) | blue)


def _counted(colours_NC: np.ndarray) -> str:
    values, counts = np.unique(_packed(colours_NC), return_counts=True)
    order = np.argsort(-counts)
    return ", ".join(f"#{values[i]:06x} on {counts[i]} pixels" for i in order)
