"""A network definition that records: the real converters add their layers to it.

It checks what torch_tensorrt asks for. What the real builder would refuse beyond the rules that
its headers state, it cannot know: passing is necessary, not sufficient.
"""

from typing import Any

import numpy as np
import tensorrt as trt

from tests.export.trt_plan.recorded import BATCHES, Layer, Tensor, Weights, summary
from tests.export.trt_plan.rules import TypeRuleError


class Network(trt.INetworkDefinition):  # type: ignore[misc]
    """Takes the calls that build a network."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []

    def get_flag(self, _: Any) -> bool:
        """Say yes: the network is strongly typed."""
        return True

    @property
    def num_layers(self) -> int:
        """Layers so far."""
        return len(self.layers)

    @property
    def num_inputs(self) -> int:
        """Inputs so far."""
        return len(self.inputs)

    def get_input(self, index: int) -> Tensor:
        """Return an input."""
        return self.inputs[index]

    def get_layer(self, index: int) -> Layer:
        """Return a layer."""
        return self.layers[index]

    def add_input(self, name: str, dtype: Any, shape: Any) -> Tensor:
        """Add an input; -1 stands for the batch."""
        sizes = tuple(tuple(batch if n == -1 else n for n in shape) for batch in BATCHES)
        tensor = Layer(self, "input_", [], dtype=dtype, sizes=sizes).get_output(0)
        tensor.name = name
        self.inputs.append(tensor)
        return tensor

    def mark_output(self, tensor: Tensor) -> None:
        """Mark an output."""
        if tensor.dtype is trt.DataType.UINT8 and tensor.layer.kind != "cast":
            raise TypeRuleError("a UINT8 output must come from a cast")
        self.outputs.append(tensor)

    def add_constant(self, shape: Any, weights: Any) -> Layer:
        """Add a constant."""
        kept = weights if isinstance(weights, Weights) else Weights(np.asarray(weights))
        return Layer(self, "constant", [], size=tuple(shape), weights=kept)

    def add_convolution_nd(
        self, input: Tensor, num_output_maps: int, kernel_shape: Any, kernel: Any, bias: Any = None
    ) -> Layer:
        """Add a convolution."""
        return self._kernel("convolution", input, num_output_maps, kernel_shape, kernel, bias)

    def add_deconvolution_nd(
        self, input: Tensor, num_output_maps: int, kernel_shape: Any, kernel: Any, bias: Any = None
    ) -> Layer:
        """Add a transposed convolution."""
        return self._kernel("deconvolution", input, num_output_maps, kernel_shape, kernel, bias)

    def _kernel(self, kind: str, source: Tensor, maps: int, sides: Any, *weights: Any) -> Layer:
        kernel, bias = weights
        return Layer(
            self, kind, [source], maps=maps, kernel_shape=tuple(sides), kernel=kernel, bias=bias
        )

    def add_pooling_nd(self, input: Tensor, type: Any, window_size: Any) -> Layer:
        """Add a pooling."""
        return Layer(self, "pooling", [input], op=type, kernel_shape=tuple(window_size))

    def add_activation(self, tensor: Tensor, op: Any = None, **named: Any) -> Layer:
        """Add an activation."""
        return Layer(self, "activation", [tensor], op=op or named.get("type"))

    def add_scale_nd(self, tensor: Tensor, *given: Any) -> Layer:
        """Add a scale by channel."""
        _, shift, scale, power, _ = given
        return Layer(self, "scale", [tensor], shift=shift, scale=scale, power=power)

    def add_normalization(self, tensor: Tensor, scale: Tensor, bias: Tensor, axes: int) -> Layer:
        """Add a normalisation."""
        return Layer(self, "normalization", [tensor, scale, bias], axes=axes)

    add_normalization_v2 = add_normalization

    def add_reduce(self, tensor: Tensor, op: Any, axes: int, keep_dims: bool) -> Layer:
        """Add a reduction."""
        return Layer(self, "reduce", [tensor], op=op, axes=axes, keep_dims=keep_dims)

    def add_slice(self, tensor: Tensor, start: Any, shape: Any, stride: Any) -> Layer:
        """Add a slice."""
        return Layer(self, "slice", [tensor], start=start, size=shape, stride=stride)

    def add_matrix_multiply(self, one: Tensor, op0: Any, other: Tensor, op1: Any) -> Layer:
        """Add a matrix product."""
        return Layer(self, "matrix_multiply", [one, other], op0=op0, op1=op1)

    def add_topk(self, tensor: Tensor, op: Any, k: int, axes: int, *_: Any) -> Layer:
        """Add a top k."""
        return Layer(self, "topk", [tensor], op=op, k=k, axes=axes)

    def add_gather(self, tensor: Tensor, indices: Tensor, axis: int) -> Layer:
        """Add a gather along an axis."""
        return Layer(self, "gather", [tensor, indices], axis=axis)

    def add_gather_v2(self, tensor: Tensor, indices: Tensor, mode: Any) -> Layer:
        """Add a gather of another mode."""
        return Layer(self, "gather", [tensor, indices], axis=0, mode=mode)

    def add_attention_v2(self, *given: Any) -> Layer:
        """Add a fused attention."""
        return Layer(self, "attention", list(given[:3]))

    def add_fill(self, shape: Any, op: Any, *kinds: Any) -> Layer:
        """Add a range."""
        return Layer(self, "fill", [], shape=shape, op=op, to=kinds[0] if kinds else None)

    def add_cast(self, tensor: Tensor, to: Any) -> Layer:
        """Add a cast."""
        return Layer(self, "cast", [tensor], to=to)

    def add_quantize(self, tensor: Tensor, scale: Tensor, to: Any) -> Layer:
        """Add a rounding to eight bits."""
        return Layer(self, "quantize", [tensor, scale], to=to)

    def add_dequantize(self, tensor: Tensor, scale: Tensor, output_type: Any) -> Layer:
        """Add the way back from eight bits."""
        return Layer(self, "dequantize", [tensor, scale], to=output_type)

    def add_unary(self, tensor: Tensor, op: Any) -> Layer:
        """Add an operation on one operand."""
        return Layer(self, "unary", [tensor], op=op)

    def add_elementwise(self, one: Tensor, other: Tensor, op: Any) -> Layer:
        """Add an operation on two operands."""
        return Layer(self, "elementwise", [one, other], op=op)

    def add_concatenation(self, inputs: Any) -> Layer:
        """Add a concatenation."""
        return Layer(self, "concatenation", list(inputs))

    def __getattr__(self, name: str) -> Any:
        """Layers whose inputs are tensors and nothing else."""
        kind = name.removeprefix("add_")
        if kind not in ("identity", "shape", "softmax", "select", "shuffle", "resize", "unsqueeze"):
            raise AttributeError(f"the recorder knows no {name}")
        return lambda *tensors: Layer(self, kind, list(tensors))


class Profile:
    """An optimisation profile: smallest, best and largest shape by input."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[tuple[int, ...], ...]] = {}

    def set_shape(self, name: str, *sizes: Any) -> None:
        """Set the three shapes of an input."""
        self.shapes[name] = tuple(tuple(size) for size in sizes)

    set_shape_input = set_shape


class Builder:
    """Makes recording networks."""

    def __init__(self, _: Any) -> None:
        pass

    def create_network(self, _: Any) -> Network:
        """Return an empty network."""
        return Network()

    def create_optimization_profile(self) -> Profile:
        """Return an empty profile."""
        return Profile()


def install() -> None:
    """Put the recording classes in place of the stub's."""
    for module in {getattr(trt, "_target_module", trt), trt}:
        for name, value in (("Builder", Builder), ("Weights", Weights), ("Dims", list)):
            setattr(module, name, value)
        module.Permutation = tuple


def record(part: Any, inputs: Any, settings: Any) -> dict[str, Any]:
    """Run the real interpreter over one partition; return layers, bindings and profiles."""
    from torch_tensorrt.dynamo.conversion._conversion import infer_module_output_dtypes
    from torch_tensorrt.dynamo.conversion._TRTInterpreter import TRTInterpreter

    interpreter = TRTInterpreter(
        part,
        inputs,
        output_dtypes=infer_module_output_dtypes(part),
        compilation_settings=settings,
    )
    interpreter._construct_trt_network_def()
    network = interpreter.ctx.net
    return {
        "num_layers": len(network.layers),
        "kinds": summary(network.layers),
        "inputs": [[t.dtype.name, list(t.shape)] for t in network.inputs],
        "outputs": [[t.dtype.name, list(t.shape)] for t in network.outputs],
        "profiles": [profile.shapes for profile in interpreter.optimization_profiles or []],
    }
