"""Loads a pipeline from one file offline: the configs and the tokenizer of Stable Diffusion 1.5 and 2.1 ship."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from diffusers.loaders import FromSingleFileMixin
from safetensors import safe_open

from dreamtuner.families.unet.conversion.configs import AUTO, SHIPPED, configs_for, with_prediction, write_configs
from dreamtuner.models.intake.file_kinds import file_kind
from dreamtuner.models.intake.safetensors_header import read_header

_MODELS = ("sd15", "sd2")


class SingleFileMixin(FromSingleFileMixin):  # type: ignore[misc]
    """diffusers' mixin of this name, with the configs that ship."""

    @classmethod
    def from_single_file(
        cls, pretrained_model_link_or_path: str | Path, *, config: str | Path | None = None, **kwargs: Any
    ) -> Self:
        """Load a pipeline from one file.

        `config`: None reads the architecture of a local .safetensors file off its weights, by the configs that ship;
        "sd15", "sd21" or "sd21-base" states it, as files of 2.x without metadata need; a folder in diffusers' layout or
        a repository of the hub is used as diffusers does, as are `kwargs` and files at other places.

        Raises:
            IntakeError: the file is of another kind, or does not tell which configs it needs.
            ValueError: configs that ship are stated for a file of another form.
        """
        file = Path(pretrained_model_link_or_path)
        readable = file.suffix == ".safetensors" and file.is_file()
        if config in SHIPPED and not readable:
            raise ValueError(
                f"config: {config} is for a local .safetensors file; write {file.name} as one by: "
                "dreamtuner models convert"
            )
        if not readable or "original_config" in kwargs or (config is not None and config not in SHIPPED):
            own = {} if config is None else {"config": str(config)}
            return super().from_single_file(str(pretrained_model_link_or_path), **own, **kwargs)  # type: ignore[no-any-return]
        with TemporaryDirectory() as folder:
            _write_configs(file, AUTO if config is None else str(config), Path(folder))
            found = super().from_single_file(str(file), config=folder, **{"local_files_only": True, **kwargs})
        return found  # type: ignore[no-any-return]


def _write_configs(file: Path, stated: str, folder: Path) -> None:
    shapes = {name: one.shape for name, one in read_header(file).items()}
    with safe_open(file, "pt") as opened:
        found = file_kind(shapes, opened.metadata() or {}, file.name)
    if found.kind not in _MODELS:
        raise ValueError(f"{file.name} is of kind {found.kind}; this pipeline is for Stable Diffusion 1.x and 2.x")
    configs, _ = configs_for(with_prediction(found, stated, None), shapes, stated, file.name)
    write_configs(configs, found.kind, folder)
