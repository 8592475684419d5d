"""Write the tables of halo statistics that the painter ships: concentrations, peak heights, abundances, correlations.

Usage: python tools/make_structure_tables.py

All numbers are what colossus gives for the cosmologies of core.cosmology.COSMOLOGIES.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory

import numpy as np
from colossus import settings
from colossus.cosmology import cosmology as universe
from colossus.halo import concentration
from colossus.lss import mass_function, peaks

from zwicky.core.cosmology import COSMOLOGIES, Cosmology
from zwicky.simulations.painter.drawing.structure import (
    LOG10_HOST_MASS,
    LOG10_NEIGHBOUR_MASS,
    LOG10_PEAK_MASS,
    REDSHIFTS,
    SEPARATION_MPC,
    TABLES,
    parameters_of,
)


def tables_of(cosmology: Cosmology) -> dict[str, np.ndarray]:
    """Return the tables of one cosmology; the first axis of each is the redshift."""
    settings.PERSISTENCE = ""
    c, h = cosmology, cosmology.h
    colossus = universe.setCosmology(
        c.name,
        params={
            "flat": True,
            "H0": 100.0 * h,
            "Om0": c.omega_m,
            "Ob0": c.omega_b,
            "sigma8": c.sigma8,
            "ns": c.n_s,
            "relspecies": False,
        },
        persistence="",
    )
    host, peak, neighbour = (10.0**m * h for m in (LOG10_HOST_MASS, LOG10_PEAK_MASS, LOG10_NEIGHBOUR_MASS))
    rows: dict[str, list[np.ndarray]] = {
        "ln_concentration": [],
        "peak_height": [],
        "ln_abundance": [],
        "ln_correlation": [],
    }
    for z in REDSHIFTS:
        c200c = concentration.concentration(host, "200c", z, model="diemer19")
        # Per comoving (Mpc / h)^3 -> per proper Mpc^3.
        dn_dlnm = (
            h**3
            * (1.0 + z) ** 3
            * mass_function.massFunction(neighbour, z, mdef="200c", model="tinker08", q_out="dndlnM")
        )
        xi = colossus.correlationFunction(SEPARATION_MPC * (1.0 + z) * h, z)
        rows["ln_concentration"].append(np.log(c200c))
        rows["peak_height"].append(peaks.peakHeight(peak, z))
        rows["ln_abundance"].append(np.log(dn_dlnm))
        rows["ln_correlation"].append(np.log(xi))
    return {name: rounded(np.array(row)) for name, row in rows.items()}


def rounded(table: np.ndarray) -> np.ndarray:
    """Return numbers of single precision with steps of 1.2e-4: the file is a third smaller, and nothing is lost."""
    return np.asarray(np.round(table * 2.0**13) / 2.0**13, np.float32)


def main() -> None:
    """Write one file with the tables of all cosmologies."""
    stored = {}
    with TemporaryDirectory() as folder:
        settings.BASE_DIR = folder  # colossus would keep tables in the home folder
        for name, cosmology in COSMOLOGIES.items():
            stored[f"{name}.parameters"] = parameters_of(cosmology)
            stored.update({f"{name}.{key}": table for key, table in tables_of(cosmology).items()})
    for name, table in stored.items():
        if not np.isfinite(table).all():
            raise SystemExit(f"{name} is not finite everywhere")
    np.savez_compressed(TABLES, **stored)
    print(f"{TABLES.name}: {TABLES.stat().st_size} bytes")


if __name__ == "__main__":
    main()
