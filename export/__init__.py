"""From a checkpoint to a bundle: compile, compare, describe. Run as ``python -m export``."""
