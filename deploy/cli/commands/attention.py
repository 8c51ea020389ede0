"""`dreamtuner attention`: where a point of a picture looked in the reference."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import AsJson, no_url
from deploy.cli.terminal import plain_terminal, print_result, say


def attention(
    cell: Annotated[str, typer.Argument(metavar="CELL", help="A cell's digest, or a PNG file that was drawn here.")],
    point: Annotated[str, typer.Option(help="x,y from the upper left corner of the picture, each 0..1.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write the map too, a PNG file.", callback=no_url)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which patches of the reference a point of a drawn picture looked at, by layer and step.

    The cell is drawn once more from its recipe, and compared with the stored picture; both are said. The map is kept
    with the picture, and the dashboard shows it there.
    """
    from flows.attention import store_map
    from flows.execution.attention_map import attention_map
    from flows.resources import Resources

    resources = Resources.open()
    made = attention_map(cell, point, resources)
    if output is not None:
        made.image.save(output)
    kept = store_map(made, resources)
    if as_json:
        said = {"cell": made.digest, "redrawn": made.redrawn, "shares": made.shares}
        print_result({**said, "map": None if output is None else str(output), "sha256": kept})
    else:
        shares = ", ".join(f"{title} {100 * share:.0f} %" for title, share in made.shares.items())
        say(plain_terminal(), made.redrawn)
        plain_terminal().out.print(
            f"{output or 'kept with the picture'}: attention on the reference: {shares}",
            soft_wrap=True,
            highlight=False,
        )
