"""A picture with one mask file that holds ids, or colours that stand for them."""

from collections.abc import Mapping

from losszero_rt.classmap import IGNORED_ID, ClassMap, Rgb
from train.datasets.image_files import mask_header, read_colours, read_ids, read_pixels, relabel
from train.datasets.picture import LabelledPicture, make_picture
from train.datasets.picture_set import PictureRecord


def read_masked(
    record: PictureRecord,
    *,
    colours: Mapping[Rgb, int],
    classes: ClassMap,
    id_map: Mapping[int, int],
    void_id: int | None = None,
) -> LabelledPicture:
    """Read a picture and its mask: ids where it has one channel, else colours.

    Args:
        record: The picture, with one label file.
        colours: Ids by colour.
        classes: The classes that the labels must belong to in the end.
        id_map: Ids to replace.
        void_id: What stands for unlabelled in masks of ids; None where nothing does.

    Raises:
        InputError: If a file cannot be read, or a colour or an id is unknown.
    """
    (mask,) = record.label_files
    if mask_header(mask).mode == "L":
        ids_HW = read_ids(mask)
        id_map = id_map if void_id is None else {void_id: IGNORED_ID, **id_map}
    else:
        ids_HW = read_colours(mask, colours=colours, ignored_id=IGNORED_ID)
    return make_picture(
        record.name,
        pixels_HWC=read_pixels(record.image),
        labels_HW=relabel(ids_HW, name=mask.name, classes=classes, id_map=id_map),
        classes=classes,
        ride=record.ride,
    )
