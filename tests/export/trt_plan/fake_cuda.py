"""Answers to the few questions about a GPU that torch_tensorrt asks while it plans."""

import importlib.util

import torch


def install() -> None:
    """Make torch say that there is one GPU of compute capability 8.9 with 8 GiB."""
    torch.cuda.current_device = lambda: 0
    torch.cuda.get_device_capability = lambda *_, **__: (8, 9)
    torch.cuda.mem_get_info = lambda *_, **__: (1 << 33, 1 << 33)
    torch.cuda.empty_cache = lambda: None


def quantise_as_on_a_gpu() -> None:
    """Let int8 layers be exported as on a GPU, where they are operations of their own.

    On a processor they are written out, which cannot be exported; the values are the same.
    """
    if importlib.util.find_spec("modelopt") is None:
        return
    from modelopt.torch.quantization import tensor_quant
    from modelopt.torch.quantization.utils import is_torch_export_mode

    written_out = tensor_quant._tensor_quant

    def quantise(
        inputs: torch.Tensor,
        amax: torch.Tensor,
        num_bits: int = 8,
        unsigned: bool = False,
        narrow_range: bool = True,
    ) -> torch.Tensor:
        kinds = num_bits, 0, unsigned, narrow_range
        found: torch.Tensor
        if is_torch_export_mode():
            found = torch.ops.tensorrt.quantize_op(inputs, amax, *kinds)
        else:
            found = written_out(inputs, amax, num_bits, unsigned, narrow_range)
        return found

    tensor_quant._tensor_quant = quantise
    tensor_quant.fake_quant_impl = written_out
