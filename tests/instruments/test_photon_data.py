"""X-ray telescopes against the observatories' own files: response matrix, exposure maps, conversion factors."""

import gzip
import json

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from zwicky.instruments.photon import PhotonInstrument
from zwicky.physics.xray_absorption import transmission

pytestmark = pytest.mark.data

ERG_PER_KEV = 1.602177e-9


def photons(edges, column_density_cm2, index):
    """Photons per bin of an absorbed power law, integrated finely."""
    steps = (edges[:-1, None] + np.diff(edges)[:, None] * ((np.arange(20) + 0.5) / 20)).ravel()
    light = steps**-index * transmission(steps, column_density_cm2)
    return light.reshape(-1, 20).mean(axis=1) * np.diff(edges)


class TestRosat:
    @pytest.mark.parametrize(
        ("band", "within"),
        [
            ((0.42, 2.01), 0.012),
            ((0.5, 2.0), 0.01),
            ((0.5, 0.9), 0.015),
            ((0.9, 1.3), 0.015),
            ((1.3, 2.0), 0.02),
        ],
    )
    def test_counts_of_the_matrix(self, real_data, band, within):
        """A Gaussian resolution against the matrix; a sharp band over the areas is off by 1 to 7 %."""
        with fits.open(real_data / "a3158_rosat" / "pspcb_gain2_256.rsp.gz") as file:
            rows, channels = file[1].data, file[2].data
            matrix = np.zeros((len(rows), len(channels)))
            for line, row in zip(matrix, rows, strict=True):
                first, count = int(row["F_CHAN"]) - 1, int(row["N_CHAN"])
                line[first : first + count] = row["MATRIX"][:count]
            low, high = rows["ENERG_LO"].astype(float), rows["ENERG_HI"].astype(float)
            floor, ceiling = channels["E_MIN"].astype(float), channels["E_MAX"].astype(float)
        part = np.clip((np.minimum(ceiling, band[1]) - np.maximum(floor, band[0])) / (ceiling - floor), 0, 1)
        rosat = PhotonInstrument.named("rosat_pspc").with_bands([band])
        for column_density_cm2, index in [(1e20, 1.5), (5e20, 2.0)]:
            middles = 0.5 * (low + high)
            light = middles**-index * transmission(middles, column_density_cm2) * (high - low)
            ours = rosat.counts_per_s(photons(rosat.energy_edges_kev, column_density_cm2, index))[0]
            true = light @ (matrix @ part)
            assert ours / true == pytest.approx(1.0, abs=within)
            if band[1] < 2.0:
                sharp = (light * ((middles > band[0]) & (middles < band[1]))) @ matrix.sum(axis=1)
                assert sharp / true != pytest.approx(1.0, abs=within)

    def test_exposure_map_of_abell_3158(self, real_data):
        """Profile around the axis, ring and ribs included: 2 % to 46 arcmin, half of the pixels within 3 %."""
        with fits.open(real_data / "a3158_rosat" / "expose_mask_37.fits.gz") as file:
            real = np.array(file[0].data, float)
        rosat = PhotonInstrument.named("rosat_pspc").with_grid(512, 14.947 * u.arcsec)
        axis = (0.741, 1.218)
        model, distance = rosat.exposure_map(0, axis), rosat.grid.radius(*axis)
        seen = real > 0.0
        scale = real[seen & (distance < 5.0)].mean() / model[seen & (distance < 5.0)].mean()
        ratios = []
        for inner in range(0, 46, 2):
            ring = seen & (distance >= inner) & (distance < inner + 2)
            ratios.append(scale * model[ring].mean() / real[ring].mean())
        np.testing.assert_allclose(ratios, 1.0, atol=0.02)
        field = seen & (distance < 46.0)
        errors = np.abs(scale * model[field] / real[field] - 1.0)
        assert np.median(errors) < 0.03
        elsewhere = scale * rosat.exposure_map(0)
        assert np.median(np.abs(elsewhere[field] / real[field] - 1.0)) > 1.1 * np.median(errors)


class TestErosita:
    @pytest.mark.parametrize(
        ("key", "band", "within"),
        [
            ("P2", (0.5, 1.0), 0.02),
            ("P3", (1.0, 2.0), 0.015),
            ("P4", (2.0, 5.0), 0.025),
            ("P5", (5.0, 8.0), 0.015),
            ("SOFT", (0.5, 2.0), 0.015),
            ("022", (0.6, 2.3), 0.015),
            ("023", (2.3, 5.0), 0.015),
        ],
    )
    def test_energy_conversion_factors(self, real_data, key, band, within):
        """Counts over the flux in the band, for power laws behind gas; the matrix loses 1 to 2 % that we keep."""
        table = json.loads(
            gzip.decompress((real_data / "physics_tables" / "ecfxa" / "erosita_ecfs.json.gz").read_bytes())
        )
        erosita = PhotonInstrument.named("erosita_efeds").with_bands([band])
        for log_column in (20.0, 20.5, 21.0):
            for index in (1.7, 2.0):
                row = int(np.argmin(np.abs(np.array(table["lognh"]) - log_column)))
                column = int(np.argmin(np.abs(np.array(table["gamma"]) - index)))
                column_density_cm2, gamma = 10.0 ** table["lognh"][row], table["gamma"][column]
                counts = erosita.counts_per_s(photons(erosita.energy_edges_kev, column_density_cm2, gamma))[0]
                energy = np.linspace(*band, 4001)
                light = energy ** (1.0 - gamma) * transmission(energy, column_density_cm2)
                flux = np.trapezoid(light, energy) * ERG_PER_KEV
                ratio = counts / flux / (1e11 * table["e1"][key][row][column])
                assert 1.0 - 0.005 < ratio < 1.0 + within

    def test_area_of_the_source(self, real_data):
        """The area on axis behind the file of a source: SPECRESP / CORRCOMB."""
        with fits.open(real_data / "efeds_erosita" / "responses" / "spec_020_ARF_00001.fits") as file:
            table = file["SPECRESP"].data
            energy = 0.5 * (table["ENERG_LO"].astype(float) + table["ENERG_HI"])
            area = table["SPECRESP"].astype(float) / table["CORRCOMB"]
            mean = table["CORRVIGN"].astype(float)
        seen = (energy > 0.25) & (energy < 8.0)
        erosita = PhotonInstrument.named("erosita_efeds")
        ours = erosita.config.responses["seven"].area(energy)
        bins = np.digitize(energy[seen], np.arange(0.25, 8.0, 0.25))
        for one in np.unique(bins):
            inside = bins == one
            assert ours[seen][inside].mean() == pytest.approx(area[seen][inside].mean(), rel=0.01)
        # The source's own mean vignetting is 2 % below the survey's.
        for band, energy_kev in enumerate(erosita.band_energies_kev):
            found = np.interp(energy_kev, energy, mean)
            assert erosita.scan_factor(band) == pytest.approx(found, rel=0.04)

    def test_exposure_of_the_field(self, real_data):
        folder = real_data / "efeds_erosita" / "images"
        with fits.open(folder / "expmap_norm_novig_0600_1100.fits.gz") as file:
            time = np.array(file[0].data, float)
        erosita = PhotonInstrument.named("erosita_efeds")
        assert np.median(time[time > 0]) == pytest.approx(erosita.live_time_map()[0, 0], rel=0.05)

    def test_no_more_counts_than_the_particles_at_high_energies(self, real_data):
        """5-7 keV: particles are nearly all that is there."""
        folder = real_data / "efeds_erosita" / "images"
        with fits.open(folder / "img_5000_7000.fits.gz") as image, fits.open(folder / "mask.fits.gz") as cut:
            counts, mask = np.array(image[0].data, float), np.array(cut[0].data) > 0
        with fits.open(folder / "expmap_norm_novig_5000_7000.fits.gz") as file:
            time = np.array(file[0].data, float)
        use = mask & (time > 0)
        rate = counts[use].sum() / (time[use].sum() * (4 / 60) ** 2)
        particles = PhotonInstrument.named("erosita_efeds").with_bands([(5.0, 7.0)]).particle_rate[0]
        assert 0.95 < rate / particles < 1.15
