"""``--build``: compiling a TensorRT engine into the user's cache, by the export of a checkout."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import losszero_rt
from losszero_rt.bundle import Bundle
from losszero_rt.engine import tensorrt_engine
from losszero_rt.engine.engine_files import export_words
from losszero_rt.engine.protocol import EngineOptions
from losszero_rt.errors import ModelError
from losszero_rt.network.mask_rcnn_split import is_split

BUILDER = "export.cached_engine"
# How long it may take to tidy up.
_GRACE_S = 5.0


def build_engine(bundle: Bundle, *, options: EngineOptions, say: Callable[[str], None]) -> None:
    """Compile an engine for this GPU, compare it with the eager network, and keep it.

    Args:
        bundle: What to compile.
        options: Batch (1 where any will do), precision and device.
        say: Hears how it goes, a line at a time.

    Raises:
        ModelError: If this installation cannot compile, there is no GPU, or the engine is not
            what the network is; then nothing is kept.
    """
    root = checkout_root()
    if is_split(bundle.network_spec):
        raise ModelError(
            f"--build for a {bundle.network_spec.architecture}, which is compiled in parts",
            accepted="networks that become one engine",
            remedy=f"{export_words(options.batch)} puts its parts into a bundle",
        )
    if options.precision not in ("auto", "fp16", "fp32"):
        raise ModelError(
            f"a TensorRT engine in {options.precision}", accepted="precisions: auto, fp16, fp32"
        )
    device = tensorrt_engine.find_gpu(options.device)
    tensorrt_engine.import_tensorrt()
    request = {
        "bundle": str(bundle.path.resolve()),
        "batch": 1 if options.any_batch else options.batch,
        "precision": "fp16" if options.precision == "auto" else options.precision,
        "device": str(device),
    }
    run_builder([sys.executable, "-m", BUILDER, json.dumps(request)], root=root, say=say)


def checkout_root() -> Path:
    """Return the folder of the checkout that this package is imported from.

    Raises:
        ModelError: If it was installed without the export.
    """
    root = Path(losszero_rt.__file__).resolve().parents[1]
    if not (root / Path(*BUILDER.split("."))).with_suffix(".py").is_file():
        raise ModelError(
            "--build needs the export, which an installed wheel does not hold",
            accepted="losszero-rt installed from its checkout: pip install -e '.[tensorrt]'",
            remedy="build there, or take a bundle with an engine for this GPU",
        )
    return root


def run_builder(command: list[str], *, root: Path, say: Callable[[str], None]) -> None:
    """Run the builder, tell its lines as they come, and raise what it ended with.

    Args:
        command: Its words.
        root: Folder to run it in.
        say: Hears each line of its standard output.

    Raises:
        ModelError: If it failed; says the last line of its standard error.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            process_group=0,
        ) as builder,
    ):
        try:
            assert builder.stdout is not None, "it was asked for"
            for line in builder.stdout:
                say(line.rstrip())
            status = builder.wait()
        except BaseException:
            _end(builder)
            raise
        errors.seek(0)
        lines = [line.strip() for line in errors if line.strip()]
    if status:
        raise ModelError(
            f"the engine was not built: {lines[-1] if lines else f'exit status {status}'}",
            remedy="--engine eager --device cuda runs without one",
        )


def _end(builder: "subprocess.Popen[str]") -> None:
    """End a builder and the compiler, which is a process of the builder's own."""
    with suppress(ProcessLookupError):
        os.killpg(builder.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            builder.wait(_GRACE_S)
        os.killpg(builder.pid, signal.SIGKILL)
