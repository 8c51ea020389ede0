"""Specs and pictures that a fuzzer makes: each is taken or refused in a sentence, and never anything else."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dreamtuner.preprocess import ImageError, decode_image
from flows.spec.problems import InputError
from flows.spec.yaml_file import parse_spec

GOOD = """name: trip
subjects:
  - {name: pip, class_word: bear, style: natural, reference: pip.png}
prompts: ["a {subject} on the beach"]
seeds: [1, 2]
sampling: {steps: 12}
"""
TAGS = ["!!python/object:os.system", "<<: *x", "*a", "&a [*a]", "? ", "- -"]
SPLICES = ["{", "}", "[", "\t", "\x00", "1e999", ".nan", *TAGS]
a_few = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@a_few
@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.one_of(st.sampled_from(SPLICES), st.text(max_size=30)))
def test_a_spec_with_a_piece_replaced_is_taken_or_refused_in_words(at: int, gone: int, put: str) -> None:
    try:
        said = str(parse_spec(GOOD[:at] + put + GOOD[at + gone :], source="spec.yaml", base=Path("/specs")).subjects)
    except InputError as error:
        said = str(error)
    assert said.startswith(("spec.yaml: ", "(SubjectSpec"))
    assert "Traceback" not in said


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    with pytest.raises(InputError, match="aliases"):
        parse_spec("\n".join(lines), source="spec.yaml", base=Path("/specs"))


@a_few
@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x10\0\0\0WEBP", b"GIF89a", b""]), st.binary())
def test_bytes_that_are_no_picture_are_refused(head: bytes, rest: bytes) -> None:
    with pytest.raises(ImageError):
        decode_image(head + rest)
