"""The error of every check of adapters, and how the shapes in a file are read for them."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

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
        with safe_open(file, framework="np") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        message = f"{file} is not a safetensors file, or not all of it ({error}); get it again"
        raise AdapterError(path, message) from error
