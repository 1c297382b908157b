"""The command line. Nothing heavy is imported before a command runs, so ``--help`` is instant."""

from losszero_rt.cli.main import main

__all__ = ["main"]
