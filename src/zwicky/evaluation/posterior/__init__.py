"""Posterior samples of maps, judged: are they right, and are they as wide as they should be?"""
