"""Where to compute when nobody said."""

from typing import Any


def settle_device(options: dict[str, Any]) -> dict[str, Any]:
    """Return options whose device ``auto`` is the GPU where there is one that torch sees.

    OpenVINO's engine computes on CPUs, so a run that names it stays there.

    Args:
        options: Those of the command line, among them ``device`` and ``engine``.
    """
    if options["device"] != "auto" or options["engine"] == "openvino":
        return options
    from losszero_rt.engine.torch_facts import has_nvidia_driver, why_no_gpu

    is_here = has_nvidia_driver() and not why_no_gpu()
    return {**options, "device": "cuda"} if is_here else options
