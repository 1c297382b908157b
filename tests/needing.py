"""Parts of a machine that some tests need: absent they skip, unless they are demanded."""

import os

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
