"""`dreamtuner video`: a sequence of poses becomes a clip."""

from typing import Annotated

import typer

from deploy.cli.exit import OK, SOME_FAILED, followed, leave
from deploy.cli.options import AsJson, NewDefaults, SpecPath
from deploy.cli.terminal import print_line
from flows.settings import Settings


def video(
    spec: SpecPath,
    fps: Annotated[int, typer.Option(min=1, max=60, help="Frames a second.")] = 8,
    new_defaults: NewDefaults = False,
    as_json: AsJson = False,
) -> None:
    """Make the poses of a spec the frames of a video: one clip a subject, prompt and seed, as MP4 and WebP.

    Each frame looks at the first and the previous one beside the reference. How much that calms is said: the flicker is
    the mean change of what does not move, against the same poses drawn independently. Run it again after an interrupt:
    only missing frames are drawn.
    """
    from deploy.cli.local_run import run_video
    from deploy.cli.video_tables import print_clips, video_json
    from flows.planning.preflight import demand_models
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec
    from flows.video import demand_poses

    settings = Settings.load()
    order = read_spec(spec, frames=True)
    demand_poses(order)
    demand_models(order, Resources.open(settings))
    terminal, summary = followed(
        "video",
        settings,
        lambda line: run_video(order, fps, settings, line, line.started, new_defaults=new_defaults),
    )
    if as_json:
        print_line(terminal, video_json(summary))
    else:
        print_clips(terminal.out, summary)
    leave(terminal, SOME_FAILED if summary.failed else OK)
