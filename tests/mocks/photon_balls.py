"""Round isothermal clusters, and telescopes simple enough to check by hand."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.config import parse
from zwicky.core.masses import M500C, Mass
from zwicky.instruments.photon import PhotonInstrument, PhotonSettings
from zwicky.simulations.emission import EmissionCube

KT_KEV = np.array([1.0, 4.0, 8.0])
METALS = 0.3


@dataclass(frozen=True)
class Balls:
    """Gaussian clusters of 4 keV: width in arcmin, height in cm^-6 Mpc."""

    height: float = 1e-6
    width: float = 1.0
    redshift: float = 0.1

    def settings(self):
        return {"kind": "balls", "height": self.height, "width": self.width, "redshift": self.redshift}

    def cluster(self, cluster_index, sight_line=0):
        name = f"ball-{cluster_index}"
        masses = {M500C: Mass(4e14, M500C)}
        return Cluster(
            f"{name}-{sight_line}",
            self.redshift,
            masses,
            parent=name,
            sight_line=sight_line,
            properties={"one": 1.0},
        )

    def theory(self, cluster_index, sight_line, grid, centre=(0.0, 0.0)):
        raise NotImplementedError

    def emission(self, cluster_index, sight_line, grid, centre=(0.0, 0.0)):
        measure = np.zeros((3, *grid.shape), np.float32)
        measure[1] = self.height * np.exp(-0.5 * (grid.radius(*centre) / self.width) ** 2)
        cluster = self.cluster(cluster_index, sight_line)
        return EmissionCube(cluster, KT_KEV, measure, np.float32(METALS) * measure, grid)


def changed(instrument, **tables):
    """An instrument of the catalogue with some of its tables changed."""
    return PhotonInstrument(parse(PhotonSettings, {**instrument.settings(), **tables}, where="a test"))


def chandra(n=32, pixel=0.4, **tables):
    return changed(PhotonInstrument.named("chandra_acisi").with_grid(n, pixel * u.arcmin), **tables)


def rosat(n=32, **tables):
    return changed(PhotonInstrument.named("rosat_pspc").with_grid(n), **tables)


def erosita(n=24, **tables):
    return changed(PhotonInstrument.named("erosita_efeds").with_grid(n), **tables)


def flat(bands, **tables):
    """100 cm^2 at all energies, which it measures exactly; 1000 s."""
    resolution = {"energy_kev": [0.1, 10.0], "fwhm_kev": [0.002, 0.002], "source": "a test"}
    response = {
        "energy_kev": [0.1, 10.0], "area_cm2": [100.0, 100.0], "source": "a test", "resolution": resolution
    }  # fmt: skip
    return chandra(
        64, responses={"flat": response}, response="flat", bands_kev=bands, exposure_s=1e3, **tables
    )
