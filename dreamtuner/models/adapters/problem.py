"""The error of every check of adapters, and how the shapes in a file are read for them."""

from __future__ import annotations

from pathlib import Path

from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.safetensors_header import read_header

Shapes = dict[str, tuple[int, ...]]
_WEIGHTS = (".safetensors", ".pt", ".bin")


class AdapterError(ValueError):
    """A LoRA, VAE or embedding that cannot be used; `path`: the field in the spec, such as ("sampling", "vae")."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(f"{'.'.join(path)}: {message}")
        self.path, self.message = path, message


def file_of(place: Path) -> Path:
    """Return the one file at the place of a LoRA or embedding: itself, or the only weights in a folder."""
    files = [one for one in sorted(place.iterdir()) if one.suffix in _WEIGHTS] if place.is_dir() else [place]
    return files[0] if len(files) == 1 else place / "(one file of weights)"


def shapes_in(file: Path, path: tuple[str, ...]) -> Shapes:
    """Return the shape of each tensor in a safetensors file; reads its header only. Raises AdapterError."""
    if not file.is_file():
        raise AdapterError(path, f"the file {file} is missing; put it there, or choose another")
    try:
        return {name: one.shape for name, one in read_header(file).items()}
    except (IntakeError, OSError) as error:
        raise AdapterError(path, str(error)) from error
