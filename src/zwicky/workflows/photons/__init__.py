"""Masses from X-ray photons: the published networks and their tests, and clusters in images of one's own."""
