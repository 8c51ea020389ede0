"""Auxiliary models, which metrics, captioners and others bring: by name, with source, licence and lock. No torch."""

from dreamtuner.models.auxiliary.model import AUXILIARY, AuxiliaryModel
from dreamtuner.models.auxiliary.place import (
    auxiliary_digest,
    auxiliary_place,
    missing_auxiliaries,
    require_auxiliary,
)

__all__ = [
    "AUXILIARY",
    "AuxiliaryModel",
    "auxiliary_digest",
    "auxiliary_place",
    "missing_auxiliaries",
    "require_auxiliary",
]
