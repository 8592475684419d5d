"""Masses from the microwave sky: the published network and its tests, and networks that know their errors."""
