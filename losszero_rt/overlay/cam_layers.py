"""Where a class activation map looks into a network: layers by name, and a tap in each.

Encoders of one family return a list, others a dictionary, others one tensor; the head's input is
no module's output at all. So the tensor that is meant is led through an identity of our own, and
whatever watches layers watches that.

Shape letters: N pictures, C channels, h, w height and width of a layer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec, encoder_of, head_of

if TYPE_CHECKING:
    from torch import nn

USUAL_LAYERS = ("encoder", "decoder", "head")
# The first step of each family's decoder; the last one is the head's input.
_DECODER_STAGES = (
    "decoder.aspp",
    "decoder.seg_blocks.0",
    # SegFormer's maps are products, no modules: where they meet comes first.
    "decoder.fuse_stage.1",
    "decoder.blocks.x_0_0",
    "decoder.blocks.0",
    "decoder.psp",
    "decoder.fpa",
    "backbone.fpn.layer_blocks.0",
    "decoder.2",
    "decoder",
)


def default_layers(spec: NetworkSpec) -> tuple[str, ...]:
    """Return the layers worth a look: encoder's last, decoder's first, head's input if it is one.

    A network that finds objects has no linear head, and so no input of one.
    """
    return USUAL_LAYERS[:2] if spec.architecture == "mask-rcnn" else USUAL_LAYERS


@contextmanager
def tapped(network: "nn.Module", layer: str) -> "Iterator[nn.Module]":
    """Lead a layer's tensor through an identity inside a ``with`` block.

    Args:
        network: Left as it was afterwards.
        layer: ``encoder`` (its last stage), ``decoder`` (its first step), ``head`` (the input of
            the linear head), or the dotted name of a module that returns one (N, C, h, w) tensor.

    Yields:
        The identity; its output is the layer's.

    Raises:
        ModelError: If there is no such layer, or what it gives is no map.
    """
    from torch import nn

    tap = nn.Identity()
    if layer == "head":
        handle = head_of(network).register_forward_pre_hook(
            lambda _, inputs: (_through(tap, inputs[0], layer=layer),)
        )
    else:
        handle = _module(network, layer).register_forward_hook(_leading(tap, layer))
    try:
        yield tap
    finally:
        handle.remove()


def _module(network: "nn.Module", layer: str) -> "nn.Module":
    if layer == "encoder":
        parts: dict[str, nn.Module] = dict(encoder_of(network).named_modules())
        # An image encoder of SAM is not called as a whole; its neck is the last of it.
        return parts["neck" if "neck" in parts else ""]
    modules: dict[str, nn.Module] = dict(network.named_modules())
    if layer == "decoder":
        found = next((name for name in _DECODER_STAGES if name in modules), None)
        if found is not None:
            return modules[found]
    if layer not in modules:
        near = [name for name in modules if name.count(".") == 1][:6]
        raise ModelError(
            f"no layer {layer!r} in this network",
            accepted=f"{', '.join(USUAL_LAYERS)}, or a module's name such as {', '.join(near)}",
            remedy="leave --layer away for the usual ones",
        )
    return modules[layer]


def _leading(tap: "nn.Module", layer: str) -> Callable[..., Any]:
    """Return a forward hook that leads the last map of whatever a module returns through a tap."""

    def lead(_: "nn.Module", __: Any, output: Any) -> Any:
        if isinstance(output, dict):
            last = list(output)[-1]
            return type(output)({**output, last: _through(tap, output[last], layer=layer)})
        if isinstance(output, list | tuple):
            return type(output)([*output[:-1], _through(tap, output[-1], layer=layer)])
        return _through(tap, output, layer=layer)

    return lead


def _through(tap: "nn.Module", value: Any, *, layer: str) -> Any:
    if getattr(value, "ndim", 0) != 4:
        shape = tuple(getattr(value, "shape", ())) or type(value).__name__
        raise ModelError(
            f"layer {layer!r} gives {shape}, which is no map",
            accepted="modules that return one (N, C, h, w) tensor",
        )
    return tap(value)
