"""Attention as one operation or as its parts: which of them a compiler does right is its affair.

Fused attention is faster, and has been silently wrong on some GPUs in half precision, so that both
can be compiled, and parity decides. In fp32 they differ by rounding only.

Shape letters: N pictures, L places, C channels, h heads, d channels of a head, S places after the
reduction.
"""

from types import MethodType
from typing import TYPE_CHECKING, Any

from export.engine_request import Attention

if TYPE_CHECKING:
    import torch
    from torch import nn


def set_attention(network: "nn.Module", attention: Attention) -> int:
    """Write the attention of a network one way or the other, in place.

    Args:
        network: In evaluation mode.
        attention: ``auto`` leaves it as it is.

    Returns:
        How many attentions the network has.
    """
    modules = [one for one in network.modules() if _is_switched(one) or _is_reduced(one)]
    if attention == "auto":
        return len(modules)
    for module in modules:
        if _is_switched(module):
            # A constant for scripts, and so not assigned like others.
            module.__dict__["fused_attn"] = attention == "fused"
        elif attention == "fused":
            module.__dict__["forward"] = MethodType(_fused_forward, module)
        else:
            module.__dict__.pop("forward", None)
    return len(modules)


def _is_switched(module: "nn.Module") -> bool:
    """Say whether a module is one of timm's attentions, which know both ways."""
    return isinstance(getattr(module, "fused_attn", None), bool)


def _is_reduced(module: "nn.Module") -> bool:
    """Say whether a module is the attention of SegFormer's encoder, which writes its parts out."""
    return all(hasattr(module, name) for name in ("q", "kv", "sr_ratio", "num_heads", "scale"))


def _fused_forward(self: Any, x: "torch.Tensor", height: int, width: int) -> "torch.Tensor":
    """Attend over reduced keys and values, by one operation.

    Source: Xie et al., "SegFormer" (2021), https://arxiv.org/abs/2105.15203, section 3.1; with the
    tensors of segmentation_models_pytorch's ``mix_transformer.Attention``.
    """
    from torch.nn.functional import scaled_dot_product_attention

    num_pictures, num_places, width_C = x.shape
    width_d = width_C // self.num_heads
    q_NhLd = self.q(x).reshape(num_pictures, num_places, self.num_heads, width_d).transpose(1, 2)
    if self.sr_ratio > 1:
        map_NChw = x.permute(0, 2, 1).reshape(num_pictures, width_C, height, width)
        x = self.norm(self.sr(map_NChw).reshape(num_pictures, width_C, -1).permute(0, 2, 1))
    both = self.kv(x).reshape(num_pictures, -1, 2, self.num_heads, width_d)
    k_NhSd, v_NhSd = both.permute(2, 0, 3, 1, 4)
    mixed_NhLd = scaled_dot_product_attention(q_NhLd, k_NhSd, v_NhSd, scale=self.scale)
    mixed_NLC = mixed_NhLd.transpose(1, 2).reshape(num_pictures, num_places, width_C)
    found: torch.Tensor = self.proj(mixed_NLC)
    return found
