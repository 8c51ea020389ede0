"""`dreamtuner plan`: show what a run would generate."""

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson, NewDefaults, SpecPath
from deploy.cli.terminal import print_result


def plan(spec: SpecPath, new_defaults: NewDefaults = False, as_json: AsJson = False) -> None:
    """Show what `run` would generate, and which references it would reject. Writes nothing."""
    from deploy.cli.tables import plan_json, plan_table
    from flows.planning.preview import preview
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec

    parsed = read_spec(spec)
    found = preview(parsed, Resources.open(), new_defaults=new_defaults)
    print_result(plan_json(parsed, found) if as_json else plan_table(parsed, found))
    if any(one.error for one in found.subjects):
        raise typer.Exit(SOME_FAILED)
