"""Whether what runs is proved to be the network that was trained, in the arithmetic that it has."""

from collections.abc import Callable

from losszero_rt.engine.model import Model
from losszero_rt.engine.opening import open_engine
from losszero_rt.engine.protocol import Engine, EngineInfo, EngineOptions
from losszero_rt.errors import ModelError

# The network in torch is what every compiled graph is compared with; in fp32, and no other way.
_REFERENCE = "fp32"


def is_proved(model: Model, info: EngineInfo) -> bool:
    """Say whether the model is verified, and so is this engine in its arithmetic.

    A compiled engine of a verified bundle runs in nothing that was not proved, int8 graphs neither
    in what they leave in floats: see :mod:`losszero_rt.engine.openvino_graphs`.
    A TensorRT engine that was built on this machine was compared with the network when it was
    built; that it was not on labelled pictures is told by ``info.proof``.
    """
    return model.is_verified and (info.name != "eager" or info.precision == _REFERENCE)


def open_proved(
    model: Model,
    *,
    name: str,
    options: EngineOptions,
    say: Callable[[str], None],
    allow_unverified: bool,
) -> Engine:
    """Open an engine as :func:`open_engine` does, if it is proved in its arithmetic.

    Args:
        model: What to run.
        name: See :func:`open_engine`, like ``options`` and ``say``.
        options: What was asked for.
        say: Hears what a person should know.
        allow_unverified: Accept one that nobody compared with the network.

    Raises:
        ModelError: If it is not proved, or cannot be opened.
        UsageError: If there is no engine of that name.
    """
    engine = open_engine(model, name=name, options=options, say=say)
    info = engine.info
    if allow_unverified or is_proved(model, info):
        return engine
    engine.close()
    raise ModelError(
        f"{info.name} in {info.precision} is unverified: nobody compared {model.path} in that "
        "arithmetic with its network",
        accepted=f"the eager engine in {_REFERENCE}, and compiled engines as they were proved",
        remedy="leave --precision away, or pass --allow-unverified",
    )
