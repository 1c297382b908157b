"""From a specification to a network."""

from losszero_rt.network.smp_networks import (
    Architecture,
    NetworkSpec,
    build_network,
    upsample_logits,
)

__all__ = ["Architecture", "NetworkSpec", "build_network", "upsample_logits"]
