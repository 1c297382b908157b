"""Answers to the few questions about a GPU that torch_tensorrt asks while it plans."""

import torch


def install() -> None:
    """Make torch say that there is one GPU of compute capability 8.9 with 8 GiB."""
    torch.cuda.current_device = lambda: 0
    torch.cuda.get_device_capability = lambda *_, **__: (8, 9)
    torch.cuda.mem_get_info = lambda *_, **__: (1 << 33, 1 << 33)
    torch.cuda.empty_cache = lambda: None
