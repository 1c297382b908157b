"""What comes out of each kind of layer: type, shape and, where shapes depend on it, the value.

One function a kind, each from a reader to a list of (type, shape, value or None).
"""

from collections.abc import Callable
from typing import Any

import tensorrt as trt
import torch

from tests.export.trt_plan.reader import Reader
from tests.export.trt_plan.rules import TypeRuleError

_DT = trt.DataType
Results = list[tuple[Any, tuple[int, ...], torch.Tensor | None]]


def _same(reader: Reader) -> Results:
    return [(reader.kind, reader.size(), None)]


activation = softmax = scale = normalization = scatter = _same


def input_(reader: Reader) -> Results:
    """An input of the network."""
    return [(reader.options["dtype"], reader.options["sizes"][reader.mark], None)]


def constant(reader: Reader) -> Results:
    """A constant."""
    weights, size = reader.options["weights"], tuple(reader.options["size"])
    value = weights.value
    fits = value is not None and value.numel() == torch.Size(size).numel()
    return [(weights.dtype, size, value.reshape(size) if fits else None)]


def quantize(reader: Reader) -> Results:
    """A rounding to eight bits, or the way back."""
    return [(reader.options["to"], reader.size(), None)]


dequantize = quantize


def cast(reader: Reader) -> Results:
    """A change of type."""
    from tests.export.trt_plan.recorded import KINDS

    kind, value = reader.options["to"], reader.value()
    return [(kind, reader.size(), None if value is None else value.to(KINDS[kind]))]


def identity(reader: Reader) -> Results:
    """Nothing."""
    return [(reader.kind, reader.size(), reader.value())]


def shape(reader: Reader) -> Results:
    """A shape as a value."""
    size = torch.tensor(reader.size(), dtype=torch.int64)
    return [(_DT.INT64, tuple(size.shape), size)]


def unary(reader: Reader) -> Results:
    """One operand."""
    functions: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "NEG": torch.neg,
        "NOT": torch.logical_not,
        "ABS": torch.abs,
        "SQRT": torch.sqrt,
        "FLOOR": torch.floor,
        "CEIL": torch.ceil,
    }
    value, function = reader.value(), functions.get(reader.options["op"].name)
    known = value is not None and function is not None
    return [(reader.kind, reader.size(), function(value) if known else None)]  # type: ignore[misc, arg-type]


_PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "SUM": lambda a, b: a + b,
    "PROD": lambda a, b: a * b,
    "SUB": lambda a, b: a - b,
    "DIV": lambda a, b: a / b if a.is_floating_point() else a // b,
    "FLOOR_DIV": lambda a, b: a // b,
    "MAX": torch.maximum,
    "MIN": torch.minimum,
    "POW": lambda a, b: a**b,
    "EQUAL": lambda a, b: a == b,
    "GREATER": lambda a, b: a > b,
    "LESS": lambda a, b: a < b,
    "AND": lambda a, b: a & b,
    "OR": lambda a, b: a | b,
    "XOR": lambda a, b: a ^ b,
}
_TRUTHS = ("EQUAL", "GREATER", "LESS", "AND", "OR", "XOR")


def _joint(*sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(torch.broadcast_shapes(*sizes))  # type: ignore[no-untyped-call]


def elementwise(reader: Reader) -> Results:
    """Two operands of one rank."""
    if len(reader.size(0)) != len(reader.size(1)):
        raise TypeRuleError(f"elementwise ranks {reader.size(0)} and {reader.size(1)}")
    name = reader.options["op"].name
    size = _joint(reader.size(0), reader.size(1))
    one, other = reader.value(0), reader.value(1)
    value = _PAIRS[name](one, other) if one is not None and other is not None else None
    return [(_DT.BOOL if name in _TRUTHS else reader.kind, size, value)]


def select(reader: Reader) -> Results:
    """One of two by a third."""
    size = _joint(*(reader.size(index) for index in range(3)))
    values = [value for value in map(reader.value, range(3)) if value is not None]
    value = torch.where(values[0], values[1], values[2]) if len(values) == 3 else None
    return [(reader.layer.inputs[1].dtype, size, value)]


def _window(reader: Reader, sides: list[int]) -> tuple[list[tuple[int, ...]], int]:
    """Stride, dilation, padding before and after, as converters set them."""
    num = len(sides)
    options = reader.options
    around = options.get("padding_nd") or (0,) * num
    return [
        tuple(options.get("stride_nd") or (1,) * num),
        tuple(options.get("dilation_nd") or (1,) * num),
        tuple(options.get("pre_padding") or around),
        tuple(options.get("post_padding") or around),
    ], num


def convolution(reader: Reader) -> Results:
    """A convolution."""
    sides = list(reader.options["kernel_shape"])
    (stride, dilation, before, after), num = _window(reader, sides)
    size = reader.size()
    spatial = tuple(
        (size[2 + i] + before[i] + after[i] - dilation[i] * (sides[i] - 1) - 1) // stride[i] + 1
        for i in range(num)
    )
    return [(reader.kind, (size[0], reader.options["maps"], *spatial), None)]


def deconvolution(reader: Reader) -> Results:
    """A transposed convolution."""
    sides = list(reader.options["kernel_shape"])
    (stride, dilation, before, after), num = _window(reader, sides)
    size = reader.size()
    spatial = tuple(
        (size[2 + i] - 1) * stride[i] + dilation[i] * (sides[i] - 1) + 1 - before[i] - after[i]
        for i in range(num)
    )
    return [(reader.kind, (size[0], reader.options["maps"], *spatial), None)]


def pooling(reader: Reader) -> Results:
    """A pooling."""
    sides = list(reader.options["kernel_shape"])
    (stride, _, before, after), num = _window(reader, sides)
    size, up = reader.size(), "UP" in str(reader.options.get("padding_mode"))
    lengths = [size[2 + i] + before[i] + after[i] - sides[i] for i in range(num)]
    steps = [-(-n // s) if up else n // s for n, s in zip(lengths, stride, strict=True)]
    return [(reader.kind, (*size[:2], *(step + 1 for step in steps)), None)]


def reduce(reader: Reader) -> Results:
    """A sum, mean or product over axes."""
    size, keep = reader.size(), reader.options["keep_dims"]
    axes = [i for i in range(len(size)) if reader.options["axes"] >> i & 1]
    value = reader.value()
    function = {"PROD": torch.prod, "SUM": torch.sum}.get(reader.options["op"].name)
    if value is not None and function is not None and len(axes) == 1:
        value = function(value, axes[0], keepdim=keep).to(value.dtype)
    else:
        value = None
    left = tuple(1 if i in axes else n for i, n in enumerate(size) if keep or i not in axes)
    return [(reader.kind, left, value)]


def shuffle(reader: Reader) -> Results:
    """A transpose, a reshape and another transpose."""
    tensor = reader.value()
    known = tensor is not None
    tensor = reader.meta() if tensor is None else tensor
    if first := reader.options.get("first_transpose"):
        tensor = tensor.permute(*first)
    if reader.has(1) or reader.options.get("reshape_dims") is not None:
        wanted = reader.numbers(1, "reshape_dims")
        if reader.options.get("zero_is_placeholder") is not False:
            wanted = [tensor.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
        if wanted.count(-1) > 1:
            raise TypeRuleError(f"shuffle '{reader.layer.name}': two -1 in {wanted}")
        tensor = tensor.reshape(wanted)
    if second := reader.options.get("second_transpose"):
        tensor = tensor.permute(*second)
    return [(reader.kind, tuple(tensor.shape), tensor if known else None)]


def slice(reader: Reader) -> Results:
    """A strided part."""
    start, sizes = reader.numbers(1, "start"), reader.numbers(2, "size")
    stride, value = reader.numbers(3, "stride"), reader.value()
    if value is not None and value.dim() == 1:
        value = value[[start[0] + stride[0] * i for i in range(sizes[0])]]
    else:
        value = None
    return [(reader.kind, tuple(sizes), value)]


def concatenation(reader: Reader) -> Results:
    """Tensors one behind the other."""
    axis = reader.options.get("axis") or 0
    values = [reader.value(i) for i in range(reader.num_inputs)]
    joined = torch.cat([reader.meta(i) for i in range(reader.num_inputs)], axis)
    known = [value for value in values if value is not None]
    value = torch.cat(known, axis) if len(known) == len(values) else None
    return [(reader.kind, tuple(joined.shape), value)]


def resize(reader: Reader) -> Results:
    """An interpolation."""
    size = reader.size()
    if reader.has(1) or reader.options.get("shape"):
        wanted = reader.numbers(1, "shape")
        return [(reader.kind, tuple(size[i] if n == -1 else n for i, n in enumerate(wanted)), None)]
    scales = reader.options["scales"]
    grown = tuple(int(n * factor) for n, factor in zip(size, scales, strict=True))
    return [(reader.kind, grown, None)]


def matrix_multiply(reader: Reader) -> Results:
    """A matrix product."""
    sides = []
    for index in (0, 1):
        side, operation = reader.meta(index), str(reader.options[f"op{index}"])
        sides.append(side.mT if "TRANSPOSE" in operation else side)
    vectors = any("VECTOR" in str(reader.options[f"op{index}"]) for index in (0, 1))
    if sides[0].dim() != sides[1].dim() and not vectors:
        raise TypeRuleError(f"matrix product of ranks {sides[0].dim()} and {sides[1].dim()}")
    return [(reader.kind, tuple((sides[0] @ sides[1]).shape), None)]


def topk(reader: Reader) -> Results:
    """The largest values and their indices."""
    size = list(reader.size())
    axis = next(i for i in range(len(size)) if reader.options["axes"] >> i & 1)
    size[axis] = reader.numbers(1, "k")[0] if reader.has(1) else reader.options["k"]
    return [(reader.kind, tuple(size), None), (_DT.INT32, tuple(size), None)]


def gather(reader: Reader) -> Results:
    """Values at indices."""
    size, indices = reader.size(0), reader.size(1)
    if str(reader.options.get("mode", "")).endswith(("ND", "ELEMENT")):
        return [(reader.kind, indices, None)]
    axis = reader.options["axis"] % len(size)
    value, places = reader.value(0), reader.value(1)
    known = value is not None and places is not None and value.dim() == 1
    picked = value[places.long()] if known else None  # type: ignore[index, union-attr]
    return [(reader.kind, (*size[:axis], *indices, *size[axis + 1 :]), picked)]


def attention(reader: Reader) -> Results:
    """A fused attention."""
    kinds = {reader.layer.inputs[index].dtype for index in range(3)}
    if len(kinds) > 1:
        raise TypeRuleError(f"attention of {kinds}")
    return [(reader.kind, (*reader.size(0)[:-1], reader.size(2)[-1]), None)]


def unsqueeze(reader: Reader) -> Results:
    """New axes of length one."""
    size, value = list(reader.size()), reader.value()
    for axis in sorted(reader.numbers(1, "axes")):
        size.insert(axis, 1)
    return [(reader.kind, tuple(size), None if value is None else value.reshape(size))]


def fill(reader: Reader) -> Results:
    """A range."""
    from tests.export.trt_plan.recorded import KINDS

    size = tuple(reader.numbers(0, "shape"))
    kind, value = reader.options.get("to") or _DT.FLOAT, None
    if reader.options["op"].name == "LINSPACE" and len(size) == 1:
        first = reader.value(1) if reader.has(1) else torch.tensor(reader.options.get("alpha") or 0)
        step = reader.value(2) if reader.has(2) else torch.tensor(reader.options.get("beta") or 1)
        if first is not None and step is not None:
            value = (first.reshape(()) + step.reshape(()) * torch.arange(size[0])).to(KINDS[kind])
    return [(kind, size, value)]
