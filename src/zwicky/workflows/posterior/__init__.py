"""Experiments with posterior samples of maps, and `zwicky infer` that draws them."""
