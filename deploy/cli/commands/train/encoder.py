"""`dreamtuner train encoder`: train the subject-encoder of a model on images of one's own."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.commands.train.pocket import print_line, train_part
from deploy.cli.commands.train.prepare import ClassWord, Depth, Given, Resolution, Square, Style, Tags
from deploy.cli.options import AsJson, no_url

if TYPE_CHECKING:
    from dreamtuner.train.encoder.settings import EncoderSettings
    from flows.training.run import EncoderResult


def encoder(
    profile: Annotated[str, typer.Option(help="The profile whose subject-encoder to train.")] = "pocket",
    data: Annotated[
        str | None,
        typer.Option(
            help="Images: what `train prepare` made, or what it takes, which is then prepared first. Without it, "
            "pocket is trained on rendered images."
        ),
    ] = None,
    preset: Annotated[
        str, typer.Option(help="one-24gb, one-80gb, eight-80gb, smoke (takes minutes), or a YAML file.")
    ] = "one-24gb",
    more: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting, such as loop.steps=5000.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of state, log and result; default DREAMTUNER_HOME/train/PROFILE.", callback=no_url),
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Replicas: GPUs, or CPU threads; the preset's.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto (a GPU if there is one).")] = "auto",
    minutes: Annotated[float | None, typer.Option(min=0, help="Save and stop after this many minutes.")] = None,
    start: Annotated[
        Path | None, typer.Option(help="Folder of a subject-encoder to start from instead of random weights.")
    ] = None,
    controlnet: Annotated[
        bool, typer.Option(help="Condition on depth; without a ControlNet layouts are copied (an ablation).")
    ] = True,
    licence: Annotated[str | None, typer.Option(help="Licence of the result; default: that of the profile.")] = None,
    data_licence: Annotated[str, typer.Option(help="Licence of the images, for the result's card.")] = "unknown",
    given: Given = None,
    depth: Depth = True,
    tags: Tags = False,
    square: Square = False,
    resolution: Resolution = None,
    style: Style = "natural",
    class_word: ClassWord = "subject",
    scale: Annotated[str, typer.Option(help="Pocket without --data: as for `train pocket`.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Train the subject-encoder (stage 1, Sec. 3.1) of a model; all other weights stay frozen.

    Writes OUT/subject-encoder.safetensors, with its config, licence and card, which `models add-encoder` puts into a
    profile, and OUT/curves.png. Interrupt it at any time: the same command resumes, also with other --processes.
    """
    if data is None:
        _pocket(profile, device, scale, out, minutes, controlnet)
        return
    from dreamtuner.train.processes.team import launched
    from flows.settings import Settings
    from flows.training.places import places_of
    from flows.training.run import train_encoder

    settings = _settings(preset, more or [], processes, controlnet)
    home = Settings.load().home
    model, on = _model(profile, device, controlnet=settings.controlnet)
    folder = out or home / "train" / profile / "encoder"
    place = data
    if not _is_prepared(data):
        flags = [*(f"--given={kind}" for kind in given or ()), f"--style={style}"]
        flags += [f"--class-word={class_word}"]
        flags += ["--depth" if depth and settings.controlnet else "--no-depth"]
        flags += [flag for flag, wanted in (("--tags", tags), ("--square", square)) if wanted]
        flags += [] if resolution is None else [f"--resolution={resolution}"]
        place = _prepared(data, profile, flags)
    done = train_encoder(
        model,
        places_of(place, home / "train" / "shards"),
        settings,
        folder,
        device=on,
        minutes=minutes,
        start=start,
        licence=licence,
        data_licence=data_licence,
        say=print_line,
    )
    if (launched() or (0, 1))[0] > 0:  # of several processes the first one says what they made
        return
    _show(done, profile, as_json)
    if done.file is None:
        raise typer.Exit(1)


def _prepared(data: str, profile: str, flags: list[str]) -> str:
    """Prepare images in a process of its own, whose models then free their memory. Returns their place."""
    import subprocess
    import sys

    from dreamtuner.train.processes.team import launched
    from flows.spec.problems import InputError, Problem

    if launched() is not None:
        message = "several processes would prepare the same images; prepare them first: dreamtuner train prepare"
        raise InputError("train", [Problem(path=("--data",), message=message)])
    command = [sys.executable, "-m", "deploy.cli.main", "train", "prepare", "--profile", profile, "--data", data]
    done = subprocess.run([*command, *flags, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
    made = json.loads(done.stdout.splitlines()[-1])
    print_line(f"{made['images']} images prepared, {made['faulty']} faulty: {made['out']}")
    return str(made["out"])


def _show(done: "EncoderResult", profile: str, as_json: bool) -> None:
    from deploy.cli.terminal import plain_terminal, print_line

    terminal = plain_terminal()
    if as_json:
        shown = {"folder": str(done.folder), "steps": done.steps, "of": done.of, "last": done.last}
        print_line(terminal, {**shown, "file": None if done.file is None else str(done.file)})
        return
    words = f"saved after {done.steps} of {done.of} steps; run the same command to continue: {done.folder}"
    if done.file is not None:
        words = f"trained for {done.steps} steps: {done.file}\nadd it: dreamtuner models add-encoder {done.file} "
        words += f"--profile {profile}"
    terminal.out.print(words, soft_wrap=True, highlight=False, markup=False)


def _settings(preset: str, more: list[str], processes: int | None, controlnet: bool) -> "EncoderSettings":
    """Return the preset's settings with the changes of the command line. Raises InputError."""
    from pydantic import ValidationError

    from dreamtuner.train.encoder.settings import PRESETS, EncoderSettings
    from flows.spec.problems import InputError, Problem, problems_of

    try:
        values = PRESETS.load(preset).model_dump()
    except ValueError as error:
        raise InputError("train", [Problem(path=("--preset",), message=str(error))]) from error
    values["controlnet"] = values["controlnet"] and controlnet
    for one in more:
        _set(values, one)
    if processes is not None:
        values["processes"] = processes
    try:
        return EncoderSettings.model_validate(values)
    except ValidationError as error:
        raise InputError("--set", problems_of(error, EncoderSettings)) from error


def _set(values: dict[str, Any], one: str) -> None:
    """Set KEY=VALUE, where a key may be loop.steps."""
    from flows.spec.problems import InputError, Problem

    path, equals, text = one.partition("=")
    *parents, key = path.split(".")
    inner: Any = values
    for parent in parents:
        inner = inner.get(parent) if isinstance(inner, dict) else None
    if not equals or not isinstance(inner, dict) or key not in inner:
        keys = [name for name in values if name not in ("loop", "tags")]
        keys += [f"{name}.{field}" for name in ("tags", "loop") for field in values[name]]
        message = f"{one!r} is not KEY=VALUE with a key of: {', '.join(keys)}"
        raise InputError("train", [Problem(path=("--set",), message=message)])
    try:
        inner[key] = json.loads(text)
    except ValueError:
        inner[key] = text


def _model(profile: str, device: str, *, controlnet: bool) -> tuple[Any, str]:
    """Return the profile, whose weights are here, and the device. Raises InputError without its depth ControlNet."""
    from dreamtuner.models.layouts import LayoutError, require_controlnet
    from dreamtuner.models.weights import require_clip, require_weights
    from dreamtuner.plugins import UnknownNameError
    from flows.resources import Resources
    from flows.settings import Settings
    from flows.spec.problems import InputError, Problem

    settings = Settings.load()
    _demand_device(device)
    resources = Resources.open(settings.model_copy(update={"device": device}) if device != "auto" else settings)
    try:
        model = resources.profile(profile)
    except UnknownNameError as error:
        raise InputError("train", [Problem(path=("--profile",), message=str(error))]) from error
    require_weights(model)
    require_clip(model)
    if controlnet:
        try:
            require_controlnet(model, "depth")
        except LayoutError as error:
            message = f"{error}; or train without it, which copies layouts: --no-controlnet"
            raise InputError("train", [Problem(path=("--profile",), message=message)]) from error
    return model, resources.device


def _demand_device(device: str) -> None:
    """Raise InputError unless the device is known and here."""
    import torch

    from flows.spec.problems import InputError, Problem

    if device not in ("auto", "cpu") and not device.startswith("cuda"):
        message = f"{device!r} is not one of auto, cpu, cuda"
    elif device.startswith("cuda") and not torch.cuda.is_available():
        message = "no CUDA device is available; give --device cpu"
    else:
        return
    raise InputError("train", [Problem(path=("--device",), message=message)])


def _is_prepared(data: str) -> bool:
    from dreamtuner.train.data.manifest import MANIFEST
    from storage.objects import open_store
    from storage.objects.store import StoreError

    if data.endswith((".csv", ".jsonl", ".tar")) or "*" in data:
        return False
    try:
        return open_store(data).exists(MANIFEST)
    except StoreError:
        return False


def _pocket(profile: str, device: str, scale: str, out: Path | None, minutes: float | None, controlnet: bool) -> None:
    """Train pocket's encoder on images rendered on the fly."""
    if profile != "pocket":
        print_line(f"dreamtuner: --data: give the images to train the encoder of {profile!r} on")
        raise typer.Exit(2)
    train_part("encoder", device, scale, out, minutes=minutes, controlnet=controlnet)
