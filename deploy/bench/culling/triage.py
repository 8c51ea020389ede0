"""`dreamtuner bench triage`: measure the rejects that triage hides, and the keepers that it loses."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from deploy.bench.culling.pictures import Made
    from dreamtuner.curation.signs import Signs

SCORES = ("clip_i", "clip_i_masked", "clip_t")
REVIEWS: Mapping[str, Sequence[str]] = {
    "three settings": ("training-free", "reference-only", "plain"),
    "one setting": ("training-free",),
}
"""The reviews: pictures of a team that tries settings, with weak references among them, and of one that has settled."""


@dataclass(frozen=True)
class Outcome:
    """What triage did to a queue, by a model fitted to `decisions`, of which `keepers` were approvals.

    `auc`: how well it orders the queue; `hidden`: the share of its rejects that are hidden, `lost` that of its keepers.
    """

    decisions: int
    keepers: int
    checked: int
    auc: float
    hidden: float
    lost: float


def triage(
    subjects: Annotated[int, typer.Option(min=2, help="Held-out subjects of the pocket world.")] = 24,
    prompts: Annotated[int, typer.Option(min=1, max=30, help="Prompts per subject.")] = 12,
    seeds: Annotated[int, typer.Option(min=1, help="Pictures per prompt and setting.")] = 2,
    splits: Annotated[int, typer.Option(min=1, help="Random divisions into decisions and queue.")] = 50,
    share: Annotated[float, typer.Option(min=0.1, max=0.9, help="Share of the pictures that is decided.")] = 0.6,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure the rejects that triage hides and the keepers that it loses, on reviews decided by the oracle.

    The oracle keeps a picture that follows its prompt in everything and has at least three quarters of the subject's
    attributes. Each division at random fits a model to some decisions and applies it to the rest; the other way to
    divide is by subjects, so that the queue shows subjects the team has decided nothing on.
    """
    from deploy.bench.culling.pictures import made_pictures
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.curation.perceptual_hash import structure

    methods = REVIEWS["three settings"]
    bench, pictures, references = made_pictures(methods, subjects, prompts, seeds)
    embed = bench.tower.embed_images
    looks = _embedded(embed, [one.image for one in pictures])
    embedded = _embedded(embed, list(references.values()))
    own = {name: (look, structure(references[name])) for name, look in zip(references, embedded, strict=True)}
    known = [_signs(one, look, *own[one.subject]) for one, look in zip(pictures, looks, strict=True)]
    figures: dict[str, Any] = {"subjects": subjects, "prompts": prompts, "seeds": seeds, "splits": splits}
    reviews = figures["reviews"] = []
    for name, of in REVIEWS.items():
        chosen = [i for i, one in enumerate(pictures) if one.method in of]
        for way in ("pictures", "subjects"):
            outcomes = [_outcome(pictures, known, chosen, share, way, number) for number in range(splits)]
            reviews.append(_summary(name, way, pictures, chosen, [one for one in outcomes if one is not None]))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for one in reviews:
        plain_terminal().out.print(_sentence(one), highlight=False, markup=False)


def keeps(one: Made) -> bool:
    """Return what the oracle decides: the prompt followed in everything, and three quarters of the attributes."""
    return one.measures["prompt"] > 0.999 and one.measures["identity"] > 0.749


def _outcome(
    pictures: Sequence[Made], known: Sequence[Signs], chosen: Sequence[int], share: float, way: str, number: int
) -> Outcome | None:
    from dreamtuner.curation.triage import fit_triage

    draw = random.Random(f"triage {way} {number}")
    if way == "subjects":
        names = sorted({pictures[i].subject for i in chosen})
        seen = set(draw.sample(names, round(share * len(names))))
        decided = [i for i in chosen if pictures[i].subject in seen]
    else:
        decided = draw.sample(chosen, round(share * len(chosen)))
    left = sorted(set(chosen) - set(decided))
    kinds = [{str(i): known[i] for i in decided if keeps(pictures[i]) == kept} for kept in (True, False)]
    model = fit_triage(*kinds, salt=str(number))
    if model is None:
        return None
    chances = model.chances([known[i] for i in left])
    limit = -1.0 if model.hides_below is None else model.hides_below
    kept = [chance for i, chance in zip(left, chances, strict=True) if keeps(pictures[i])]
    not_kept = [chance for i, chance in zip(left, chances, strict=True) if not keeps(pictures[i])]
    return Outcome(
        decisions=len(decided),
        keepers=len(kinds[0]),
        checked=model.checked,
        auc=_auc(kept, not_kept),
        hidden=sum(one < limit for one in not_kept) / max(len(not_kept), 1),
        lost=sum(one < limit for one in kept) / max(len(kept), 1),
    )


def _summary(
    name: str, way: str, pictures: Sequence[Made], chosen: Sequence[int], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    kept = sum(keeps(pictures[i]) for i in chosen)
    rows = [asdict(one) for one in outcomes]
    means = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]} if rows else {}
    spread = {
        f"{key}_95": [sorted(row[key] for row in rows)[round(at * (len(rows) - 1))] for at in (0.025, 0.975)]
        for key in ("hidden", "lost")
        if rows
    }
    about = {"review": name, "divided_by": way, "pictures": len(chosen), "would_keep": kept, "splits": len(rows)}
    return {**about, **means, **spread}


def _sentence(one: Mapping[str, Any]) -> str:
    words = f"{one['review']}, divided by {one['divided_by']}: {one['pictures']} pictures, {one['would_keep']} keepers"
    if not one["splits"]:
        return f"{words}; too few decisions of one kind for a model"
    low, high = (100 * value for value in one["hidden_95"])
    rests = f"by {one['decisions']:.0f} decisions, bound on {one['checked']:.0f} keepers"
    hides = f"hides {100 * one['hidden']:.1f} % of rejects ({low:.0f} to {high:.0f})"
    return f"{words}; {rests}: {hides}, loses {100 * one['lost']:.2f} % of keepers; AUC {one['auc']:.3f}"


def _signs(one: Made, look: Any, reference: Any, reference_structure: bytes) -> Signs:
    from dreamtuner.curation.perceptual_hash import structure
    from dreamtuner.curation.signs import Signs

    return Signs(
        subject=one.subject,
        prompt=one.prompt,
        scores={name: one.measures[name] for name in SCORES},
        vector=look,
        reference=reference,
        model="clip",
        structure=structure(one.image),
        reference_structure=reference_structure,
    )


def _embedded(embed: Any, images: Sequence[Any]) -> list[Any]:
    return [one for first in range(0, len(images), 64) for one in embed(images[first : first + 64]).numpy()]


def _auc(high: Sequence[float], low: Sequence[float]) -> float:
    """Return how often a keeper has a higher chance than a reject; ties count half."""
    pairs = [(a > b) + (a == b) / 2 for a in high for b in low]
    return sum(pairs) / len(pairs) if pairs else float("nan")
