"""The TensorRT engine: an NVIDIA GPU, the graph that export compiled for this very machine.

An overflow in the network shows in the maps beside the labels, or between the parts of a network
that finds objects, and ends the run; export has looked for it before, in a twin that gives logits.

Shape letters: N frames of a batch, H, W height and width of the input, h, w of the labels.
"""

import io
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from losszero_rt.bundle import Bundle
from losszero_rt.engine.cuda_slots import CudaSlots, labels_and_maps
from losszero_rt.engine.engine_files import (
    NONE_HERE,
    EngineFile,
    Gpu,
    choose_file,
    engine_files,
    rebuild_command,
    smaller_batch,
)
from losszero_rt.engine.engine_trust import settle_trust
from losszero_rt.engine.gpu_health import EAGER_REMEDY, Health, first_error, first_line, opening
from losszero_rt.engine.nvidia_driver import driver_version
from losszero_rt.engine.overflowing import FailedTicket
from losszero_rt.engine.protocol import EngineInfo, EngineOptions, Ticket, check_class
from losszero_rt.engine.slot import Slot
from losszero_rt.engine.tensorrt_objects import (
    COMPILED,
    Replay,
    check_heads,
    objects_around,
)
from losszero_rt.engine.tensorrt_ticket import TensorRtTicket
from losszero_rt.engine.torch_facts import find_device, import_torch
from losszero_rt.errors import LossZeroError, ModelError, NotFiniteError
from losszero_rt.frame import Planes

if TYPE_CHECKING:
    import torch

    from losszero_rt.engine.engine_program import EngineProgram

# One frame is copied in, one computed and one copied out at the same time.
NUM_SLOTS_MIN = 3
# The operator that runs an engine, as the graph of a loaded program spells it.
EXECUTE = "tensorrt.execute_engine.default"
_INSTALL = "pip install -e '.[tensorrt]' in the checkout"


class TensorRtEngine:
    """Runs a TensorRT engine of a bundle, or of the user's cache.

    Args:
        bundle: What to run.
        options: ``device`` ``auto`` is the first GPU; ``num_requests`` is the number of slots.

    Attributes:
        objects: What runs around the parts of a network that finds objects; None of any other.

    Raises:
        ModelError: If no engine fits this GPU, these versions, the precision or the batch, or
            nobody vouches for it.
        GpuMemoryError: If the GPU has no room for it.
    """

    def __init__(self, bundle: Bundle, *, options: EngineOptions) -> None:
        files = engine_files(bundle)
        if not files:
            raise ModelError(
                NONE_HERE,
                accepted="bundles exported with --engine tensorrt on this machine",
                remedy=f"{rebuild_command(options.batch)}, --engine openvino on any CPU",
            )
        device = find_gpu(options.device)
        library = import_tensorrt()
        gpu = gpu_facts(device)
        file = choose_file(files, gpu=gpu, options=options)
        trusted_by = settle_trust(file.sha256, name=file.name, trust_engine=options.trust_engine)
        check_heads(bundle, gpu=gpu, precision=file.precision, options=options)
        self._bundle = bundle
        self._library = library
        self._health = Health()
        # Those that replay them hold no engine of their own, so that closing releases them.
        self._modules: dict[str, torch.nn.Module] = {}
        with opening(file, smaller=smaller_batch(files, gpu=gpu, than=file.batch)):
            replay_of = partial(self._replay_of, device=device)
            trunk = replay_of(file)
            self.objects = objects_around(
                bundle, trunk=trunk, file=file, replay_of=replay_of, device=device, options=options
            )
            self._slots = CudaSlots(
                self.objects or partial(labels_and_maps, trunk),
                device=device,
                batch=file.batch,
                spec=bundle.input_spec,
                labels_size=bundle.labels_size,
                cams_shape=file.cams_size and (bundle.classmap.num_classes, *file.cams_size),
                num_slots=max(NUM_SLOTS_MIN, options.num_requests),
            )
        self._cams_size = file.cams_size
        self._watched: int | None = None
        self._is_checked = options.check_logits
        self._info = EngineInfo(
            name="tensorrt",
            device=gpu.name,
            precision=file.precision,
            precision_asked=options.precision,
            input_size=bundle.input_spec.size,
            labels_size=bundle.labels_size,
            batch=file.batch,
            threads=0,
            version=", ".join(f"{name} {value}" for name, value in gpu.versions.items()),
            trusted_by=trusted_by,
            proof=file.proof,
            gives_objects=self.objects is not None and options.objects,
            compiled=COMPILED if self.objects is not None else "",
        )

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        return self._info

    def _replay_of(self, file: EngineFile, *, device: "torch.device") -> Replay:
        """Load an engine; return what runs it."""
        modules, runtime = self._modules, self._library.runtime
        program = modules[file.name] = load_engine(file.read(), device=device)

        def replay(given: "torch.Tensor") -> "Sequence[torch.Tensor]":
            # The switch for CUDA graphs is the process's, so it is held no longer than a call
            # takes; the graph itself stays with the engine and is replayed.
            with runtime.enable_cudagraphs(program.program) as replayed:
                found = program.through(replayed, given)
            return found if isinstance(found, tuple | list) else (found,)

        return replay

    def submit(self, inputs_NHWC: np.ndarray) -> Ticket:
        """Start one batch; see the protocol. Shape and dtype are the caller's promise."""
        send = partial(self._slots.send, inputs_NHWC, watched=self._watched)
        return self._started(send, num_frames=len(inputs_NHWC))

    def submit_planes(self, frames: Sequence[Planes]) -> Ticket:
        """Start one batch of frames, made inputs of on the GPU; see the protocol."""
        send = partial(self._slots.send_planes, frames, watched=self._watched)
        return self._started(send, num_frames=len(frames))

    def _started(self, send: Callable[[], Slot], *, num_frames: int) -> Ticket:
        self._check_free()
        try:
            with self._health.watching("at a submission"):
                slot = send()
        # Of a network in parts, which looks at what passes between them.
        except NotFiniteError as error:
            return FailedTicket(error)
        return TensorRtTicket(
            self._slots,
            slot,
            num_frames=num_frames,
            watched=self._watched is not None,
            health=self._health,
            precision=self._info.precision,
            is_checked=self._is_checked,
            objects=self.objects.take() if self.objects is not None else None,
        )

    def _check_free(self) -> None:
        if self._slots.is_full:
            raise ModelError(
                "the tensorrt engine has no free slot",
                accepted=f"at most {self._slots.num_slots} unread tickets on an open engine",
            )

    def watch(self, class_id: int | None) -> None:
        """Give the class activation map of a class from now on; see the protocol."""
        if class_id is not None:
            check_class(class_id, classmap=self._bundle.classmap)
            if self._cams_size is None:
                raise ModelError(
                    "this TensorRT engine gives no class activation maps",
                    accepted="engines built by this version, of networks with a linear head",
                    remedy="export the bundle again: python -m export, or --engine eager "
                    "--device cuda",
                )
        self._watched = class_id

    def close(self) -> None:
        """Wait for what is under way and release the device. May be called twice."""
        self._slots.close()
        self._modules.clear()


def why_not(bundle: Bundle, *, options: EngineOptions) -> str:
    """Say why a bundle cannot run here as asked; empty when it can. Never raises."""
    absent = "" if find_spec("torch_tensorrt") else f"torch_tensorrt is absent: {_INSTALL}"
    try:
        files = engine_files(bundle)
        if not files or absent:
            return ", and ".join(filter(None, ("" if files else NONE_HERE, absent)))
        device = find_gpu(options.device)
        file = choose_file(files, gpu=gpu_facts(device), options=options)
        settle_trust(file.sha256, name=file.name, trust_engine=options.trust_engine)
        check_heads(bundle, gpu=gpu_facts(device), precision=file.precision, options=options)
    except LossZeroError as error:
        return str(error)
    return ""


def import_tensorrt() -> ModuleType:
    """Import torch_tensorrt, which teaches torch how to read and run engines.

    Raises:
        ModelError: If it is not installed, or not for this machine.
    """
    try:
        import torch_tensorrt
    # On a machine without its libraries it raises whatever its parts raise.
    except Exception as error:
        raise ModelError(
            f"the tensorrt engine needs torch_tensorrt ({first_line(error)})",
            accepted="torch-tensorrt 2.14 with TensorRT 11.1 on an NVIDIA GPU",
            remedy=f"{_INSTALL}, or {EAGER_REMEDY}",
        ) from error
    module: ModuleType = torch_tensorrt
    return module


def gpu_facts(device: "torch.device") -> Gpu:
    """Return what an engine must have been built for to run here; needs torch_tensorrt."""
    import torch

    # First, for it says what is wrong where the other one cannot be loaded either.
    library = import_tensorrt()
    import tensorrt

    versions = {"torch_tensorrt": library.__version__, "tensorrt": tensorrt.__version__}
    return Gpu(
        name=torch.cuda.get_device_name(device),
        compute_capability=torch.cuda.get_device_capability(device),
        versions={name: str(version) for name, version in versions.items()},
        driver=driver_version(),
    )


def load_engine(content: bytes, *, device: "torch.device") -> "EngineProgram":
    """Deserialise an engine that is trusted. This runs code of whoever built it.

    Args:
        content: The verified file, so that nobody can exchange it in between.
        device: The GPU that it will run on.

    Returns:
        From uint8 (N, H, W, 3) to int32 labels (N, h, w); most give the class activation maps of
        all classes before their ReLU beside them, half or float (N, C, h, w).

    Raises:
        RuntimeError: If it cannot be deserialised; says what was wrong first.
        ModelError: If it holds more or less than one engine.
    """
    import torch

    from losszero_rt.engine.engine_program import program_of

    library = import_tensorrt()
    if not library.ENABLED_FEATURES.torch_tensorrt_runtime:
        # Without its C++ runtime the operator that runs engines is registered by this import.
        import torch_tensorrt.dynamo.runtime._TRTEngine  # noqa: F401
    with torch.cuda.device(device), first_error() as errors:
        try:
            program = torch.export.load(io.BytesIO(content))
        except Exception as error:
            raise RuntimeError(first_line(errors[0] if errors else error)) from error
        return program_of(program, execute=EXECUTE)


def find_gpu(name: str) -> "torch.device":
    """Return the GPU to run on.

    Args:
        name: ``auto`` (the first), ``cuda`` or ``cuda:N``.

    Raises:
        ModelError: If this machine has none of that name.
    """
    import_torch()
    if name == "cpu":
        raise ModelError(
            "the tensorrt engine cannot run on the cpu",
            accepted="--device auto, cuda or cuda:N",
            remedy="--engine openvino runs on any CPU",
        )
    return find_device("cuda" if name == "auto" else name)
