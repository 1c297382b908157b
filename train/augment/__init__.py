"""From a labelled picture to a training crop: transforms of torchvision over tv_tensors.

What torchvision.transforms.v2 does fast enough is taken from there (the mirror image). Where its
float pipeline costs more on one thread than the network's own forward pass on such a crop
(affine resampling, photometry), the transform is our own, over OpenCV.
"""

from train.augment.crop import AffineCrop
from train.augment.pipeline import augmentation, light
from train.augment.sample import Sample, drawn_from, from_sample, to_sample

__all__ = [
    "AffineCrop",
    "Sample",
    "augmentation",
    "drawn_from",
    "from_sample",
    "light",
    "to_sample",
]
