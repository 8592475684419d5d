"""Abell 3158 and a cluster of eFEDS in their public images: what is known of both, from the same stamps."""

import pytest

from tiny_photons import EROSITA, ROSAT, untaught_photon_estimator
from zwicky.workflows.photons.answer import answer_text
from zwicky.workflows.photons.real import COLUMNS, REAL_PHOTONS, real_photon_rows, weigh_real_photons


def test_every_entry_says_what_the_table_needs(tmp_path):
    for entry in REAL_PHOTONS:
        files = entry.files(tmp_path)
        assert all(str(one.counts).startswith(str(tmp_path)) for one in files.bands)
        assert 0.01 < entry.redshift < 1.0
        assert entry.catalogue is None or entry.catalogue["source"]


def test_without_data_or_estimators_there_is_no_row(tmp_path):
    assert real_photon_rows({"krippendorf2024_erosita": untaught_photon_estimator(EROSITA)}, tmp_path) == []
    assert real_photon_rows({}, tmp_path) == []


@pytest.fixture(scope="module")
def weighed(real_data):
    estimators = {
        "krippendorf2024_erosita": untaught_photon_estimator(EROSITA),
        "krippendorf2024_rosat": untaught_photon_estimator(ROSAT),
        "another": untaught_photon_estimator(EROSITA),
    }
    rows = real_photon_rows(estimators, real_data)
    assert [row["cluster"] for row in rows] == [entry.name for entry in REAL_PHOTONS]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert [row["catalogue"] for row in rows] == ["4.22", "none here"]
    return {entry.name: answer for entry, answer in weigh_real_photons(estimators, real_data)}


@pytest.mark.data
def test_abell_3158(weighed):
    answer = weighed["Abell 3158"]
    # 4921 counts of which 52 are not of the sky lie within 10 arcmin; some more lie between there and R500.
    assert 4500 < answer.counts < 6000
    assert 12.0 < answer.r500_arcmin < 18.0
    # A luminosity that is known: 2e44 erg/s within a fifth, with what lies behind 3e20 cm^-2 of hydrogen.
    assert 1.5e44 < answer.luminosity_erg_per_s < 2.3e44
    text = answer_text(answer)
    assert "1458 counts where the exposure is zero were masked" in text
    assert "what the background lacks is the mean of the outer annulus" in text


@pytest.mark.data
def test_the_cluster_of_efeds(weighed):
    answer = weighed["eFEDS J0921+0317"]
    assert len(answer.used.inputs()) == 4
    # 650 photons of 0.6-1.1 keV within 3 arcmin, the background and what was masked among them.
    assert 450 < answer.counts / 2.2 < 900
    assert answer.snr > 25.0
    seconds = [one["exposure_s"] for one in answer.used.inputs()]
    assert seconds == pytest.approx([2600.0 * one for one in (0.535, 0.548, 0.541, 0.511)], rel=0.05)
    assert any("multiplied by 0.535" in note for note in answer.notes)
    assert 0.02 < answer.used.unseen_fraction < 0.2
