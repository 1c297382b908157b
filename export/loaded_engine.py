"""A compiled network that is no file of a bundle yet, as an engine: to be judged before it is kept.

Shape letters: n frames submitted, N frames of a batch, H, W height and width of the input.
"""

from typing import TYPE_CHECKING

import numpy as np

from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineInfo, Extras
from losszero_rt.engine.eager_engine import DoneTicket
from losszero_rt.engine.protocol import check_class
from losszero_rt.timings import now_s

if TYPE_CHECKING:
    import torch


class LoadedEngine:
    """Runs a compiled network as it was loaded: no slots, no graphs, one batch at a time.

    Args:
        network: From uint8 (N, H, W, 3) to int labels, and maps of all classes, before their ReLU,
            where it has them.
        bundle: What it was compiled of.
        batch: N.
        precision: Arithmetic that was found in it.
        device: Where it lies.
    """

    def __init__(
        self,
        network: "torch.nn.Module",
        *,
        bundle: Bundle,
        batch: int,
        precision: str,
        device: "torch.device",
    ) -> None:
        self._network = network
        self._device = device
        self._classmap = bundle.classmap
        self._watched: int | None = None
        self.info = EngineInfo(
            name="tensorrt",
            device=str(device),
            precision=precision,
            precision_asked="auto",
            input_size=bundle.input_spec.size,
            labels_size=bundle.labels_size,
            batch=batch,
            threads=0,
            version="",
        )

    def submit(self, inputs_NHWC: np.ndarray) -> DoneTicket:
        """Run one batch to its end; a short one is padded."""
        import torch

        num, start_s = len(inputs_NHWC), now_s()
        padded_NHWC = np.zeros((self.info.batch, *inputs_NHWC.shape[1:]), np.uint8)
        padded_NHWC[:num] = inputs_NHWC
        with torch.inference_mode():
            found = self._network(torch.from_numpy(padded_NHWC).to(self._device))
        labels_NHW, *maps = found if isinstance(found, tuple | list) else (found,)
        extras = Extras()
        if self._watched is not None:
            cams_Nhw = maps[0][:num, self._watched].float().relu().cpu().numpy()
            extras = Extras(cams_NHW=cams_Nhw)
        labels = labels_NHW[:num].to(torch.uint8).cpu().numpy()
        return DoneTicket(labels, infer_ms=(now_s() - start_s) * 1e3, extras=extras)

    def watch(self, class_id: int | None) -> None:
        """Give the maps of a class from now on."""
        if class_id is not None:
            check_class(class_id, classmap=self._classmap)
        self._watched = class_id

    def close(self) -> None:
        """Nothing to release: the network is the caller's."""
