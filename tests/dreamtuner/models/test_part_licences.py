"""Which licence a part of an image's lineage has, by its label in recipes."""

import pytest

from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.licences import UNKNOWN
from dreamtuner.models.lineage import Weight
from dreamtuner.models.part_licences import adapter_weight
from dreamtuner.models.profiles import get_profile
from dreamtuner.preprocess.maskers import MASKERS, weights_of_masker


def test_an_upscaler_is_no_lora() -> None:
    pocket = get_profile("pocket")
    inside = pocket.model_copy(update={"upscalers": {"anime": pocket.weights / "upscaler"}})
    assert adapter_weight(inside, "upscaler anime") == Weight("anime", "upscaler", pocket.licence)
    assert adapter_weight(pocket, "upscaler anime") == Weight("anime", "upscaler", UNKNOWN)
    assert adapter_weight(None, "vae soft") == Weight("soft", "VAE", UNKNOWN)


@pytest.mark.parametrize("label", ["cutout grabcut", "brush soft", "lora", ""])
def test_a_label_of_another_kind_is_an_error(label: str) -> None:
    with pytest.raises(ValueError, match="is no label of an adapter; known kinds are lora"):
        adapter_weight(None, label)


def test_a_masker_has_the_licences_of_its_models() -> None:
    assert weights_of_masker("grabcut") == []
    assert [(one.name, one.role) for one in weights_of_masker("isnet")] == [
        (name, "masker") for name in getattr(MASKERS["isnet"], "models", ())
    ]
    assert weights_of_masker("isnet")[0].licence == AUXILIARY["isnet"].licence
    assert weights_of_masker("scissors") == [Weight("scissors", "masker", UNKNOWN)]
