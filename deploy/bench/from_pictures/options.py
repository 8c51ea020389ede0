"""What the benchmarks of generated pictures share: their weights, and where they say how far they are."""

from functools import partial

import typer

from deploy.bench.refusal import refuse

say = partial(typer.echo, err=True)


def weights_of(text: str) -> list[float]:
    """Return the weights that an option lists; ends the command if it lists none, or one that is not above 0."""
    try:
        found = [float(one) for one in text.split(",")]
    except ValueError:
        found = [0.0]
    if not all(0 < one <= 100 for one in found):
        refuse(f"--weights {text!r}: give numbers above 0 and up to 100, separated by commas")
    return list(dict.fromkeys(found))
