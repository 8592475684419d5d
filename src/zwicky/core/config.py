"""Configuration: pydantic models read from TOML; unknown keys are refused with a suggestion."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from astropy import units as u
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from zwicky.core.errors import ConfigError
from zwicky.core.units import quantity_text


class Config(BaseModel):
    """A frozen set of settings; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


ConfigT = TypeVar("ConfigT", bound=Config)


def _quantity_in(unit: u.UnitBase) -> BeforeValidator:
    def read(value: object) -> u.Quantity:
        problem = f"a finite quantity with a unit, such as '10 {unit}'"
        try:
            number = float(u.Quantity(value).to_value(unit))
        except (TypeError, ValueError) as error:  # astropy's UnitConversionError is a TypeError
            raise ValueError(problem) from error
        if not math.isfinite(number):
            raise ValueError(problem)
        return u.Quantity(number, unit)

    return BeforeValidator(read)


_AS_TEXT = PlainSerializer(quantity_text, return_type=str)

Angle = Annotated[u.Quantity, _quantity_in(u.arcmin), _AS_TEXT]
"""A setting such as ``"10 arcmin"``."""

Length = Annotated[u.Quantity, _quantity_in(u.Mpc), _AS_TEXT]
"""A setting such as ``"12.8 Mpc"``, a proper length."""


def parse(model: type[ConfigT], settings: Mapping[str, Any], *, where: str) -> ConfigT:
    """Validate settings, or raise a ConfigError that names the key and suggests the right one."""
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        place = f"{where}: {path}" if path else where
        known = sorted(_keys_at(model, first["loc"][:-1]))
        if first["type"] == "extra_forbidden":
            key = str(first["loc"][-1])
            raise ConfigError(
                "This setting is not known.",
                where=place,
                expected=", ".join(known) or None,
                got=repr(key),
                fix=did_you_mean(key, known) if known else None,
            ) from error
        missing = first["type"] == "missing"
        raise ConfigError(
            "This setting is missing." if missing else "This setting cannot be used.",
            where=place,
            expected=first["msg"].removeprefix("Value error, "),
            got="nothing" if missing else repr(first.get("input")),
            fix=f"settings here: {', '.join(known)}" if known else None,
        ) from error


def _keys_at(model: type[BaseModel], loc: Iterable[str | int]) -> list[str]:
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int):  # an item of a list; the list's annotation already named the model
            continue
        found = current.model_fields.get(part) if current is not None else None
        current = _model_in(found.annotation) if found is not None else None
    return list(current.model_fields) if current is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the first model in an annotation such as ``Model | None`` or ``tuple[Model, ...]``."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a suggestion for a mistyped word, or the list of all that are known."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of: {', '.join(known)}"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, or raise a ConfigError that says where it breaks off."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("This settings file does not exist.", where=str(path)) from error
    except OSError as error:
        raise ConfigError(
            "This settings file cannot be read.", where=str(path), got=error.strerror
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("This settings file is not TOML.", where=str(path), got=str(error)) from error
