"""Grids, maps, clusters, masses, posteriors: the records that everything else passes on."""
