"""What a picture's caption says: class, scene and pose always; of identity nothing, a colour or all."""

from __future__ import annotations

import random

from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.identity import Identity

MEDIUM = {"natural": "a photo of", "anime": "a drawing of"}


def _context_words(context: Context) -> str:
    words = f"{context.scene}, {context.pose}"
    return words if context.expression == "neutral" else f"{words}, {context.expression}"


def subject_words(identity: Identity) -> str:
    """Every attribute of the identity in words, ending with the class: the detailed caption's subject."""
    return (
        f"{identity.shape} {identity.primary} and {identity.secondary} {identity.pattern} {identity.class_word} "
        f"with {identity.accent} {identity.emblem}, {identity.hat}, {identity.eyes}"
    )


def caption(identity: Identity, context: Context) -> str:
    """The plain caption: medium, class, scene, pose, expression; nothing of the identity but its class."""
    return f"{MEDIUM[context.style]} a {identity.class_word} {_context_words(context)}"


def detailed_caption(identity: Identity, context: Context) -> str:
    """The caption that names every attribute, as a reference's own caption does (Sec. 3.3)."""
    return f"{MEDIUM[context.style]} a {subject_words(identity)} {_context_words(context)}"


def drawn_caption(rng: random.Random, identity: Identity, context: Context) -> str:
    """A training caption: identity unsaid in 30 %, its main colour in 10 %, all of it in 60 %."""
    u = rng.random()
    if u < 0.3:
        return caption(identity, context)
    if u < 0.4:
        return f"{MEDIUM[context.style]} a {identity.primary} {identity.class_word} {_context_words(context)}"
    return detailed_caption(identity, context)


def sheet_caption(identity: Identity, left: Context, right: Context, *, detailed: bool = False) -> str:
    """The caption of a character sheet: the same subject twice, side by side."""
    who = subject_words(identity) if detailed else identity.class_word
    sides = f"left {_context_words(left)}, right {_context_words(right)}"
    return f"{MEDIUM[left.style]} the same {who}, {sides}"
