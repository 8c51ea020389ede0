"""What is scored against an image: the words of its prompt, without syntax and learned tokens."""

from types import SimpleNamespace
from typing import Any

import pytest

from flows.execution.score_outputs import _plain
from storage.catalog.records import UnscoredOutput


@pytest.mark.parametrize(
    ("prompt", "syntax", "training", "plain"),
    [
        ("a (bear:1.2) BREAK [in] snow", "weighted", None, "a bear in snow"),
        ("a (bear [S*]:1.2) in snow", "weighted", "d", "a bear in snow"),
        ("a (bear) [S*] in snow", None, "d", "a (bear) in snow"),
        ("a (bear", None, None, "a (bear"),
    ],
)
def test_prompts_are_scored_as_plain_text(prompt: str, syntax: str | None, training: str | None, plain: str) -> None:
    resources: Any = SimpleNamespace(
        checkpoint=lambda digest: SimpleNamespace(settings=SimpleNamespace(word="[S*]")),
    )
    output = UnscoredOutput(1, "d", "i", prompt, 1, "r", None, training, syntax)
    assert _plain(output, resources) == plain
