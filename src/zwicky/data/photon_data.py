"""Images of photons in memory: counts of each cluster, and the background and exposure that all share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zwicky.core.errors import TrainingError
from zwicky.core.randomness import Key
from zwicky.data.dataset import MapData, joined
from zwicky.mocks.photon_survey import PhotonSurvey
from zwicky.models.base import Batch
from zwicky.models.photon_mass_parts import PhotonViews, random_bands, random_fractions, thinned_counts

CHUNK = 256


@dataclass(frozen=True, eq=False, kw_only=True)
class PhotonData(MapData):
    """Counts with their truth; ``rows`` adds background and exposure, so that these are held once.

    The maps are counts, (n, band, y, x). A batch has (n, 3 band, y, x): counts, expected background counts, and
    exposures [s].

    Parameters
    ----------
    background : (band, y, x) Tensor
        Expected background counts of a whole exposure.
    exposure_s : (band, y, x) Tensor [s]
        Seconds on the optical axis; 0 where nothing was seen.
    fraction : (n,) Tensor [1]
        Of the exposure that each image has.
    present : (n, band) bool Tensor
        Which bands each image has. The others hold no counts, no background and no exposure in a batch.
    """

    background: Tensor
    exposure_s: Tensor
    fraction: Tensor
    present: Tensor

    @classmethod
    def of(
        cls, data: MapData, background: np.ndarray | Tensor, exposure_s: np.ndarray | Tensor
    ) -> PhotonData:
        """Return whole exposures in all bands, of counts (n, band, y, x).

        Parameters
        ----------
        data : MapData
            Its maps are counts.
        background, exposure_s : (band, y, x) array
            Of all images.

        Raises
        ------
        TrainingError
            If the shapes differ.
        """
        shared = [torch.as_tensor(one).float() for one in (background, exposure_s)]
        if any(one.shape != data.maps.shape[1:] for one in shared):
            raise TrainingError(
                "Counts, background and exposure do not fit together.",
                expected=f"(band, y, x) of the counts: {tuple(data.maps.shape[1:])}",
                got=", ".join(str(tuple(one.shape)) for one in shared),
                fix="load the counts of all bands of the survey, and no other channel",
            )
        n, n_bands = data.maps.shape[:2]
        return cls(
            **_fields(data),
            background=shared[0],
            exposure_s=shared[1],
            fraction=torch.ones(n),
            present=(shared[1].amax(dim=(1, 2)) > 0.0).expand(n, n_bands),
        )

    @classmethod
    def of_survey(cls, data: MapData, survey: PhotonSurvey) -> PhotonData:
        """Return counts of a survey with the background and the exposure that its observer expects."""
        exposure_s = np.ascontiguousarray(survey.observer.times()[0])
        return cls.of(data, survey.mean_background(), exposure_s)

    def rows(self, index: Tensor | slice) -> Batch:
        """Return some rows as a batch of three maps per band."""
        part = (self.fraction[index, None] * self.present[index])[:, :, None, None]
        counts = self.maps[index] * self.present[index][:, :, None, None]
        maps = PhotonViews(counts, self.background * part, self.exposure_s * part).stacked()
        return replace(super().rows(index), maps=maps)

    def thinned(
        self, key: Key, *, least_counts: float = 30.0, most_counts: float = 1e5, all_bands: float = 0.5
    ) -> PhotonData:
        """Return the same clusters with other exposures and bands, drawn once and for all.

        Parameters
        ----------
        key : Key
            Of the draw.
        least_counts, most_counts, all_bands : float
            As of ``PhotonMassSettings``.
        """
        generator = torch.Generator().manual_seed(key.word())
        net = torch.cat([PhotonViews.of(batch.maps).net_counts() for batch in self.batches(CHUNK)])
        fraction = random_fractions(net, least_counts, most_counts, generator)
        present = random_bands(self.present, all_bands, generator)
        pairs = zip(self.maps.float().split(CHUNK), fraction.split(CHUNK), strict=True)
        counts = torch.cat([thinned_counts(some, part, generator) for some, part in pairs])
        return replace(self, maps=counts, fraction=self.fraction * fraction, present=present)

    def selected(self, rows: np.ndarray | slice) -> PhotonData:
        """Return some observations, as ``dataset.selected`` does, with background and exposure still held once."""
        index = rows if isinstance(rows, slice) else torch.from_numpy(np.arange(len(self))[rows])
        return replace(
            self,
            maps=self.maps[index],
            redshift=self.redshift[index],
            log10_mass=self.log10_mass[index],
            parent=self.parent[rows],
            target=None if self.target is None else self.target[index],
            id=self.id[rows] if self.id.size else self.id,
            truth={name: values[rows] for name, values in self.truth.items()},
            fraction=self.fraction[index],
            present=self.present[index],
        )

    def stacked(self) -> MapData:
        """Return the same observations with all three maps per band held for each."""
        return MapData(**{**_fields(self), "maps": self.rows(slice(None)).maps})


def joined_photons(parts: Sequence[PhotonData]) -> PhotonData:
    """Return the observations of several sets of one survey as one set, in order.

    Raises
    ------
    TrainingError
        If their background or exposure differ, or ``dataset.joined`` refuses them.
    """
    whole = joined([MapData(**_fields(part)) for part in parts])
    first = parts[0]
    if any(
        not torch.equal(getattr(part, name), getattr(first, name))
        for part in parts
        for name in ("background", "exposure_s")
    ):
        raise TrainingError(
            "These observations share no background and exposure.",
            expected="images of one survey",
            got=f"{len(parts)} sets that differ",
            fix="join what stacked() returns, which holds both for each image",
        )
    return replace(
        PhotonData.of(whole, first.background, first.exposure_s),
        fraction=torch.cat([part.fraction for part in parts]),
        present=torch.cat([part.present for part in parts]),
    )


def _fields(data: MapData) -> dict[str, Any]:
    return {name: getattr(data, name) for name in MapData.__dataclass_fields__}
