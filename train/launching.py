"""From a configuration to a training before its first step: processes, network, optimiser."""

from collections.abc import Mapping
from os import environ
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from losszero_rt.checkpoint import load_weights
from losszero_rt.errors import UsageError
from losszero_rt.network import build_network
from train.config import TrainConfig
from train.encoder_weights import load_encoder_weights
from train.learner import Learner
from train.session import Session
from train.state import Progress

Accelerator = Literal["auto", "cpu", "cuda", "mps"]
_FORMATS: Mapping[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
_WITH_UNUSED = ("pspnet", "dpt")  # part of whose encoder never gets a gradient


def open_session(
    config: TrainConfig,
    start_from: Mapping[str, torch.Tensor] | None = None,
    *,
    accelerator: Accelerator = "auto",
    devices: int = 1,
) -> Session:
    """Return a training before its first step; see :func:`train.loop.train`.

    With several devices the first process starts the others, by running this program again,
    unless torchrun has started them all.
    """
    fabric = _fabric(config, accelerator, devices)
    fabric.launch()
    smallest = min(phase.batch_size for phase in config.phases)
    if smallest < config.accumulate * fabric.world_size:
        raise UsageError(
            f"batches of {smallest} for {config.accumulate} micro-batches in "
            f"{fabric.world_size} processes",
            accepted="a picture or more in each",
        )
    torch.manual_seed(config.seed)
    network = _first_network(config, start_from)
    if config.sync_norms and fabric.world_size > 1:
        network = with_synced_norms(network, device=fabric.device)
    learner = Learner.of(network, config=config)
    learner.average.to(fabric.device)
    trained, optimiser = fabric.setup(network, learner.optimiser)
    session = Session(
        config=config,
        fabric=fabric,
        learner=learner,
        trained=trained,
        optimiser=optimiser,
        progress=Progress(accumulate=config.accumulate),
    )
    if session.learns_objects:
        trained.mark_forward_method("losses")
    return session


def _fabric(config: TrainConfig, accelerator: Accelerator, devices: int) -> Fabric:
    nodes = 1
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        devices = int(environ["LOCAL_WORLD_SIZE"])
        nodes = int(environ["WORLD_SIZE"]) // devices
    # Statistics are shared after each step, and not by overwriting all with the first's.
    many: Any = "auto"
    if devices * nodes > 1:
        unused = config.network.architecture in _WITH_UNUSED
        many = DDPStrategy(broadcast_buffers=False, find_unused_parameters=unused)
    try:
        fabric = Fabric(
            accelerator=accelerator,
            strategy=many,
            devices=devices,
            num_nodes=nodes,
            precision=_FORMATS[config.precision],
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        raise UsageError(
            f"{devices} devices ({accelerator}): {error}", remedy="pass --devices or --accelerator"
        ) from error
    if config.precision == "fp16" and fabric.device.type == "cpu":
        raise UsageError("precision fp16 on a CPU", accepted="fp32, bf16")
    return fabric


def _first_network(config: TrainConfig, start_from: Mapping[str, torch.Tensor] | None) -> nn.Module:
    network = build_network(config.network)
    if start_from is not None:
        load_weights(network, weights=start_from, name="the checkpoint to start from")
    else:
        load_encoder_weights(network, source=config.encoder_weights, spec=config.network)
    # Channels last is the fast layout of convolutions, on a CPU above all of depthwise ones.
    return network.to(memory_format=torch.channels_last)


def with_synced_norms(network: nn.Module, *, device: torch.device) -> nn.Module:
    """Return a network whose batch norms take their statistics over all processes together.

    Without it each process norms by its own pictures, as micro-batches do, and only the running
    statistics are shared: with two pictures or more a device that is as good, and faster.

    Args:
        network: Its parameters go over to the one that is returned, under the same names.
        device: Where it will be trained.

    Raises:
        UsageError: On a CPU, where torch has no such norm.
    """
    if device.type == "cpu":
        raise UsageError(
            "batch norms over several CPU processes",
            accepted="--sync-norms with --accelerator cuda",
            remedy="leave --sync-norms away: running statistics are shared in any case",
        )
    # Torch's own conversion would lose the activations that timm keeps in its norms.
    from timm.layers import norm_act

    convert: Any = norm_act.convert_sync_batchnorm
    synced: nn.Module = convert(network)
    return synced
