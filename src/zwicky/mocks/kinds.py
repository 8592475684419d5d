"""The kinds of survey that an experiment can name: one map, bands of the microwave sky, or X-ray photons."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from zwicky.mocks.microwave_settings import MicrowaveSurveySettings
from zwicky.mocks.microwave_survey import MicrowaveSurvey
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.mocks.photon_survey import PhotonSurvey
from zwicky.mocks.settings import SurveySettings
from zwicky.mocks.survey import MockSurvey

SzSurvey = MockSurvey | MicrowaveSurvey
"""Seen by the Sunyaev-Zel'dovich effect."""

AnySurvey = SzSurvey | PhotonSurvey


def kind_of_survey(settings: Any) -> str:
    """Return the kind that settings name; without a name it is one map, as in the files of older estimators."""
    kind = settings.get("kind", "map") if isinstance(settings, dict) else settings.kind
    return str(kind)


SzSurveySettings = Annotated[
    Annotated[SurveySettings, Tag("map")] | Annotated[MicrowaveSurveySettings, Tag("microwave")],
    Discriminator(kind_of_survey),
]

AnySurveySettings = Annotated[
    Annotated[SurveySettings, Tag("map")]
    | Annotated[MicrowaveSurveySettings, Tag("microwave")]
    | Annotated[PhotonSurveySettings, Tag("photon")],
    Discriminator(kind_of_survey),
]
