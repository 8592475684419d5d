"""Weigh galaxy clusters and map their matter, with error bars that can be trusted.

Importing this package has no effect and imports nothing heavy: take what you need from its rooms,
for example ``from zwicky.core.masses import Mass``. ARCHITECTURE.md lists the rooms.
"""

from typing import Final

__version__: Final = "0.1.0"

RESULTS_VERSION: Final = 1
"""Raised whenever the same configuration would give other numbers."""
