"""Captions of rendered images: always class, scene and pose; of the identity nothing, one colour or everything."""

from __future__ import annotations

import random
from collections.abc import Sequence

from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.identity import Identity
from dreamtuner.pocket.world.together import Cast

MEDIUM = {"natural": "a photo of", "anime": "a drawing of"}
VIEW_WORDS = {"front": "", "side": "from the side", "back": "seen from behind"}


def action_words(context: Context) -> str:
    """Return what the subject does and how it is seen: pose and expression if visible, view and framing."""
    return ", ".join(
        words
        for words in (
            "" if context.framing == "close-up" else context.pose,
            "" if context.expression == "neutral" or context.view == "back" else context.expression,
            VIEW_WORDS[context.view],
            "" if context.framing == "full" else context.framing,
        )
        if words
    )


def _context_words(context: Context) -> str:
    action = action_words(context)
    return f"{context.scene}, {action}" if action else context.scene


def subject_words(identity: Identity) -> str:
    """Return every attribute of the identity in words, ending with the class, as in the detailed caption."""
    return (
        f"{identity.shape} {identity.primary} and {identity.secondary} {identity.pattern} {identity.class_word} "
        f"with {identity.accent} {identity.emblem}, {identity.hat}, {identity.eyes}"
    )


def caption(identity: Identity, context: Context) -> str:
    """Return the plain caption: medium, class, scene, pose, expression; no attribute of the identity but its class."""
    return f"{MEDIUM[context.style]} a {identity.class_word} {_context_words(context)}"


def detailed_caption(identity: Identity, context: Context) -> str:
    """Return the caption that names every attribute, like the detailed caption of a reference (Sec. 3.3)."""
    return f"{MEDIUM[context.style]} a {subject_words(identity)} {_context_words(context)}"


def sample_caption(rng: random.Random, identity: Identity, context: Context) -> str:
    """Sample a training caption: no attribute of the identity in 30 %, its main colour in 10 %, all of them in 60 %."""
    u = rng.random()
    if u < 0.3:
        return caption(identity, context)
    if u < 0.4:
        return f"{MEDIUM[context.style]} a {identity.primary} {identity.class_word} {_context_words(context)}"
    return detailed_caption(identity, context)


def sheet_caption(identity: Identity, left: Context, right: Context, *, detailed: bool = False) -> str:
    """Return the caption of a character sheet: the same subject twice, side by side."""
    who = subject_words(identity) if detailed else identity.class_word
    sides = f"left {_context_words(left)}, right {_context_words(right)}"
    return f"{MEDIUM[left.style]} the same {who}, {sides}"


def pair_caption(cast: Cast, who: Sequence[str] | None = None, doing: Sequence[bool] = (True, True)) -> str:
    """Return the caption of an image of two subjects, named from left to right, with what each of them does.

    ``who``: a description of each subject of ``cast``, in its order; by default the class. ``doing``: whose action the
    caption names.
    """
    named = who or [identity.class_word for identity, _ in cast]
    contexts = [context for _, context in cast]
    order = sorted(range(2), key=lambda k: contexts[k].x)
    actions = [
        f", {side} {action_words(contexts[k])}" for side, k in zip(("left", "right"), order, strict=True) if doing[k]
    ]
    left, right = (named[k] for k in order)
    return f"{MEDIUM[contexts[0].style]} a {left} and a {right} {contexts[0].scene}{''.join(actions)}"


def some_words(rng: random.Random, identity: Identity) -> str:
    """Return the class with some of the attributes, few enough that two such descriptions fit in one caption."""
    before = [identity.primary, identity.pattern, identity.shape]
    before = [word for word in before if rng.random() < 0.4]
    after = [word for word in (f"{identity.accent} {identity.emblem}", identity.hat) if rng.random() < 0.4]
    return " ".join([*before, identity.class_word]) + (f" with {', '.join(after)}" if after else "")


def sample_pair_caption(rng: random.Random, cast: Cast) -> str:
    """Sample a caption of two subjects: classes only (30 %), some attributes of each (40 %), all of one (30 %).

    With all attributes of one, the action of the other is omitted: both would not fit.
    """
    u = rng.random()
    if u < 0.3:
        return pair_caption(cast)
    if u < 0.7:
        return pair_caption(cast, [some_words(rng, identity) for identity, _ in cast])
    whole = rng.randrange(2)
    who = [subject_words(identity) if k == whole else identity.class_word for k, (identity, _) in enumerate(cast)]
    return pair_caption(cast, who, [k == whole for k in range(2)])
