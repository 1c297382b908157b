"""Training: from labelled pictures to a checkpoint. Run as ``python -m train``."""
