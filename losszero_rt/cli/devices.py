"""Where to compute when nobody said."""

from typing import Any


def settle_device(options: dict[str, Any]) -> dict[str, Any]:
    """Return options whose device ``auto`` is the GPU where there is one that torch can use.

    OpenVINO's engine computes on CPUs, so a run that names it stays there; and so does one in eight
    bits that does not name TensorRT, the only engine that has them on a GPU.

    Args:
        options: Those of the command line, among them ``device`` and ``engine``.
    """
    engine, precision = options["engine"], options["precision"]
    if options["device"] != "auto" or engine == "openvino":
        return options
    if precision == "int8" and engine != "tensorrt":
        return options
    from losszero_rt.engine.torch_facts import has_nvidia_driver, why_no_gpu

    is_here = has_nvidia_driver() and not why_no_gpu()
    return {**options, "device": "cuda"} if is_here else options
