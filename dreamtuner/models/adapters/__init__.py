"""What a profile offers beside a model's own weights: LoRAs, VAEs, embeddings. Names, checks, digests. No torch."""

from dreamtuner.models.adapters.choice import (
    Adapters,
    adapter_digest,
    adapters_of,
    adapters_used,
    check_settings,
    embedding_label,
)
from dreamtuner.models.adapters.problem import AdapterError

__all__ = [
    "AdapterError",
    "Adapters",
    "adapter_digest",
    "adapters_of",
    "adapters_used",
    "check_settings",
    "embedding_label",
]
