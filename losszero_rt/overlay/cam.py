"""Class activation maps of any layer, with pytorch-grad-cam; the only file that knows it.

For the input of a linear head :func:`losszero_rt.network.forward_cam.forward_cam` gives the same
map without gradients, which is what engines compute for every frame. This is for stills: other
layers, other methods, and the proof that both agree.

Shape letters: N pictures, C classes, H, W height and width of the network input, h, w of logits.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any

import numpy as np

from losszero_rt.errors import ModelError, UsageError
from losszero_rt.network import ObjectNetwork
from losszero_rt.network.forward_cam import forward_cam
from losszero_rt.overlay.cam_layers import default_layers, tapped

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["METHODS", "default_layers", "forward_cam", "grad_cam"]

# Our names, and the classes of pytorch-grad-cam. ``eigen-cam`` looks at no class at all.
METHODS = {
    "grad-cam": "GradCAM",
    "hires-cam": "HiResCAM",
    "grad-cam++": "GradCAMPlusPlus",
    "xgrad-cam": "XGradCAM",
    "layer-cam": "LayerCAM",
    "eigen-cam": "EigenCAM",
    "eigen-grad-cam": "EigenGradCAM",
    "score-cam": "ScoreCAM",
}


def grad_cam(
    network: "nn.Module",
    values_NCHW: "torch.Tensor",
    *,
    layer: str,
    target_class: int,
    method: str = "grad-cam",
    masks_NHW: np.ndarray | None = None,
) -> np.ndarray:
    """Return where a layer speaks for a class.

    The target is the mean logit of the class over the pixels of a mask: the sum that is usual,
    up to a constant that a normalised map does not show.

    Args:
        network: Put into evaluation mode; left without hooks and gradients.
        values_NCHW: Normalised float pictures.
        layer: ``encoder``, ``decoder``, ``head`` or the dotted name of a module.
        target_class: The class.
        method: One of :data:`METHODS`.
        masks_NHW: bool pixels that count, one mask a picture; None for all of them.

    Returns:
        float32 (N, H, W), 0..1, 1 where it speaks loudest in that picture; all 0 where the class
        has no pixel in the mask, or no object was found of it.

    Raises:
        UsageError: If there is no such method.
        ModelError: If there is no such layer, or pytorch-grad-cam is not installed.

    Source: Selvaraju et al., "Grad-CAM", ICCV 2017; for segmentation Vinogradova et al., "Towards
    Interpretable Semantic Segmentation via Gradient-weighted Class Activation Mapping", 2020.
    """
    kind = _method(method)
    network.eval()
    with tapped(network, layer) as tap, _inputs_alone(network, values_NCHW) as inputs_NCHW:
        maps = [
            _map_of_one(
                kind,
                network,
                tap,
                inputs_NCHW[k : k + 1],
                _Target(target_class, None if masks_NHW is None else masks_NHW[k]),
            )
            for k in range(len(inputs_NCHW))
        ]
    return np.stack(maps)


class _Target:
    """Mean logit of a class over a mask; called by pytorch-grad-cam with one picture's logits."""

    def __init__(self, class_id: int, mask_HW: np.ndarray | None) -> None:
        self.class_id = class_id
        self._mask_HW = mask_HW
        self.empty = mask_HW is not None and not mask_HW.any()

    def __call__(self, logits_Chw: "torch.Tensor") -> "torch.Tensor":
        import torch
        from torch.nn import functional

        plane_hw = logits_Chw[self.class_id]
        if self._mask_HW is None:
            return plane_hw.mean()
        mask = torch.from_numpy(self._mask_HW).to(plane_hw)[None, None]
        weights_hw = functional.interpolate(mask, size=plane_hw.shape, mode="area")[0, 0]
        return (plane_hw * weights_hw).sum() / weights_hw.sum()


def _map_of_one(
    kind: Any, network: "nn.Module", tap: "nn.Module", inputs_1CHW: "torch.Tensor", target: _Target
) -> np.ndarray:
    """Return the map of one picture, float32 (H, W)."""
    size = (int(inputs_1CHW.shape[2]), int(inputs_1CHW.shape[3]))
    if target.empty or not _occurs(network, inputs_1CHW, class_id=target.class_id):
        return np.zeros(size, np.float32)
    watcher = kind(model=network, target_layers=[tap])
    try:
        # Score-CAM draws a progress bar for every map.
        with redirect_stderr(io.StringIO()):
            found: np.ndarray = watcher(input_tensor=inputs_1CHW, targets=[target])[0]
    finally:
        watcher.activations_and_grads.release()
    return found.astype(np.float32)


def _occurs(network: "nn.Module", inputs_1CHW: "torch.Tensor", *, class_id: int) -> bool:
    """Say whether there is anything to derive: without an object logits depend on nothing."""
    import torch

    if not isinstance(network, ObjectNetwork):
        return True
    with torch.no_grad():
        return class_id in network.objects(inputs_1CHW)[0].class_ids.tolist()


@contextmanager
def _inputs_alone(network: "nn.Module", values_NCHW: "torch.Tensor") -> "Iterator[torch.Tensor]":
    """Let gradients reach the input but no parameter, so that a training finds none of ours."""
    wanted = [(p, p.requires_grad) for p in network.parameters()]
    for parameter, _ in wanted:
        parameter.requires_grad_(False)
    try:
        yield values_NCHW.detach().clone().requires_grad_(True)
    finally:
        for parameter, requires_grad in wanted:
            parameter.requires_grad_(requires_grad)


def _method(name: str) -> Any:
    if name not in METHODS:
        raise UsageError(f"unknown CAM method {name!r}", accepted=", ".join(METHODS))
    try:
        import pytorch_grad_cam
    except ImportError as error:
        raise ModelError(
            f"class activation maps need the package grad-cam ({error})",
            remedy="pip install -e '.[cam]' in the checkout",
        ) from error
    return getattr(pytorch_grad_cam, METHODS[name])
