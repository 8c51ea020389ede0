"""`dreamtuner video`: generate a clip from a sequence of poses."""

from typing import Annotated

import typer

from deploy.cli.exit import OK, SOME_FAILED, leave, run_with_progress
from deploy.cli.options import AsJson, NewDefaults, NewWeights, SpecPath
from deploy.cli.terminal import print_line
from flows.settings import Settings


def video(
    spec: SpecPath,
    fps: Annotated[int, typer.Option(min=1, max=60, help="Frames per second.")] = 8,
    new_defaults: NewDefaults = False,
    new_weights: NewWeights = False,
    as_json: AsJson = False,
) -> None:
    """Generate a video from the poses of a spec: one clip per subject, prompt and seed, as MP4 and WebP.

    Each frame attends to the first and the previous frame as well as to the reference. Reports flicker (mean change of
    static pixels) next to that of independently generated frames. Run it again after an interrupt: finished frames are
    skipped. `video:` in the spec sets a driving film, scenes and references by frame, loops, and how frames see others.
    """
    from deploy.cli.local_run import run_video
    from deploy.cli.video_tables import print_clips, video_json
    from flows.planning.preflight import demand_models
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec
    from flows.video import demand_poses

    settings = Settings.load()
    parsed = read_spec(spec, frames=True)
    demand_poses(parsed)
    demand_models(parsed, Resources.open(settings))
    terminal, summary = run_with_progress(
        "video",
        settings,
        lambda line: run_video(
            parsed, fps, settings, line, line.started, new_defaults=new_defaults, new_weights=new_weights
        ),
    )
    if as_json:
        print_line(terminal, video_json(summary))
    else:
        print_clips(terminal.out, summary)
    leave(terminal, SOME_FAILED if summary.failed else OK)
