"""Functions that are compiled when they are first called, and then kept in numba's cache for later processes."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from numba import njit


class Compiled:
    """A function that numba compiles on its first call: importing it writes nothing and takes no time.

    numba looks for a place to cache as soon as it decorates a function. Only functions that Python calls are of this
    kind; what they call in turn is inlined, because pieces that are compiled apart differ in their last bits between
    the process that compiles them and those that read the cache.

    Parameters
    ----------
    function : function
        Of arrays and numbers.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._compiled: Callable[..., Any] | None = None
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        """Call the compiled function."""
        if self._compiled is None:
            options = {"fastmath": True, "nogil": True, "error_model": "numpy", "cache": True}
            self._compiled = njit(**options)(self.__wrapped__)  # type: ignore[attr-defined]
        return self._compiled(*args)
