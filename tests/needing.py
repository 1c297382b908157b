"""Parts of a machine that some tests need: absent they skip, unless they are demanded."""

import os
from importlib.util import find_spec

import pytest


def need(reason: str, *, demanded_by: str) -> None:
    """Skip the test, or fail where the variable ``demanded_by`` is 1.

    Args:
        reason: What is absent; nothing of the kind where it is empty.
    """
    if reason and os.environ.get(demanded_by) == "1":
        pytest.fail(f"{demanded_by}=1, but {reason}")
    if reason:
        pytest.skip(reason)


def need_modelopt() -> None:
    """Skip the test without nvidia-modelopt, or fail under ``LOSSZERO_REQUIRE_MODELOPT=1``."""
    absent = "" if find_spec("modelopt") else "nvidia-modelopt is not installed"
    need(absent, demanded_by="LOSSZERO_REQUIRE_MODELOPT")
