"""Published encoder weights from the hub, without the half minute that it retries when offline.

huggingface_hub tries each file six times with growing pauses, and timm asks for two files: an
unreachable hub shows after 20 to 50 seconds, on a network that drops packets after minutes. So
the cache is asked first, then the hub for a sign of life, and only then for the file.
"""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec

REACH_TIMEOUT_S = 4.0


def fetch_published(spec: NetworkSpec, *, alternatives: str) -> dict[str, torch.Tensor]:
    """Return the ImageNet tensors of an encoder from the cache or the hub.

    Args:
        spec: Names the encoder.
        alternatives: What else may be chosen, for the message.

    Raises:
        ModelError: If they are neither cached nor to be had within a few seconds, or nobody
            publishes any.
    """
    from losszero_rt.network.smp_networks import published_encoder

    if spec.architecture == "sam":
        raise ModelError(
            "imagenet weights for the encoder of sam, which was trained on SA-1B",
            accepted="the file sam_vit_b_01ec64.pth (or _l_, _h_) of Segment Anything, or timm's "
            "samvit_..._patch16.sa1b as safetensors",
            remedy="give the path of the file as encoder weights, or none",
        )
    try:
        with _offline():
            return published_encoder(spec.encoder)
    except Exception:
        _reach(spec, alternatives=alternatives)
    try:
        return published_encoder(spec.encoder)
    # What goes wrong at the hub is raised as anything from KeyError to httpx errors.
    except Exception as error:
        raise ModelError(
            f"the hub gave no imagenet weights for {spec.encoder}: {error}", accepted=alternatives
        ) from error


@contextmanager
def _offline() -> Iterator[None]:
    """Let huggingface_hub answer from its cache only, and bound what timm fetches without it."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()
    constants.HF_HUB_OFFLINE = True
    socket.setdefaulttimeout(REACH_TIMEOUT_S)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before[0]
        socket.setdefaulttimeout(before[1])


def _reach(spec: NetworkSpec, *, alternatives: str) -> None:
    """Ask the hub for a sign of life, through whatever proxy is set."""
    from huggingface_hub import constants

    why = "offline mode is set by HF_HUB_OFFLINE"
    if not constants.HF_HUB_OFFLINE:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=REACH_TIMEOUT_S).close()
        except urllib.error.HTTPError:
            return  # An error page is a sign of life.
        except (OSError, ValueError) as error:
            why = str(getattr(error, "reason", error))
        else:
            return
    raise ModelError(
        f"imagenet weights for {spec.encoder} are not cached and the hub "
        f"{constants.ENDPOINT} cannot be reached: {why}",
        accepted=alternatives,
    )
