"""How many photons each pixel is expected to count: cluster, sky, particles and point sources behind a telescope.

A volume dV of gas emits Lambda n_e n_H dV photons per second of its own into a bin of energy (Lambda as in
``photon_spectrum``: the bin is that of *observed* energy, so (1 + z) higher at the source). They have spread over a
sphere of 4 pi D_M^2 around it, with D_M = D_L / (1 + z), and arrive 1 + z times more slowly:

    photons per cm^2 and s = Lambda n_e n_H dV (1 + z) / (4 pi D_L^2).

With dV = dl D_A^2 dOmega and D_L = (1 + z)^2 D_A it is Lambda n_e n_H dl / (4 pi (1 + z)^3) per solid angle, whatever
the cosmology (``xray_flux.photons_per_measure``): the energy of each photon takes the fourth factor of 1 + z.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zwicky.core.cluster import Cluster
from zwicky.core.grid import Grid
from zwicky.core.randomness import Key
from zwicky.instruments.photon import PhotonInstrument
from zwicky.mocks.photon_blur import PhotonBlur
from zwicky.mocks.photon_levels import Ingredients
from zwicky.mocks.photon_sources import FieldSources, PhotonSky, SourceField
from zwicky.physics.xray_flux import photons_per_measure
from zwicky.physics.xray_spectrum import photon_spectrum
from zwicky.simulations.emission import EmissionCube

Pointing = tuple[float, float]
"""(y, x) of the optical axis from the middle of the stamp [arcmin]."""


@dataclass(frozen=True, eq=False)
class Expected:
    """Expected counts of one observation, by origin.

    Parameters
    ----------
    of : Cluster
        The cluster.
    cluster, sky, particles, sources : (band, y, x) arrays
        Counts. Sources are those that are drawn one by one, where they are not masked.
    mask : (y, x) bool array
        Where detected sources were.
    exposure_s : (band, y, x) array [s]
        Time on the optical axis that would count as many photons.
    n_sources, n_detected : int
        Point sources whose pixel lies in the stamp.
    """

    of: Cluster
    cluster: np.ndarray
    sky: np.ndarray
    particles: np.ndarray
    sources: np.ndarray
    mask: np.ndarray
    exposure_s: np.ndarray
    n_sources: int
    n_detected: int

    @property
    def total(self) -> np.ndarray:
        """All counts, (band, y, x)."""
        return self.cluster + self.sky + self.particles + self.sources


@dataclass(frozen=True)
class PhotonObserver:
    """An instrument that looks at clusters.

    Parameters
    ----------
    instrument : PhotonInstrument
    sky : PhotonSky
        What lies before and behind them.
    ingredients : Ingredients
        What is taken along.
    reach_arcmin : float [arcmin]
        Largest angle between cluster and optical axis.
    """

    instrument: PhotonInstrument
    sky: PhotonSky
    ingredients: Ingredients
    reach_arcmin: float = 0.0

    @cached_property
    def blur(self) -> PhotonBlur:
        """Of the telescope."""
        return PhotonBlur(self.instrument, self.reach_arcmin)

    @cached_property
    def field(self) -> SourceField:
        """Point sources as the instrument sees them."""
        return SourceField(self.instrument, self.sky)

    @property
    def theory_grid(self) -> Grid:
        """The stamp with a margin for the blur."""
        return self.blur.theory_grid if self.ingredients.psf else self.instrument.grid

    @property
    def pixel_arcmin2(self) -> float:
        """Area of a pixel [arcmin^2]."""
        return self.instrument.grid.pixel_value**2

    def rate(self, cube: EmissionCube) -> np.ndarray:
        """Return what the cluster gives on the optical axis, without blur.

        Parameters
        ----------
        cube : EmissionCube
            On a grid of kind "sky".

        Returns
        -------
        (band, y, x) array [counts s^-1]
            Per pixel.
        """
        redshift = cube.cluster.redshift
        spectrum = photon_spectrum(
            cube.kt_kev,
            self.instrument.energy_edges_kev,
            redshift=redshift,
            column_density_cm2=self.sky.column_density_cm2,
        )
        plasma, metals = (self.instrument.counts_per_s(part) for part in (spectrum.plasma, spectrum.metals))
        pixel_arcmin2 = cube.grid.pixel_value**2
        return cube.seen(plasma, metals) * (photons_per_measure(redshift) * pixel_arcmin2)

    def times(self, pointing: Pointing = (0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
        """Return the exposure for photons and for particles, each (band, y, x) [s].

        Parameters
        ----------
        pointing : pair of float [arcmin]
            The optical axis; a scan has none.
        """
        if pointing == (0.0, 0.0) or self.instrument.config.mode == "scan":
            return self._central_times
        return self._times(pointing)

    @cached_property
    def _central_times(self) -> tuple[np.ndarray, np.ndarray]:
        return self._times((0.0, 0.0))

    def _times(self, pointing: Pointing) -> tuple[np.ndarray, np.ndarray]:
        bands = range(len(self.instrument.bands_kev))
        shape = (len(bands), *self.instrument.grid.shape)
        if not self.ingredients.vignetted:
            flat = np.full(shape, self.instrument.exposure_s)
            return flat, flat
        light = np.stack([self.instrument.exposure_map(band, pointing) for band in bands])
        return light, np.broadcast_to(self.instrument.live_time_map(pointing), shape)

    def background(self, pointing: Pointing = (0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected counts of sky and particles, each (band, y, x).

        Parameters
        ----------
        pointing : pair of float [arcmin]
            The optical axis.
        """
        light, live = self.times(pointing)
        if not self.ingredients.background:
            return np.zeros(light.shape), np.zeros(light.shape)
        particles = self.instrument.particle_rate[:, None, None] * self.pixel_arcmin2
        return self._sky_rate[:, None, None] * self.pixel_arcmin2 * light, particles * live

    @cached_property
    def _sky_rate(self) -> np.ndarray:
        return self.sky.background_rate(self.instrument, self.cosmic_fraction)

    @property
    def cosmic_fraction(self) -> float:
        """Part of the cosmic background that is spread evenly [1].

        Where sources are drawn one by one it is what is fainter. Else it is what is fainter than sources that would be
        detected, as if these had been cut out: so both skies are equally bright outside of the masks.
        """
        faintest = self.sky.faintest_flux if self.ingredients.sources else self.detected_flux
        return self.sky.cosmic_fraction(faintest)

    @cached_property
    def detected_flux(self) -> float:
        """Flux above which sources are detected in an empty part of a mean exposure [erg cm^-2 s^-1], in 0.5-2 keV.

        The brightest flux of the sky if none is.
        """
        light, live = (time.mean(axis=(1, 2)) for time in self.times())
        sky = self.sky.background_rate(self.instrument, 1.0)
        density = sky * light + self.instrument.particle_rate * live
        flux = np.geomspace(self.sky.faintest_flux, self.sky.brightest_flux, 801)
        counts = self.field.rate(flux) * light[:, None]
        found = self.field.detected(counts, density[:, None], self.blur.noise_area_arcmin2())
        return float(flux[np.argmax(found)]) if found.any() else self.sky.brightest_flux

    def expected(self, cube: EmissionCube, key: Key, pointing: Pointing, off_axis_arcmin: float) -> Expected:
        """Return what is expected of an observation.

        Parameters
        ----------
        cube : EmissionCube
            The cluster, on ``theory_grid``.
        key : Key
            Of the stream POINT_SOURCES.
        pointing : pair of float [arcmin]
            The optical axis.
        off_axis_arcmin : float [arcmin]
            Of the cluster: the blur there holds for all of the stamp.

        Returns
        -------
        Expected
        """
        light, _ = self.times(pointing)
        cluster = self._blurred(self.rate(cube), off_axis_arcmin) * light
        sky, particles = self.background(pointing)
        mask, sources = np.zeros(self.instrument.grid.shape, bool), np.zeros(cluster.shape)
        n_sources = n_detected = 0
        if self.ingredients.sources:
            drawn = self.field.draw(key, self.theory_grid)
            others = cluster + sky + particles
            found, inside = self._found(drawn, others, light, off_axis_arcmin)
            images = np.stack([drawn.image(which, self.theory_grid) for which in (~found, found)])
            faint, bright = self._blurred(images, off_axis_arcmin) * light
            mask = bright.sum(axis=0) > self.sky.mask_above * others.sum(axis=0)
            # A mask is refilled with what is around it: cluster and background without any source.
            sources = np.where(mask, 0.0, faint + bright)
            n_sources, n_detected = int(inside.sum()), int((found & inside).sum())
        return Expected(cube.cluster, cluster, sky, particles, sources, mask, light, n_sources, n_detected)

    def _blurred(self, images: np.ndarray, off_axis_arcmin: float) -> np.ndarray:
        return self.blur.blurred(images, off_axis_arcmin) if self.ingredients.psf else images

    def _found(
        self, drawn: FieldSources, others: np.ndarray, light: np.ndarray, off_axis_arcmin: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which sources are detected, and which lie in the stamp; those around it are judged at its edge."""
        margin = (self.theory_grid.n_pixels - self.instrument.grid.n_pixels) // 2
        last = self.instrument.grid.n_pixels - 1
        y, x = drawn.y - margin, drawn.x - margin
        near_y, near_x = np.clip(y, 0, last), np.clip(x, 0, last)
        counts = drawn.rate * light[:, near_y, near_x]
        density = others[:, near_y, near_x] / self.pixel_arcmin2
        found = self.field.detected(counts, density, self.blur.noise_area_arcmin2(off_axis_arcmin))
        return found, (y == near_y) & (x == near_x)
