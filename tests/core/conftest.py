"""Generated examples: the same in every run, and without a clock."""

from hypothesis import settings

settings.register_profile("zwicky", deadline=None, derandomize=True)
settings.load_profile("zwicky")
