"""A stand-in for TensorRT's Python module: enumerations and empty classes, nothing that builds.

With it the Python of torch_tensorrt (decompositions, lowering, converters, partitioner) runs on a
machine without a GPU. Whatever would build or run an engine raises.
"""

import sys
import types
from typing import Any

__version__ = "11.1.0"
IS_STUB = True


class _Member:
    """One value of an enumeration; made when it is first asked for."""

    __slots__ = ("kind", "name", "value")

    def __init__(self, kind: str, name: str, value: int) -> None:
        self.kind, self.name, self.value = kind, name, value

    def __repr__(self) -> str:
        return f"{self.kind}.{self.name}"

    def __int__(self) -> int:
        return self.value

    __index__ = __int__

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __deepcopy__(self, memo: object) -> "_Member":
        return self

    def __reduce__(self) -> Any:
        return _member, (self.kind, self.name)


class _Enumeration(type):
    members: dict[str, _Member]

    def __getattr__(cls, name: str) -> _Member:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in cls.members:
            made: Any = object.__new__(cls)  # type: ignore[arg-type]
            _Member.__init__(made, cls.__name__, name, len(cls.members))
            cls.members[name] = made
        return cls.members[name]


def _enumeration(name: str) -> Any:
    return _Enumeration(name, (_Member,), {"members": {}, "__slots__": ()})


def _member(kind: str, name: str) -> Any:
    return getattr(globals()[kind], name)


_ENUMERATIONS = """
    DataType TensorFormat DeviceType EngineCapability ElementWiseOperation UnaryOperation
    ReduceOperation ActivationType MatrixOperation PoolingType PaddingMode TopKOperation ScaleMode
    SampleMode InterpolationMode ResizeCoordinateTransformation ResizeRoundMode ResizeSelector
    FillOperation LoopOutput TripLimit BuilderFlag MemoryPoolType ProfilingVerbosity
    NetworkDefinitionCreationFlag SerializationFlag PreviewFeature HardwareCompatibilityLevel
    TilingOptimizationLevel RuntimePlatform LayerInformationFormat LayerType TensorIOMode
    TensorLocation ExecutionContextAllocationStrategy AttentionNormalizationOp CausalMaskKind
    ScatterMode GatherMode CumulativeOperation BoundingBoxFormat PluginFieldType WeightsRole
    CudaGraphStrategy DynamicShapesKernelSpecializationStrategy CollectiveOperation KVCacheMode
    PluginCreatorVersion TacticSource QuickPluginCreationRequest
"""
_CLASSES = """
    ITensor ILayer INetworkDefinition IBuilderConfig ICudaEngine IExecutionContext
    IOptimizationProfile IRuntimeConfig IRuntimeCache ISerializationConfig IOutputAllocator
    IProgressMonitor IProfiler Profiler Weights Dims Permutation PluginField PluginFieldCollection
    IPluginV2 IPluginV3 IPluginV2DynamicExt IPluginV2IOExt IPluginCreator IPluginRegistry
    IIfConditional ILoop IShapeLayer IElementWiseLayer IHostMemory ITimingCache IConstantLayer
    Dims2 Dims3 Dims4 DimsHW IAttention INormalizationLayer IGpuAllocator
"""
for _name in _ENUMERATIONS.split():
    globals()[_name] = _enumeration(_name)
for _name in _CLASSES.split():
    globals()[_name] = type(_name, (), {"__module__": "tensorrt"})

DataType: Any
_TYPES = {
    "float32": "FLOAT",
    "float16": "HALF",
    "bfloat16": "BF16",
    "int8": "INT8",
    "int32": "INT32",
    "int64": "INT64",
    "bool": "BOOL",
    "uint8": "UINT8",
    "fp8": "FP8",
    "fp4": "FP4",
    "int4": "INT4",
}
for _name, _value in _TYPES.items():
    globals()[_name] = getattr(globals()["DataType"], _value)


class ILogger:
    """What builders log to."""

    Severity: Any = _enumeration("Severity")

    def __init__(self, *_: object) -> None:
        pass


Severity = ILogger.Severity


class Logger(ILogger):
    """A logger that is never written to."""

    INTERNAL_ERROR = ILogger.Severity.INTERNAL_ERROR
    ERROR = ILogger.Severity.ERROR
    WARNING = ILogger.Severity.WARNING
    INFO = ILogger.Severity.INFO
    VERBOSE = ILogger.Severity.VERBOSE


def _absent(name: str) -> Any:
    def refuse(self: object, *_: object, **__: object) -> None:
        raise NotImplementedError(f"{name} needs the real TensorRT")

    return type(name, (), {"__init__": refuse})


for _name in ("Builder", "Runtime", "Refitter", "OnnxParser"):
    globals()[_name] = _absent(_name)


def volume(shape: Any) -> int:
    """Return the product of a shape."""
    total = 1
    for length in shape:
        total *= length
    return total


def init_libnvinfer_plugins(*_: object) -> bool:
    """Say that there are plugins."""
    return True


def get_plugin_registry() -> Any:
    """Refuse: there is none."""
    raise NotImplementedError("the plugin registry needs the real TensorRT")


def nptype(kind: Any) -> Any:
    """Return numpy's type of a TensorRT type."""
    import numpy as np

    names = {"FLOAT": "float32", "HALF": "float16", "BOOL": "bool_"}
    return getattr(np, names.get(kind.name, kind.name.lower()))


# The real package names its compiled part ``tensorrt.tensorrt``.
tensorrt = types.ModuleType("tensorrt.tensorrt")
for _name, _value in list(globals().items()):
    if not _name.startswith("__"):
        setattr(tensorrt, _name, _value)
sys.modules["tensorrt.tensorrt"] = tensorrt
