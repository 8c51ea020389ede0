"""Signed provenance by C2PA: that a model made the picture, from what, by which recipe, and who says so."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import c2pa

from deploy.marks.facts import Facts
from deploy.marks.keys.signers import Identity
from deploy.marks.texts import AI_SOURCE

RECIPE = "org.dreamtuner.recipe"
"""The assertion that holds the recipe."""
_MODEL = ("weights", "ControlNet", "checkpoint", "lora", "vae", "embedding", "textual")


class Signature:
    """Signs pictures as one identity; open one per process. Safe to use from any thread."""

    def __init__(self, identity: Identity, version: str) -> None:
        self._version = version
        self._context = context([])
        if identity.sign is not None:
            algorithm = c2pa.C2paSigningAlg[identity.algorithm.upper()]
            self._signer = c2pa.Signer.from_callback(identity.sign, algorithm, identity.chain)
        else:
            info = c2pa.C2paSignerInfo(identity.algorithm.encode(), identity.chain.encode(), identity.key or b"", None)
            self._signer = c2pa.Signer.from_info(info)

    def sign(self, data: bytes, media_type: str, facts: Facts | None) -> bytes:
        """Return the picture with a signed manifest; its pixels are unchanged.

        `facts`: None leaves out recipe and ingredients, not that a model made the picture.
        """
        signed = io.BytesIO()
        with c2pa.Builder(json.dumps(self._manifest(media_type, facts)), context=self._context) as builder:
            builder.sign(self._signer, media_type, io.BytesIO(data), signed)
        return signed.getvalue()

    def _manifest(self, media_type: str, facts: Facts | None) -> dict[str, Any]:
        agent = {"name": "DreamTuner", "version": self._version}
        created = {"action": "c2pa.created", "digitalSourceType": AI_SOURCE, "softwareAgent": agent}
        manifest: dict[str, Any] = {"claim_generator_info": [agent], "format": media_type}
        manifest["assertions"] = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}, "created": True}]
        if facts is None:
            return manifest
        recipe = {"cell": facts.cell, "profile": facts.profile, "recipe": dict(facts.recipe)}
        manifest["assertions"].append({"label": RECIPE, "data": recipe, "created": True})
        manifest["ingredients"] = [_ingredient(label, digest) for label, digest in facts.parents.items()]
        return manifest | {"title": f"cell {facts.cell[:12]}"}


def _ingredient(label: str, digest: str) -> dict[str, Any]:
    """Describe what went into the picture by its digest: the thing itself stays in the house."""
    model = any(word in label for word in _MODEL)
    found: dict[str, Any] = {"title": label, "relationship": "inputTo", "instance_id": f"sha256:{digest}"}
    found["format"] = "application/octet-stream" if model else "image/png"
    return found | ({"data_types": [{"type": "c2pa.types.model"}]} if model else {})


def context(anchors: Sequence[str]) -> Any:
    """Return the library's settings: nothing is fetched, and these certificates in PEM are trusted."""
    settings: dict[str, Any] = {
        "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
    settings["verify"]["verify_trust"] = True
    if anchors:
        settings["trust"] = {"trust_anchors": "".join(anchors)}
    return c2pa.Context(c2pa.Settings.from_dict(settings))
