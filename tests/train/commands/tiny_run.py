"""``python -m train run`` of a training of two steps, in this process."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from train import recipes
from train.__main__ import main
from train.config import TrainConfig


def offer_tiny(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a recipe ``tiny``: the first phase of ``config``."""
    tiny = replace(config, phases=config.phases[:1])
    monkeypatch.setitem(recipes.RECIPES, "tiny", lambda: tiny)


def run(data: Path, out: Path, *words: str) -> Result:
    """Train it."""
    arguments = ["run", "--recipe", "tiny", "--data", str(data), "--out", str(out)]
    fixed = ["--workers", "0", "--accelerator", "cpu", "--track", "disabled"]
    return CliRunner().invoke(main, [*arguments, *fixed, *words])


def ok(result: Result) -> str:
    """Return what a run said that ended well."""
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output
