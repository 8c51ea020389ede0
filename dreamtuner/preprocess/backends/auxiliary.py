"""What captioners and estimators with an auxiliary model share: its version and the place to load it from."""

from __future__ import annotations

from pathlib import Path

from dreamtuner.models.auxiliary import auxiliary_digest, require_auxiliary
from dreamtuner.models.intake.memory_check import HEADROOM, free_memory_bytes
from dreamtuner.models.weights import WeightsMissingError, weight_files
from dreamtuner.preprocess.maskers import MISSING


class ModelTooLargeError(WeightsMissingError):
    """This worker has not the memory for a model, which another one may have; the message says how much it takes."""


class AuxiliaryBackend:
    """A backend with one auxiliary model, which `dreamtuner models fetch` provides.

    It computes on the CPU in float32, so that every worker finds the same. Increment `computation` when equal images
    would give other results.
    """

    computation = "1"
    model: str

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the auxiliary models."""
        return (self.model,)

    @property
    def version(self) -> str:
        """`<computation>-<first 12 digits of the model's digest>`."""
        try:
            return f"{self.computation}-{auxiliary_digest(self.model)[:12]}"
        except WeightsMissingError:
            return f"{self.computation}-{MISSING}"

    def place(self) -> Path:
        """Return the model's folder. Raises WeightsMissingError, which names the command, if it is missing."""
        return require_auxiliary(self.model)


def demand_memory(name: str, folder: Path) -> None:
    """Raise ModelTooLargeError if the weights of an auxiliary model do not fit into the memory that is free."""
    needed = int(sum(one.stat().st_size for one in weight_files(folder)) * HEADROOM)
    free = free_memory_bytes()
    if free is not None and free < needed:
        raise ModelTooLargeError(
            f"the model {name} takes {needed / 1e9:.1f} GB in memory, {free / 1e9:.1f} GB are free; end other "
            "programs, use a machine with more memory, or choose another model"
        )
