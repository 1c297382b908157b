"""Seeing why: where a network looks for each class, and where it looks when it is wrong."""

from train.explain.explaining import ExplainOptions, explain

__all__ = ["ExplainOptions", "explain"]
