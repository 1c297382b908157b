"""Exploring data: what it holds, what is broken, and what a split lets through."""

from train.explore.exploring import ExploreOptions, explore

__all__ = ["ExploreOptions", "explore"]
