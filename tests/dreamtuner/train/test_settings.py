"""When training computes in bfloat16."""

import pytest
import torch

from dreamtuner.train.settings import LoopSettings


@pytest.mark.parametrize(
    ("precision", "device", "units", "wanted"),
    [
        ("auto", "cpu", {"avx512_bf16": True}, True),
        ("auto", "cpu", {"amx_bf16": True}, True),
        ("auto", "cpu", {"avx512_bf16": False}, False),
        ("auto", "cpu", {}, False),
        ("auto", "cuda", {}, True),
        ("bf16", "cpu", {}, True),
        ("fp32", "cuda", {"avx512_bf16": True}, False),
    ],
)
def test_auto_is_bf16_where_the_device_has_units_for_it(
    monkeypatch: pytest.MonkeyPatch, precision: str, device: str, units: dict[str, bool], wanted: bool
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units)
    settings = LoopSettings.model_validate({"steps": 1, "lr": 1.0, "precision": precision})
    assert settings.autocast(device) is wanted
