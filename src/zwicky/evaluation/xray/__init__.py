"""Judging masses from counted photons: the numbers of the papers, and what in an image a network reads."""
