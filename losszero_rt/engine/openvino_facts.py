"""What OpenVINO is, here: the library without its telemetry, the CPU's arithmetic.

The only files that import openvino are this one, the engine, and the export's compiler.
"""

import importlib
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from losszero_rt.engine.protocol import Precision
from losszero_rt.errors import ModelError

if TYPE_CHECKING:
    import openvino

# OpenVINO's word for each precision, both as a hint and in the graph that executes.
HINTS: dict[str, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
_FASTEST_FIRST: tuple[Precision, ...] = ("bf16", "fp32")
_CAPABILITIES = {"bf16": "BF16", "fp32": "FP32"}
_WORDS = {word: name for name, word in HINTS.items()} | {"I8": "int8"}
# Without one of these an int8 product is summed in 16 bits and may saturate there.
_INT8_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}
_CPU_INFO = Path("/proc/cpuinfo")
_REPORTERS = ("openvino_telemetry", "openvino.tools.ovc")


def import_openvino() -> ModuleType:
    """Import openvino without its telemetry, which forks and opens a socket on import.

    Raises:
        ModelError: If openvino is not installed.
    """
    try:
        with without_modules(*_REPORTERS):
            return importlib.import_module("openvino")
    except ImportError as error:
        raise ModelError(
            f"the openvino engine needs the package openvino ({error})",
            remedy="pip install openvino",
        ) from error


@cache
def openvino_core() -> "openvino.Core":
    """Return OpenVINO's core: one for all that this process compiles, and never freed.

    Each core gives the thread that first uses it a stack for signals, and takes its memory away in
    the end. Where several go in another order than they came, the thread is left with the stack of
    one that is gone, and the next signal, such as Ctrl-C, is a segmentation fault (OpenVINO
    2026.4.1, in ``sigstack_manager.cpp`` of its CPU plugin).

    Raises:
        ModelError: If openvino is not installed.
    """
    core: openvino.Core = import_openvino().Core()
    return core


@contextmanager
def without_modules(*names: str) -> Iterator[None]:
    """Make ``import`` of some modules fail inside a ``with`` block."""
    kept = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(kept)


def capable_precisions() -> tuple[Precision, ...]:
    """Return the arithmetic that this CPU has, the fastest first."""
    capabilities = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return tuple(p for p in _FASTEST_FIRST if _CAPABILITIES[p] in capabilities)


def multiplies_int8(cpu_info: Path = _CPU_INFO) -> bool:
    """Say whether this CPU multiplies int8 fast and exactly, as far as the system tells.

    Args:
        cpu_info: What Linux says of the processors.
    """
    try:
        lines = cpu_info.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return not _INT8_FLAGS.isdisjoint(flags.split())


def runs_as_asked(found: str, *, asked: str) -> bool:
    """Say whether what executes is what was asked for: of int8 graphs, in most convolutions.

    Args:
        found: As :func:`executed_precision` says it.
        asked: A precision other than ``auto``.
    """
    return found.partition("+")[0] == asked if asked == "int8" else found == asked


def executed_precision(compiled: "openvino.CompiledModel") -> str:
    """Read the arithmetic of the convolutions back from the graph that executes.

    The name of the kernel tells it (``brgconv_avx512_1x1_bf16``); the node's runtimePrecision
    does not: it is that of the stored weights where they are converted on the way in.

    Returns:
        ``fp32``, ``bf16``, ``fp16`` or ``int8``; several joined by ``+``, the most frequent first.
    """
    counts: Counter[str] = Counter()
    for node in compiled.get_runtime_model().get_ordered_ops():
        facts = node.get_rt_info()
        if "Convolution" in facts["layerType"].astype(str):
            counts[facts["primitiveType"].astype(str).rpartition("_")[2]] += 1
    return "+".join(_WORDS.get(word, word) for word, _ in counts.most_common())


def openvino_facts() -> dict[str, Any]:
    """Return version and devices for ``doctor``; says so where something is absent."""
    try:
        ov = import_openvino()
        core = openvino_core()
        devices = {
            device: f"{core.get_property(device, 'FULL_DEVICE_NAME')}: "
            + " ".join(sorted(core.get_property(device, "OPTIMIZATION_CAPABILITIES")))
            for device in core.available_devices
        }
    except (ModelError, RuntimeError) as error:
        return {"absent": str(error)}
    return {"version": str(ov.__version__), **devices}


def first_line(error: Exception) -> str:
    """Return the line of an OpenVINO error that says what is wrong: its last one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
