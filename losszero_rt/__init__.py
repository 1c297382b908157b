"""losszero-rt: real-time semantic segmentation of night motorcycle-ride video."""

__version__ = "0.1.0"

__all__ = ["__version__"]
