"""CamVid in 11 classes: the id masks of SegNet, or the 32 colours of the original.

Layouts: ``train/NAME.png`` with ``trainannot/NAME.png`` (or ``train_labels/NAME_L.png``), and
likewise val and test; or ``701_StillsRaw_full/`` with ``LabeledApproved_full/NAME_L.png`` and no
split. Masks of one channel hold ids 0..10 and 11 for unlabelled; other masks hold colours. The
recording, which is the first part of the name, is the ride. The published split shares a recording
between train and val, which a training says and does not refuse.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from losszero_rt.classmap import CAMVID, ClassMap, Rgb
from train.datasets.image_files import IMAGE_SUFFIXES, list_files
from train.datasets.layout import Survey, pair_up
from train.datasets.masked import read_masked
from train.datasets.picture_set import PictureRecord

NAME = "camvid"
SHAPE = (
    "train/ and trainannot/ (or train_labels/), or 701_StillsRaw_full/ and LabeledApproved_full/"
)
VOID_ID = 11
_SPLITS = ("train", "val", "test")
_WHOLE = ("701_StillsRaw_full", "LabeledApproved_full")
_MASK_END = "_L"
# The 32 colours by the class they are merged into; source: label colours of the data set
# (mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid), merged as is usual since SegNet.
_MERGED: dict[str, tuple[Rgb, ...]] = {
    "sky": ((128, 128, 128),),
    "building": ((128, 0, 0), (192, 0, 128), (0, 128, 64), (64, 0, 64), (64, 192, 0)),
    "pole": ((192, 192, 128), (0, 0, 64)),
    "road": ((128, 64, 128), (128, 0, 192), (192, 0, 64)),
    "pavement": ((0, 0, 192), (64, 192, 128), (128, 128, 192)),
    "tree": ((128, 128, 0), (192, 192, 0)),
    "sign": ((192, 128, 128), (128, 128, 64), (0, 64, 64)),
    "fence": ((64, 64, 128),),
    "car": ((64, 0, 128), (64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)),
    "pedestrian": ((64, 64, 0), (192, 128, 64), (64, 0, 192), (64, 128, 64)),
    "bicyclist": ((0, 128, 192), (192, 0, 192)),
}
COLOURS: dict[Rgb, int] = {
    **{colour: CAMVID.id_of(name) for name, colours in _MERGED.items() for colour in colours},
    (0, 0, 0): CAMVID.ignored_id,
}


def recognises(folder: Path) -> bool:
    """Tell whether images and masks lie in folders of the known names."""
    return any(True for _ in _folders(folder))


def survey(
    folder: Path, *, classes: ClassMap | None = None, id_map: Mapping[int, int] | None = None
) -> Survey:
    """Find the pairs of a folder; see :func:`train.datasets.open_pictures`."""
    faults: list[str] = []
    known = classes or CAMVID
    records = [
        PictureRecord(
            name=image.name,
            image=image,
            label_files=(mask,),
            ride=image.stem.split("_")[0],
            split=split,
        )
        for split, where, masks in _folders(folder)
        for _, image, mask in pair_up(
            list_files(where, suffixes=IMAGE_SUFFIXES, root=folder, faults=faults),
            {
                stem.removesuffix(_MASK_END): path
                for stem, path in list_files(
                    masks, suffixes=IMAGE_SUFFIXES, root=folder, faults=faults
                ).items()
            },
            faults=faults,
        )
    ]
    read = partial(
        read_masked, colours=COLOURS, classes=known, id_map=id_map or {}, void_id=VOID_ID
    )
    return Survey(classes=known, records=records, read=read, faults=faults, published_split=True)


def _folders(folder: Path) -> Iterator[tuple[str | None, Path, Path]]:
    """Yield (split, images, masks) of every pair of folders that is there."""
    pairs: list[tuple[str | None, str, str]] = [(None, *_WHOLE)]
    for part in _SPLITS:
        pairs += [(part, part, f"{part}annot"), (part, part, f"{part}_labels")]
    for split, images, masks in pairs:
        if (folder / images).is_dir() and (folder / masks).is_dir():
            yield split, folder / images, folder / masks
