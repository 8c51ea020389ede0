"""Self-attention of one layer with a subject, and the handle of all layers of a model. Independent of any model family.

A family puts a `SubjectLayer` where its self-attention multiplies queries, keys and values, and yields one
`SelfSubject` for all of them (see `dreamtuner.families.denoiser`).

Shapes: B rows of a batch, h heads, L tokens of a layer, F <= L of them subject, d channels of a head.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from dreamtuner.attention.maps import query_weights
from dreamtuner.attention.self_subject import Attendable, SubjectKeys, attend

Layers = Mapping[str, SubjectKeys]
"""Subject keys of one reference at one noise level, by layer name."""


class LastLayerReached(BaseException):
    """Ends a model call whose output nobody needs, once the last layer to capture has been; see `SelfSubject.capture`.

    Not an Exception, so that nothing between the layer and the call takes it for a failure.
    """


Captured = dict[str, tuple[Tensor, Tensor]]
"""Layer name -> k_r, v_r, each `rows heads F d`: every row of the reference pass, subject tokens only."""


class SubjectLayer:
    """Self-attention of one layer. It holds only its own layer's tensors.

    `groups` states which rows of the batch see which subject: (row count, keys or None), in order; None: no row sees
    any. `foreground` maps a token count to the indices to capture; None: nothing is captured. `last`: the call may end
    after a capture; a compiled layer cannot end it and goes on. `recorded` is the row to record and, by token count,
    the query in it; None: no weights are computed.
    """

    def __init__(self) -> None:
        self.groups: tuple[tuple[int, Attendable | None], ...] | None = None
        self.foreground: Mapping[int, Tensor] | None = None
        self.captured: list[tuple[Tensor, Tensor]] = []
        self.last = False
        self.recorded: tuple[int, Mapping[int, int]] | None = None
        self.weights: tuple[int, Tensor] | None = None

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Compute the layer's attention, B h L d, from q, k, v of the same shape."""
        if self.foreground is not None:
            positions = self.foreground[k.shape[2]]
            self.captured.append((k[:, :, positions], v[:, :, positions]))
            if self.last and not torch.compiler.is_compiling():
                raise LastLayerReached
        if self.recorded is not None:
            self._record(q, k, *self.recorded)
        if self.groups is None:
            return attend(q, k, v, None)
        sizes = [rows for rows, _ in self.groups]
        parts = zip(q.split(sizes), k.split(sizes), v.split(sizes), self.groups, strict=True)
        return torch.cat([attend(q_g, k_g, v_g, subject) for q_g, k_g, v_g, (_, subject) in parts])

    def _record(self, q: Tensor, k: Tensor, row: int, tokens: Mapping[int, int]) -> None:
        """Record the weights of one query of one row. All rows of a group see the group's one subject."""
        count = k.shape[2]
        if count in tokens:
            whose = [subject for rows, subject in self.groups or ((len(k), None),) for _ in range(rows)][row]
            if not (whose is None or isinstance(whose, SubjectKeys)):
                raise ValueError(f"recorder: only self-subject-attention can be recorded, not {type(whose).__name__}")
            self.weights = count, query_weights(q[row, :, tokens[count]], k[row], whose)


class SelfSubject:
    """The handle of an attached model: inside a context, capture a reference or let rows attend to one.

    `layers`: the layers by name.
    """

    def __init__(self, layers: Mapping[str, SubjectLayer]) -> None:
        self._layers = dict(layers)

    @contextmanager
    def capture(self, foreground: Mapping[int, Tensor], *, last: str | None = None) -> Iterator[Captured]:
        """Capture keys and values of all model calls inside; the yielded dict is filled on exit, unless by an error.

        A model that is not called, such as a ControlNet without a control image, has no entry. `foreground`: a layer's
        token count -> indices of its subject tokens (F). `last`: the name of the layer that is reached last; a call
        ends there by `LastLayerReached`, since what follows decides only its output.
        """
        captured: Captured = {}
        try:
            for name, layer in self._layers.items():
                layer.foreground, layer.captured, layer.last = foreground, [], name == last
            yield captured
            for name, layer in self._layers.items():
                if layer.captured:
                    keys, values = zip(*layer.captured, strict=True)
                    captured[name] = torch.cat(keys), torch.cat(values)
        finally:
            for layer in self._layers.values():
                layer.foreground, layer.captured, layer.last = None, [], False

    @contextmanager
    def record(self, row: int, tokens: Mapping[int, int]) -> Iterator[dict[str, tuple[int, Tensor]]]:
        """Record the attention of one query of row `row` in calls inside: layer name -> its token count and weights.

        `tokens`: a layer's token count -> the query; other layers are not recorded. The weights, h (L + F) as
        `query_weights` returns them, are those of the last call; the dict is filled on exit, unless by an error.
        """
        weights: dict[str, tuple[int, Tensor]] = {}
        try:
            for layer in self._layers.values():
                layer.recorded, layer.weights = (row, tokens), None
            yield weights
            weights.update({n: layer.weights for n, layer in self._layers.items() if layer.weights is not None})
        finally:
            for layer in self._layers.values():
                layer.recorded = layer.weights = None

    @contextmanager
    def attend(self, groups: Sequence[tuple[int, Mapping[str, Attendable] | None]]) -> Iterator[None]:
        """Let the rows of each group attend to the group's reference in calls inside; None: to none.

        The row counts must add up to the batch. In a layer that captured no keys of a reference, its rows see none.
        """
        seen = any(layers is not None for _, layers in groups)
        try:
            for name, layer in self._layers.items():
                split = tuple((rows, None if layers is None else layers.get(name)) for rows, layers in groups)
                layer.groups = split if seen else None
            yield
        finally:
            for layer in self._layers.values():
                layer.groups = None
