"""Keeps captured keys and values from one call of `generate` to the next, so that a subject has one reference pass."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from dreamtuner.sampling.reference_pass import ReferenceFeatures


@dataclass(eq=False)
class SubjectFeatures:
    """What is held of one subject. `passes`: how many of its references were captured, each from the first step on."""

    passes: int = 0
    _held: dict[Hashable, list[ReferenceFeatures]] = field(default_factory=dict, repr=False)
    _tensors: dict[Hashable, Tensor] = field(default_factory=dict, repr=False)

    @property
    def nbytes(self) -> int:
        """Bytes of all that is held."""
        features = sum(features.nbytes for held in self._held.values() for features in held)
        return features + sum(tensor.nbytes for tensor in self._tensors.values())

    def held(self, part: Hashable) -> list[ReferenceFeatures]:
        """Return the features of one reference, a list to fill: `part` tells those of the subject apart."""
        return self._held.setdefault(part, [])

    def room(self, kinds: Hashable, budget: int, references: int) -> int:
        """Return what is left of a budget, bytes, for the references of a subject under these kinds of control image.

        What is held of them under other kinds is part of the budget. It is freed where it takes too much: what is left
        holds a step of each of the `references` if the budget does, since a step takes as much under all kinds.
        """
        others = [part for part in self._held if isinstance(part, tuple) and part[0] != kinds]
        taken = sum(one.nbytes for part in others for one in self._held[part])
        if taken <= budget // (2 * max(1, references)):
            return budget - taken
        for part in others:
            del self._held[part]
        return budget

    def tensor(self, part: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """Return what `make` returned when this part was first asked for."""
        if part not in self._tensors:
            self._tensors[part] = make()
        return self._tensors[part]


class ReferenceCache:
    """The features of the subjects that were seen last, in memory. Not for several threads.

    It holds the subjects of the call at work, under the byte budget of the call that captured them, and others only as
    long as they take no more than `spare` bytes together: those that were seen longest ago are freed first, before
    the next are captured. Where the budget does not hold all steps, each call captures them again.
    """

    def __init__(self, spare: int = 0) -> None:
        self._spare, self._freed = spare, 0
        self._subjects: dict[Hashable, SubjectFeatures] = {}
        self._open = self._subjects.setdefault(None, SubjectFeatures())

    @property
    def passes(self) -> int:
        """How many references were captured so far, each from the first step on."""
        return self._freed + sum(one.passes for one in self._subjects.values())

    @passes.setter
    def passes(self, count: int) -> None:
        self._open.passes += count - self.passes

    @property
    def nbytes(self) -> int:
        """Bytes of all that is held."""
        return sum(one.nbytes for one in self._subjects.values())

    @property
    def open_bytes(self) -> int:
        """Bytes of what is held of the open subject."""
        return self._open.nbytes

    def open(self, key: Hashable) -> None:
        """Keep what is held if it was captured under this key, else free what is too much.

        `key`: whatever decides the features of a call: model, weights, references with masks and captions, settings.
        """
        [self._open] = self.of([key])

    def of(self, keys: Sequence[Hashable]) -> list[SubjectFeatures]:
        """Return what is held of several subjects, for one call that shows them all. `keys`: of each, as for `open`."""
        for key in keys:
            held = self._subjects.pop(key) if key in self._subjects else SubjectFeatures()
            self._subjects[key] = held  # the newest is last
        idle = [key for key in self._subjects if key not in keys]
        while idle and (not self._spare or sum(self._subjects[key].nbytes for key in idle) > self._spare):
            self._freed += self._subjects.pop(idle.pop(0)).passes
        return [self._subjects[key] for key in keys]

    def held(self, part: Hashable) -> list[ReferenceFeatures]:
        """Return the features of one reference of the open subject, a list to fill."""
        return self._open.held(part)

    def room(self, kinds: Hashable, budget: int, references: int) -> int:
        """Return how much of a budget is left to the open subject under these kinds, as `SubjectFeatures.room`."""
        return self._open.room(kinds, budget, references)

    def tensor(self, part: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """Return what `make` returned when this part was first asked for under the open key."""
        return self._open.tensor(part, make)

    def clear(self) -> None:
        """Free everything."""
        self._freed = self.passes
        self._subjects = {}
        self._open = self._subjects.setdefault(None, SubjectFeatures())
