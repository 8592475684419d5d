"""Samples of the maps of one cluster: networks, recalibration, warning light, masses."""
