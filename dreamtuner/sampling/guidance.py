"""Interleaved guidance (Eq. 4-6): which two conditions a step compares, and how their predictions are combined.

    eps_r = w_r * eps(x_t, c, x^r_{t-dt}) - (w_r - 1) * eps(x_t, c,  none)            (4)
    eps_c = w_c * eps(x_t, c, x^r_{t-dt}) - (w_c - 1) * eps(x_t, uc, x^r_{t+dt'})     (5)
    each step: lambda ~ U(0, 1);  eps = eps_r if lambda <= p_r else eps_c             (6)

uc is the negative prompt. It is in Eq. 5 alone, that is in 1 - p_r of the steps. With `negative_in` = "all" it takes
the place of c in the undesired branch of Eq. 4 too, so that it acts in every step at no further cost:

    eps_r = w_r * eps(x_t, c, x^r_{t-dt}) - (w_r - 1) * eps(x_t, uc, none)            (4, negative prompt in all steps)

That is ours, not the paper's. Without a negative prompt it is not used: Eq. 4 stays as it is.

Decided where the paper is silent:
- dt and dt' count training timesteps (of 1000), so that they mean the same noise at any number of steps; t - dt and
  t + dt' stop at the ends of the chain. The reference goes through the U-Net under its own timestep.
- Without a reference Eq. 4 has nothing to compare, so every step is Eq. 5, which is then classifier-free guidance.
- The weights of a pair sum to 1 at one x_t, so the equations hold unchanged where the model predicts v or x_0 for eps.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor

from dreamtuner.settings.sampling import Sampling


class Branch(NamedTuple):
    """The conditions of one prediction: the prompt `c` or negative prompt `uc`, and x^r at timestep `x_r` (or None)."""

    text: Literal["c", "uc"]
    x_r: float | None


class Pair(NamedTuple):
    """w * eps(wanted) - (w - 1) * eps(other): Eq. 4 or Eq. 5 at one step.

    `rescale`: phi, 0..1, by which the result's standard deviation is brought to that of eps(wanted) (arXiv 2305.08891,
    Eq. 15-16).
    """

    w: float
    wanted: Branch
    other: Branch
    rescale: float = 0.0

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The branches of non-zero weight, `other` before `wanted`; a single branch at w = 1 or w = 0."""
        if self.w == 1:
            return (self.wanted,)
        return (self.other,) if self.w == 0 else (self.other, self.wanted)

    def combine(self, eps: Sequence[Tensor]) -> Tensor:
        """Combine the predictions of `branches`, each B C H W, in that order. Returns B C H W.

        Written as `other + w * (wanted - other)`: the same sum, and to the last bit what stock pipelines compute.
        """
        if len(eps) != len(self.branches):
            raise ValueError(f"eps: this pair takes {len(self.branches)} predictions, not {len(eps)}")
        if len(eps) == 1:
            return eps[0]
        other, wanted = eps
        guided = other + self.w * (wanted - other)
        if self.rescale == 0:
            return guided
        axes = list(range(1, guided.ndim))
        level = guided * (wanted.std(axes, keepdim=True) / guided.std(axes, keepdim=True))  # Eq. 15
        return self.rescale * level + (1 - self.rescale) * guided  # Eq. 16

    @property
    def by_reference(self) -> bool:
        """Whether this is Eq. 4: the undesired branch sees no reference, but the wanted one does."""
        return self.other.x_r is None and self.wanted.x_r is not None


def reference_guidance(t: float, s: Sampling, *, negative: bool = False) -> Pair:
    """Return the pair of Eq. 4 at timestep t >= 0. `negative`: whether there is a negative prompt."""
    undesired: Literal["c", "uc"] = "uc" if negative and s.negative_in == "all" else "c"
    return Pair(s.w_r, Branch("c", max(t - s.dt, 0)), Branch(undesired, None))


def text_guidance(t: float, s: Sampling, *, t_max: float, reference: bool) -> Pair:
    """Return the pair of Eq. 5 at timestep t in 0..t_max; without a reference, that of classifier-free guidance."""
    if not reference:
        return Pair(s.w_c, Branch("c", None), Branch("uc", None))
    return Pair(s.w_c, Branch("c", max(t - s.dt, 0)), Branch("uc", min(t + s.dt_prime, t_max)))


def interleaved(lam: float, t: float, s: Sampling, *, t_max: float, reference: bool, negative: bool = False) -> Pair:
    """Choose the pair of a step by Eq. 6. `lam`: the step's lambda in [0, 1); `negative`: as in `reference_guidance`.

    At p_r = 0 the result is never Eq. 4 (although lambda may be 0); at p_r = 1 it always is.
    """
    if reference and s.p_r > 0 and lam <= s.p_r:
        return reference_guidance(t, s, negative=negative)
    return text_guidance(t, s, t_max=t_max, reference=reference)
