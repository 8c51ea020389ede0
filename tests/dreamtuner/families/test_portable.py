"""Folders that are written are read by older libraries too: vocabularies and the names of text encoders' weights."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import CLIPTokenizer

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.finetune.learned_token import with_token
from dreamtuner.models import weights
from dreamtuner.models.profiles import folder_profile, get_profile
from dreamtuner.models.tokens import reader_of
from dreamtuner.models.vocabulary import write_vocabulary
from dreamtuner.models.weights import BESIDE

POCKET = get_profile("pocket").weights


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    shutil.copytree(POCKET / "tokenizer", tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


def test_a_vocabulary_beside_tokenizer_json_reads_as_it_does(tokenizer: Path) -> None:
    texts = ["a photo of a bear on the beach, arms up", "A\n  robot's 12 \U0001f43b"]
    known = CLIPTokenizer.from_pretrained(tokenizer)
    with_token(known, "[S*]").save_pretrained(tokenizer)
    assert {one.name for one in write_vocabulary(tokenizer)} == set(BESIDE)
    assert json.loads((tokenizer / "added_tokens.json").read_text()) == {"[S*]": len(known)}
    (tokenizer / "tokenizer.json").unlink()
    reader = reader_of(get_profile("pocket").model_copy(update={"weights": tokenizer.parent}))
    assert reader is not None
    assert [list(one.tokens) for one in reader.read(texts)] == known(texts)["input_ids"]


def test_it_is_not_read_and_not_in_the_digest(tokenizer: Path) -> None:
    digest, text = weights.digest_of(tokenizer.parent, ("tokenizer",)), "a photo of a bear"
    known = CLIPTokenizer.from_pretrained(tokenizer)(text)["input_ids"]
    for name in BESIDE:
        (tokenizer / name).write_text('{"x": 0}' if name.endswith("json") else "#version: 0.2\nx x\n")
    assert CLIPTokenizer.from_pretrained(tokenizer)(text)["input_ids"] == known
    assert weights.digest_of(tokenizer.parent, ("tokenizer",)) == digest
    (tokenizer / "tokenizer.json").unlink()
    alone = weights.digest_of(tokenizer.parent, ("tokenizer",))
    (tokenizer / "merges.txt").write_text("#version: 0.2\ny y\n")
    assert weights.digest_of(tokenizer.parent, ("tokenizer",)) != alone


def test_what_is_saved_has_the_names_of_every_version(tiny: UNetBackbone, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tiny.save(out, tokenizers={"text_encoder": tiny.tokenizer}, text_encoders={"text_encoder": tiny.text_encoder})
    named = load_file(out / "text_encoder" / "model.safetensors")
    own = tiny.text_encoder.state_dict()
    assert {name.removeprefix("text_model.") for name in named} == {name.removeprefix("text_model.") for name in own}
    assert all(name.startswith("text_model.") for name in named)
    assert {"vocab.json", "merges.txt"} <= {one.name for one in (out / "tokenizer").iterdir()}
    again = load_backbone(folder_profile(out, name="again"))
    assert (again.encode_text("a bear").states == tiny.encode_text("a bear").states).all()


def test_a_file_whose_tensors_were_renamed_counts_as_the_file_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = load_file(POCKET / "text_encoder" / "model.safetensors")
    now, earlier = tmp_path / "now.safetensors", tmp_path / "earlier.safetensors"
    save_file(named, now)
    save_file({name.removeprefix("text_model."): one for name, one in named.items()}, earlier)
    assert weights.files_digest([("model", now)]) != weights.files_digest([("model", earlier)])
    monkeypatch.setattr(weights, "_REWRITTEN", {weights.file_sha256(now): weights.file_sha256(earlier)})
    assert weights.files_digest([("model", now)]) == weights.files_digest([("model", earlier)])
