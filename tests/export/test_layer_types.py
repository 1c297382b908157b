import pytest

from export.layer_types import precision_of
from losszero_rt.errors import ModelError


def layer(kind: str, *types: str, field: str = "DataType") -> dict[str, object]:
    # As TensorRT 11 writes it: the layout has a field of its own, and may name another type.
    tensors = [
        {"Name": name, field: type_, "Format": "Row major linear INT8 format"}
        for name, type_ in zip("abc", types, strict=False)
    ]
    return {"LayerType": kind, "Inputs": tensors[:1], "Outputs": tensors[1:]}


def test_an_engine_of_half_layers_with_a_uint8_input_is_fp16() -> None:
    layers = [layer("Reformat", "UInt8", "Half"), *[layer("Convolution", "Half", "Half")] * 20]
    assert precision_of(layers) == ("fp16", 1.0)


def test_one_convolution_in_float_is_not_fp16() -> None:
    layers = [*[layer("Convolution", "Half", "Half")] * 40, layer("Convolution", "Float", "Half")]
    precision, share = precision_of(layers)
    assert precision == "mixed"
    assert share > 0.98


def test_an_engine_asked_for_half_but_built_in_float_is_told() -> None:
    assert precision_of([layer("Convolution", "Float", "Float")] * 3) == ("fp32", 0.0)


def test_older_spellings_of_types_are_understood() -> None:
    field = "Format/Datatype"
    layers = [layer("Convolution", "Row major linear FP16 format", "FP16", field=field)]
    assert precision_of(layers) == ("fp16", 1.0)


def test_an_engine_that_says_nothing_of_its_types_is_refused() -> None:
    with pytest.raises(ModelError, match="nothing of the types"):
        precision_of(["conv1 + relu", "conv2"])


@pytest.mark.parametrize(
    "kind",
    [
        "CaskConvolution",
        "CaskConvActPool",
        "CaskGemmMatrixMultiply",
        "gemm",
        "GEMM v2",
        "fused_mha",
    ],
)
def test_names_of_libraries_around_a_heavy_layer_hide_nothing(kind: str) -> None:
    layers = [*[layer("Reformat", "Half", "Half")] * 40, layer(kind, "Float", "Half")]
    assert precision_of(layers)[0] == "mixed"


@pytest.mark.parametrize(("spelt", "name"), [("Row major Int8 format", "int8"), ("FP8", "fp8")])
def test_engines_of_eight_bits_may_begin_and_end_in_half(spelt: str, name: str) -> None:
    layers = [
        layer("Reformat", "UInt8", "Half"),
        layer("CaskConvolution", "Half", spelt),
        *[layer("CaskConvolution", spelt, spelt)] * 8,
        layer("CaskConvolution", "Half", "Half"),
    ]
    assert precision_of(layers) == (name, 1.0)


def test_an_engine_of_eight_bits_in_name_only_is_told() -> None:
    layers = [
        layer("CaskConvolution", "Int8", "Half"),
        *[layer("CaskConvolution", "Half", "Half")] * 8,
    ]
    assert precision_of(layers)[0] == "mixed"
    floats = [layer("CaskConvolution", "Int8", "Int8")] * 8
    assert precision_of([*floats, layer("CaskConvolution", "Float", "Float")])[0] == "mixed"


def test_layers_of_names_that_are_not_known_are_half_without_exception() -> None:
    layers = [layer("kgen", "Half", "Half")] * 40
    assert precision_of(layers)[0] == "fp16"
    assert precision_of([*layers, layer("kgen", "Float", "Half")])[0] == "mixed"


def test_a_layout_is_no_type() -> None:
    layers = [{"LayerType": "Convolution", "Inputs": [{"Format": "Row major linear FP16 format"}]}]
    with pytest.raises(ModelError, match="nothing of the types"):
        precision_of(layers)
