"""From the views of a cluster to a map of its mass: networks, their calibration, and what they must beat."""
