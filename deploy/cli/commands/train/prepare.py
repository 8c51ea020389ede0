"""`dreamtuner train prepare`: make images ready for the training of a subject-encoder."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.exit import OK, leave, run_with_progress
from deploy.cli.options import AsJson
from deploy.cli.terminal import Terminal, print_line
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.training.eyes import PrepareOptions
    from flows.training.prepare import PreparationSummary

Data = Annotated[
    str,
    typer.Option(
        help="Images: a folder, a .csv or .jsonl, WebDataset shards (a .tar, a pattern, s3://bucket/prefix).",
    ),
]
Given = Annotated[
    list[str] | None,
    typer.Option("--given", metavar="KIND", help="Control images of this kind lie beside all images; repeatable."),
]
Depth = Annotated[bool, typer.Option("--depth/--no-depth", help="Prepare depth maps, for the depth ControlNet.")]
Tags = Annotated[
    bool,
    typer.Option("--tags", help="Captions are lists of tags, as Danbooru's: shuffled and thinned in training."),
]
Square = Annotated[bool, typer.Option("--square", help="Crop all images to squares instead of sizes by aspect ratio.")]
Resolution = Annotated[
    int | None, typer.Option(min=16, help="Side of a square of as many pixels, in pixels; default: the profile's.")
]
Style = Annotated[str, typer.Option(help="The images' style, whose word captioners use.")]
ClassWord = Annotated[
    str, typer.Option(metavar="WORD", help="What all images show, such as dog, with which captioners begin.")
]


def prepare(
    data: Data,
    profile: Annotated[str, typer.Option(help="The profile whose subject-encoder is to be trained.")],
    out: Annotated[
        str | None, typer.Option(help="A folder, or s3://bucket/prefix; default: one in DREAMTUNER_HOME/train.")
    ] = None,
    given: Given = None,
    depth: Depth = True,
    tags: Tags = False,
    square: Square = False,
    resolution: Resolution = None,
    style: Style = "natural",
    class_word: ClassWord = "subject",
    per_shard: Annotated[int, typer.Option(min=1, help="Raw images of a shard.")] = 256,
    as_json: AsJson = False,
) -> None:
    """Mask, caption, crop and encode images for `train encoder`, in shards. The same command continues it.

    Captions (.txt), masks (.mask.png) and control images (.depth.png) beside an image are used; what is missing is
    found by the profile's masker, captioner and estimators. Faulty images are counted, and named in OUT/faulty.json.
    """
    options = prepare_options(given, depth, tags, square, resolution, style, per_shard, class_word)
    terminal, done = prepared(data, profile, out, options)
    if as_json:
        print_line(terminal, asdict(done))
    else:
        for words in prepared_words(done):
            terminal.out.print(words, soft_wrap=True, highlight=False, markup=False)
    leave(terminal, OK)


def prepare_options(
    given: list[str] | None,
    depth: bool,
    tags: bool,
    square: bool,
    resolution: int | None,
    style: str,
    per_shard: int = 256,
    class_word: str = "subject",
) -> "PrepareOptions":
    """Return the options of a preparation."""
    from dreamtuner.settings.styles import STYLES
    from flows.training.eyes import PrepareOptions

    word = STYLES[style].word  # its error names the styles
    kinds = ("depth",) if depth else ()
    return PrepareOptions(
        kinds, tuple(dict.fromkeys(given or ())), tags, square, resolution, word, per_shard, class_word
    )


def prepared(
    data: str, profile: str, out: str | None, options: "PrepareOptions"
) -> "tuple[Terminal, PreparationSummary]":
    """Run the flow with progress on stderr."""
    from deploy.cli.local_run import run_prepare

    settings = Settings.load()
    return run_with_progress(
        "prepare", settings, lambda line: run_prepare(data, profile, out, options, settings, line, line.started)
    )


def prepared_words(done: "PreparationSummary") -> list[str]:
    """Return the lines that `prepare` prints for people."""
    sizes = ", ".join(f"{count} of {size}" for size, count in sorted(done.sizes.items(), key=lambda one: -one[1]))
    lines = [f"{done.images} images prepared ({sizes}), {done.bytes / 1e6:.1f} MB: {done.out}"]
    if done.doubtful:
        lines.append(f"{done.doubtful} of them have a doubtful mask")
    if done.faulty:
        lines.append(f"{done.faulty} images cannot be used; {done.out}/faulty.json names them")
    return lines
