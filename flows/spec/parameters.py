"""Validated types of flow parameters.

The help in Prefect's form comes from the flows' docstrings (Args), not from these types.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from dreamtuner.models.profiles import get_profile
from dreamtuner.score import METRICS


def _known_metric(name: str) -> str:
    return METRICS[name].name  # its errors are ValueErrors, which name the remedy


def _known_profile(name: str) -> str:
    return get_profile(name).name


SubjectName = Annotated[str, Field(min_length=1)]
Steps = Annotated[int, Field(ge=1)]
RunId = Annotated[str, Field(min_length=1)]
ProfileName = Annotated[str, AfterValidator(_known_profile)]
Metrics = Annotated[Sequence[Annotated[str, AfterValidator(_known_metric)]], Field(min_length=1)]
