"""What a model reads of a text, determined by its tokenizer alone: loads no model and needs no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from dreamtuner.models.profiles import Profile
from dreamtuner.settings.sampling import PromptSyntax

CLIP_LENGTH = 77
"""CLIP's maximum number of tokens, used if a tokenizer's config does not state one."""

MOST_KNOWN = 100_000
"""Most texts that a reader caches: a worker runs for a long time."""

_ENDS = 2  # the tokens that begin and end every text


@dataclass(frozen=True)
class Reading:
    """A text as the model reads it.

    `tokens`: the token ids, without padding; `count`: how many there would be without truncation; `cut`: the words that
    are truncated, in whole or in part; `spelled`: words that are not in the vocabulary and are read letter by letter;
    `weights`: of a weighted prompt, the weight of each token, if any is not 1.
    """

    tokens: tuple[int, ...]
    count: int
    cut: str
    spelled: tuple[str, ...]
    weights: tuple[float, ...] = ()


class TextReader:
    """A model's tokenizer and its maximum number of tokens.

    `words`: learned tokens that it knows, such as [S*]; `embeddings`: vectors by the tokens of textual inversions.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        limit: int,
        words: Collection[str] = (),
        embeddings: Mapping[str, int] | None = None,
    ) -> None:
        self.limit = limit
        self._tokenizer, self._words, self._embeddings = tokenizer, words, embeddings or {}
        self._known: dict[tuple[str, PromptSyntax], Reading] = {}

    def read(self, texts: Sequence[str], syntax: PromptSyntax = "literal") -> list[Reading]:
        """Return each text as the model reads it; a text is tokenized once.

        Raises PromptSyntaxError if a weighted prompt cannot be parsed.
        """
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        new = [text for text in dict.fromkeys(texts) if (text, syntax) not in self._known]
        if syntax == "weighted":
            self._known |= {(text, syntax): self._weighted(self._expand(text)) for text in new}
        else:
            expanded = [self._expand(text) for text in new]
            for text, whole, encoding in zip(new, expanded, self._tokenizer.encode_batch(expanded), strict=True):
                self._known[text, syntax] = self._reading(whole, encoding.ids, encoding.offsets, encoding.word_ids)
        return [self._known[text, syntax] for text in texts]

    def _expand(self, text: str) -> str:
        """Replace the tokens of embeddings by the names of their vectors."""
        if not self._embeddings:
            return text
        from dreamtuner.models.adapters.embedding import expand_tokens

        return expand_tokens(text, self._embeddings)

    def _weighted(self, text: str) -> Reading:
        """Read a weighted prompt: every chunk has its own begin and end, and nothing is truncated."""
        from dreamtuner.models.prompt_syntax import chunked, parse

        spelled: list[str] = []
        sections: list[list[tuple[int, float]]] = []
        for section in parse(text, self._words):
            read = [(one, self._tokenizer.encode(one.text, add_special_tokens=False)) for one in section]
            for one, encoding in read:
                spelled += _spelled(one.text, encoding.offsets, encoding.word_ids)
            sections.append([(token, one.weight) for one, encoding in read for token in encoding.ids])
        begin, end = self._tokenizer.encode("").ids
        chunks = chunked(sections, self.limit - _ENDS, self._tokenizer.token_to_id(",</w>"))
        tokens = [token for chunk in chunks for token in ((begin, 1.0), *chunk, (end, 1.0))]
        ids, weights = tuple(token for token, _ in tokens), tuple(weight for _, weight in tokens)
        unequal = any(weight != 1 for weight in weights)
        return Reading(ids, len(ids), "", tuple(dict.fromkeys(spelled)), weights if unequal else ())

    def _reading(self, text: str, ids: list[int], offsets: list[tuple[int, int]], words: list[int | None]) -> Reading:
        count, cut = len(ids), ""
        if count > self.limit:
            start = offsets[self.limit - _ENDS + 1][0]
            while start > 0 and text[start - 1].isalnum() and text[start : start + 1].isalnum():
                start -= 1
            cut = " ".join(text[start:].split())
            ids = [*ids[: self.limit - 1], ids[-1]]
        return Reading(tuple(ids), count, cut, _spelled(text, offsets, words))


def reader_of(profile: Profile, word: str | None = None) -> TextReader | None:
    """Return the reader of a profile's prompts, or None if its folder has no tokenizer of a supported kind.

    `word`: an additional learned token, such as [S*]. It knows the profile's embeddings that fit the model.
    """
    folder = profile.weights / "tokenizer"
    file = next((one for one in (folder / "tokenizer.json", folder / "vocab.json") if one.is_file()), None)
    if file is None:
        return None
    embeddings: dict[str, int] = {}
    if profile.embeddings:
        from dreamtuner.models.adapters.embedding import usable_embeddings

        embeddings = usable_embeddings(profile)
    return _reader(file, file.stat().st_mtime_ns, word, tuple(embeddings.items()))


@lru_cache(maxsize=16)
def _reader(file: Path, mtime_ns: int, word: str | None, embeddings: tuple[tuple[str, int], ...]) -> TextReader:
    """`mtime_ns` is the cache's key: it changes when the file does."""
    tokenizer = Tokenizer.from_file(str(file)) if file.name == "tokenizer.json" else _clip(file.parent)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    learned = [] if word is None else [word]
    names: list[str] = []
    if embeddings:
        from dreamtuner.models.adapters.embedding import token_names

        names = [name for token, count in embeddings for name in token_names(token, count)]
    tokenizer.add_tokens([*learned, *(AddedToken(name, normalized=False) for name in names)])
    config = file.parent / "tokenizer_config.json"
    stated = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    length = stated.get("model_max_length", CLIP_LENGTH)
    return TextReader(tokenizer, int(length) if length < 1e6 else CLIP_LENGTH, [*learned, *names], dict(embeddings))


def _clip(folder: Path) -> Tokenizer:
    """Build CLIP's tokenizer from the vocab.json and merges.txt of older folders, as transformers does."""
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split() for line in lines if line and not line.startswith("#version")]
    begin, end = "<|startoftext|>", "<|endoftext|>"
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=[(a, b) for a, b in pairs],
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
            unk_token=end,
        )
    )
    spaces = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), spaces, normalizers.Lowercase()])
    word = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    split = pre_tokenizers.Split(Regex(word), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    ends = (end, vocabulary[end]), (begin, vocabulary[begin])
    tokenizer.post_processor = processors.RobertaProcessing(*ends, trim_offsets=False, add_prefix_space=False)
    tokenizer.add_special_tokens([begin, end])
    return tokenizer


def _spelled(text: str, offsets: Sequence[tuple[int, int]], words: Sequence[int | None]) -> tuple[str, ...]:
    """Return words most of whose tokens are single letters or bytes: the model never learned them as words."""
    places: dict[int, list[tuple[int, int]]] = {}
    for word, place in zip(words, offsets, strict=True):
        if word is not None:
            places.setdefault(word, []).append(place)
    found = []
    for parts in places.values():
        whole = text[parts[0][0] : parts[-1][1]]
        if len(parts) > _ENDS and 2 * len(parts) > len(whole.encode()) and re.fullmatch(r"[^\W\d_]+", whole):
            found.append(whole)
    return tuple(dict.fromkeys(found))


def most_clip_skip(profile: Profile) -> int | None:
    """Return how many layers of a profile's text encoders can be skipped; None if their configs do not say.

    At least one layer remains. Models with two text encoders read the last layer but one, so that one fewer is left.
    """
    files = [profile.folder(name) / "config.json" for name in ("text_encoder", "text_encoder_2")]
    configs = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]
    layers = [int(one["num_hidden_layers"]) for one in configs if "num_hidden_layers" in one]
    return max(min(layers) - len(layers), 0) if layers else None
