"""What a manifest says of the model itself, and how that is told from what was measured.

A parity record proves graphs together with these fields: with other classes, another input or
another normalisation the very same files would say something else. So every record holds a copy.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec

# Encoders halve their maps five times; other sides would have to be padded inside.
SIDE_STEP = 32
# A UHD frame fits. Sixteen times as many values lie between a network's layers.
PIXELS_MAX = 1 << 23
_ABSENT = "nothing"


def model_fields(
    *,
    network: NetworkSpec,
    input_spec: InputSpec,
    classes: ClassMap,
    labels_size: tuple[int, int],
    cams_size: tuple[int, int] | None,
) -> dict[str, Any]:
    """Return network, input, classes and output sizes as plain values, as JSON gives them back."""
    return {
        "network": network.as_dict(),
        "input": {
            "size": list(input_spec.size),
            "mean": list(input_spec.mean),
            "std": list(input_spec.std),
            "channels": input_spec.channels,
        },
        "labels_size": list(labels_size),
        **({} if cams_size is None else {"cams_size": list(cams_size)}),
        "classes": {
            "names": list(classes.names),
            "colours": [list(colour) for colour in classes.colours],
            "background_id": classes.background_id,
            "ignored_id": classes.ignored_id,
        },
    }


def read_input(fields: Mapping[str, Any]) -> InputSpec:
    """Return what :func:`model_fields` wrote under ``input``.

    Raises:
        ModelError, KeyError, TypeError, ValueError: If a field is absent, unknown or impossible.
    """
    plain = dict(fields)
    size = read_size(plain.pop("size"))
    if any(side < SIDE_STEP or side % SIDE_STEP for side in size) or size[0] * size[1] > PIXELS_MAX:
        raise ModelError(
            f"an input of {size[0]}x{size[1]} pixels",
            accepted=f"height and width in multiples of {SIDE_STEP}, at most {PIXELS_MAX} pixels",
        )
    return InputSpec(
        size=size, mean=_triple(plain.pop("mean")), std=_triple(plain.pop("std")), **plain
    )


def read_classes(fields: Mapping[str, Any]) -> ClassMap:
    """Return what :func:`model_fields` wrote under ``classes``; see :func:`read_input`."""
    plain = dict(fields)
    return ClassMap(
        names=tuple(plain.pop("names")),
        colours=tuple(tuple(colour) for colour in plain.pop("colours")),
        **plain,
    )


def read_size(values: Any) -> tuple[int, int]:
    """Return (height, width).

    Raises:
        ValueError: If it is anything but two whole numbers.
    """
    if not isinstance(values, list) or [type(value) for value in values] != [int, int]:
        raise ValueError(f"{values!r} is no [height, width]")
    return values[0], values[1]


def check_output_size(
    size: tuple[int, int] | None, *, what: str, input_size: tuple[int, int]
) -> None:
    """Check that a map that a graph returns is no larger than what the graph is shown.

    Raises:
        ModelError: If it is.
    """
    if size and not all(1 <= side <= most for side, most in zip(size, input_size, strict=True)):
        raise ModelError(
            f"{what} of {size[0]}x{size[1]} for an input of {input_size[0]}x{input_size[1]}",
            accepted="1x1 up to the size of the input",
        )


def differences(found: Any, *, measured: Any, name: str = "") -> Iterator[str]:
    """Yield each field of a manifest that is not as it was when its model was measured.

    Args:
        found: Fields of the manifest.
        measured: The same fields as the parity record holds them; may be anything at all.
        name: What both are.
    """
    if isinstance(found, Mapping) and isinstance(measured, Mapping):
        for key in sorted({*found, *map(str, measured)}):
            yield from differences(
                found.get(key, _ABSENT),
                measured=measured.get(key, _ABSENT),
                name=f"{name}.{key}" if name else key,
            )
    elif found != measured:
        yield f"{name or 'the model'} is {found!s:.120}, measured with {measured!s:.120}"


def _triple(values: Any) -> tuple[float, float, float]:
    if len(values) != 3 or any(type(value) not in (int, float) for value in values):
        raise ValueError(f"{values!r} is no three numbers, of red, green and blue")
    red, green, blue = values
    return red, green, blue
