"""Estimates the memory that a profile's model takes, from the headers of its files, and what is free. No torch."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from dreamtuner.models.intake.safetensors_header import read_header
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import weight_files
from dreamtuner.settings.sampling import Dtype

HEADROOM = 1.1
"""Factor for what loading takes beyond the weights. An image's own memory depends on its size and is not included."""


def weights_bytes(profile: Profile, dtype: Dtype | None = None) -> int:
    """Estimate the bytes of all weights in memory; "auto" counts as 2 bytes a number. `dtype`: None: the profile's.

    Files that are not safetensors count by their size.
    """
    each = 4 if (dtype or profile.natural.dtype) == "float32" else 2
    parts = [*profile.image_parts, *(("subject_encoder",) if profile.has_encoder else ())]
    total = 0
    for part in parts:
        for file in weight_files(profile.folder(part), profile.variant):
            if file.suffix == ".safetensors":
                total += sum(one.numbers for one in read_header(file).values()) * each
            else:
                total += file.stat().st_size
    return total


def memory_problem(profile: Profile, free_bytes: int, dtype: Dtype | None = None) -> str | None:
    """Return why the model does not fit into this much memory; None if its weights do."""
    needed = int(weights_bytes(profile, dtype) * HEADROOM)
    if needed <= free_bytes:
        return None
    wide = (dtype or profile.natural.dtype) == "float32"
    smaller = ", set sampling.dtype to float16 or bfloat16" if wide else ""
    return (
        f"the weights of {profile.name} take {needed / 1e9:.1f} GB in memory, {free_bytes / 1e9:.1f} GB are free; end "
        f"other programs, use a device with more memory{smaller}"
    )


def free_memory_bytes() -> int | None:
    """Return the memory that this process can still take without swapping, bytes; None if the system does not say.

    Inside a container its limit counts, too.
    """
    found = []
    with suppress(OSError, LookupError, ValueError):
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        cache = sum(
            int(line.split()[1])
            for line in (group / "memory.stat").read_text().splitlines()
            if line.startswith(("inactive_file ", "active_file "))
        )
        found.append(int(limit) - int(used) + cache)
    return min(found, default=None)
