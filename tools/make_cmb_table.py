"""Write the table of the lensed CMB power spectrum that zwicky.physics.cmb reads.

    python tools/make_cmb_table.py [--output TABLE.csv]

Needs CAMB (LGPL; ``pip install camb``), which runs half a minute on one core. The cosmology is the best fit of Planck
2018 to plikHM TTTEEE, lowl, lowE and lensing (Planck 2018 results VI, table 1): D_ell of CAMB then agrees with the
spectrum that Planck released (file COM_PowerSpect_CMB-base-plikHM-TTTEEE-lowl-lowE-lensing-minimum-theory_R3.01.txt)
within 0.4 % from ell = 2 to 2500. Lensing uses the non-linear matter power spectrum of HMcode (Mead et al. 2020): it
makes nearly all of the power beyond ell = 5000.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
from pathlib import Path

import numpy as np

OUTPUT = Path(__file__).parents[1] / "src" / "zwicky" / "physics" / "tables" / "cmb_planck18.csv"
PARAMETERS = {
    "H0": 67.32,  # [km/s/Mpc]
    "ombh2": 0.022383,
    "omch2": 0.12011,
    "mnu": 0.06,  # [eV], one massive neutrino
    "omk": 0.0,
    "tau": 0.0543,
    "As": 1e-10 * math.exp(3.0448),
    "ns": 0.96605,
    "TCMB": 2.7255,  # [K]
}
LMAX = 10_000
LMAX_CAMB = 14_000  # lensing takes power from beyond: without the margin the last tenth comes out low
NODES = np.unique(
    np.concatenate(
        [np.arange(2, 30), np.arange(30, 3500, 20), np.round(np.geomspace(3500, LMAX, 60))]
    ).astype(int)
)
"""Multipoles of the table: a cubic spline of ln D through them is right within 0.1 %."""


def lensed_tt_uk2() -> np.ndarray:
    """Return D_ell = ell (ell + 1) C_ell / 2 pi of the lensed temperature [uK^2], for ell = 0, 1, ..."""
    if importlib.util.find_spec("camb") is None:
        raise SystemExit("camb is not installed: pip install camb")
    import camb

    cosmology = camb.set_params(**PARAMETERS, halofit_version="mead2020")
    cosmology.set_for_lmax(LMAX_CAMB, lens_potential_accuracy=4)
    spectra = camb.get_results(cosmology).get_lensed_scalar_cls(CMB_unit="muK")
    return np.asarray(spectra[:, 0])


def write(d_ell_uk2: np.ndarray, output: Path) -> None:
    """Write the table at its nodes."""
    settings = ", ".join(f"{name} = {value:.6g}" for name, value in PARAMETERS.items())
    lines = [
        "# SOURCE: lensed TT of CAMB (Lewis, Challinor & Lasenby 2000), written by tools/make_cmb_table.py.",
        "# Best fit of Planck 2018 results VI, table 1 (plikHM TTTEEE + lowl + lowE + lensing):",
        f"# {settings}.",
        "# d_ell_uk2 is ell (ell + 1) C_ell / 2 pi [uK_CMB^2]",
        "ell,d_ell_uk2",
        *(f"{ell},{d_ell_uk2[ell]:.7g}" for ell in NODES),
    ]
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    write(lensed_tt_uk2(), arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1024:.0f} KiB")
