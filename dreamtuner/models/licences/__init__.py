"""Licences of weights: one record per licence, and whether a purpose is allowed under it. No torch."""

from dreamtuner.models.licences.known import UNKNOWN, known_licences, licence_of
from dreamtuner.models.licences.record import LicenceRecord, Purpose, Verdict, allowed

__all__ = ["UNKNOWN", "LicenceRecord", "Purpose", "Verdict", "allowed", "known_licences", "licence_of"]
