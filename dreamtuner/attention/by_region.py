"""Attention by region: each token of an image attends to what its region sees, as if that were all there is.

Every token belongs to one region, or lies outside all of them. The queries of a region are taken out, attend as those
of a whole image would, and are put back: so the equations of a single subject hold in its region unchanged, a region
that is the whole image gives the same bits, and the order of regions does not matter. Keys and values of the image's
own tokens are those of all regions.

Shapes: B rows, h heads, L tokens of a layer, d or C channels, N regions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dreamtuner.attention.self_subject import Attendable, attend


@dataclass(frozen=True, eq=False)
class Regions:
    """Which region the tokens of each layer belong to.

    `count`: N. `owners`: a layer's token count -> L whole numbers: the token's region, 0..N-1, or N outside all.
    """

    count: int
    owners: Mapping[int, Tensor]
    _places: dict[int, tuple[tuple[int, Tensor], ...]] = field(init=False, default_factory=dict, repr=False)

    def places(self, tokens: int) -> tuple[tuple[int, Tensor], ...]:
        """Return the regions that have tokens in a layer of so many, N for outside, each with their indices."""
        if tokens not in self._places:
            owners = self.owners[tokens]
            each = ((i, (owners == i).nonzero()[:, 0]) for i in range(self.count + 1))
            self._places[tokens] = tuple((i, index) for i, index in each if len(index))
        return self._places[tokens]

    @property
    def present(self) -> tuple[int, ...]:
        """The regions that have a token in any layer, in order; N for outside."""
        return tuple(sorted({i for tokens in self.owners for i, _ in self.places(tokens)}))

    def apply(self, x: Tensor, each: Callable[[int, Tensor], Tensor], *, dim: int) -> Tensor:
        """Compute `each(region, its tokens of x)` for every region and put the results in place. `dim`: of L in x."""
        places = self.places(x.shape[dim])
        if len(places) == 1:
            return each(places[0][0], x)
        out = None
        for i, index in places:
            part = each(i, x.index_select(dim, index))
            if out is None:
                shape = list(part.shape)
                shape[dim] = x.shape[dim]
                out = part.new_empty(shape)
            out.index_copy_(dim, index, part)
        assert out is not None
        return out


@dataclass(frozen=True, eq=False)
class RegionalKeys:
    """What each region's tokens attend to in one layer besides the image's own tokens; None: nothing.

    `each`: by region, N of them; tokens outside all regions attend to the image alone.
    """

    regions: Regions
    each: Sequence[Attendable | None]

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Compute the layer's attention. q, k, v: B h L d. Returns B h L d."""
        seen = (*self.each, None)
        return self.regions.apply(q, lambda i, q_i: attend(q_i, k, v, seen[i]), dim=2)


def by_layer(regions: Regions, each: Sequence[Mapping[str, Attendable] | None]) -> Mapping[str, Attendable] | None:
    """Return what the tokens of all regions attend to, by layer; None if no region sees anything.

    `each`: by region, what its tokens attend to, by layer. One region that is everywhere is returned as it is.
    """
    if len(regions.present) == 1:
        [only] = regions.present
        return each[only] if only < regions.count else None
    names = dict.fromkeys(name for layers in each if layers is not None for name in layers)
    if not names:
        return None
    return {
        name: RegionalKeys(regions, [None if layers is None else layers.get(name) for layers in each]) for name in names
    }


def regional_attention(regions: Regions, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Compute cross-attention where each region has states of its own. q: B h L d. Returns B h L d.

    k, v: B h ((N + 1) T) d, T states of each region in order and then T of what lies outside all regions.
    """
    keys, values = k.chunk(regions.count + 1, dim=2), v.chunk(regions.count + 1, dim=2)
    seen: Callable[[int, Tensor], Tensor] = lambda i, q_i: attend(q_i, keys[i], values[i], None)  # noqa: E731
    return regions.apply(q, seen, dim=2)


def composed(regions: Regions, each: Mapping[int, Tensor]) -> Tensor:
    """Compose predictions B C H W, one for each region that is present, from their regions. Returns B C H W."""
    some = next(iter(each.values()))
    owners = regions.owners[some.shape[2] * some.shape[3]].view(some.shape[2:])
    out = some
    for i, one in each.items():
        out = one if out is one else torch.where(owners == i, one, out)
    return out
