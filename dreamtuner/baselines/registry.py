"""The rows of Table 1 by the names that the command line takes, and the curves of Fig. 10."""

from __future__ import annotations

from collections.abc import Mapping

from dreamtuner.baselines.dreambooth import dreambooth
from dreamtuner.baselines.dreamtuner import dreamtuner
from dreamtuner.baselines.masactrl import MasaCtrl
from dreamtuner.baselines.method import Method
from dreamtuner.baselines.plain import Plain
from dreamtuner.baselines.reference_only import ReferenceOnly
from dreamtuner.baselines.textual_inversion import textual_inversion
from dreamtuner.baselines.training_free import Attending
from dreamtuner.models.profiles import Profile

STEPS = (300, 600, 900, 1200)
"""Steps of fine-tuning in Fig. 10; at 0 a method is its training-free variant."""


def methods_of(profile: Profile) -> dict[str, Method]:
    """Return all methods for a profile, in the table's order, without those that need a missing subject-encoder."""
    methods: dict[str, Method] = {
        "plain": Plain(),
        "reference-only": ReferenceOnly(),
        "masactrl": MasaCtrl(),
        "se": Attending("SE only", {"w_ref": 0.0}),
        "textual-inversion": textual_inversion(profile),
        "dreambooth": dreambooth(profile),
        "dreambooth-lora": dreambooth(profile, "lora"),
        "training-free": Attending("DreamTuner, training-free"),
        "training-free-inversion": Attending("DreamTuner, training-free, inversion 0.7", {"inversion": 0.7}),
        "training-free-late": Attending(
            "DreamTuner, training-free, inversion 0.7, reference from 0.2", {"inversion": 0.7, "reference_from": 0.2}
        ),
        "dreamtuner-no-se": dreamtuner(profile, encoder=False),
        "dreamtuner-lora": dreamtuner(profile, "lora"),
        "dreamtuner": dreamtuner(profile),
    }
    if not profile.has_encoder:
        del methods["se"], methods["dreamtuner-no-se"]
    return methods


def swept(profile: Profile) -> Mapping[str, Mapping[int, tuple[str, Method]]]:
    """Return the curves of Fig. 10: curve's title -> steps -> row's name and method."""
    begun: dict[str, tuple[str, Method, Mapping[int, Method]]] = {
        "DreamBooth": ("dreambooth", Plain(), {n: dreambooth(profile, steps=n) for n in STEPS}),
        "DreamTuner without SE": (
            "dreamtuner-no-se",
            Attending("S-S-A only", {"beta": 0.0}),
            {n: dreamtuner(profile, steps=n, encoder=False) for n in STEPS},
        ),
        "DreamTuner": (
            "dreamtuner",
            Attending("DreamTuner, training-free"),
            {n: dreamtuner(profile, steps=n) for n in STEPS},
        ),
    }
    return {
        head: {steps: (f"{name}@{steps}", method) for steps, method in {0: untrained, **trained}.items()}
        for head, (name, untrained, trained) in begun.items()
    }
