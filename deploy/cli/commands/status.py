"""`dreamtuner status`: summarise the catalog."""

from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result
from flows.settings import Settings, SettingsError


def status(as_json: AsJson = False) -> None:
    """Show cell counts by state, what still needs the missing cells, and the latest runs with what they cost."""
    from dataclasses import asdict

    from rich.console import Group

    from deploy.cli.tables import status_json, status_table, where_table
    from flows.execution.dead_runs import close_dead_runs
    from flows.resources import Resources
    from storage.catalog import views
    from storage.catalog.records import CELL_STATES, StatusView
    from storage.rates import Rates, RatesError
    from storage.redaction import redact_url

    settings = Settings.load()
    catalog = Resources.open(settings).catalog_if_any
    found, runs, missing_cells = StatusView(0, dict.fromkeys(CELL_STATES, 0), 0), [], views.MissingCells(0, 0, 0)
    metrics: dict[str, dict[str, dict[str, str]]] = {}
    figures: dict[str, views.RunFigures] = {}
    try:
        rates = Rates.load(settings.rates)
    except RatesError as error:
        raise SettingsError(str(error)) from error
    if catalog is not None:
        close_dead_runs(Resources.open(settings))
        with catalog.read() as s:
            found, runs, missing_cells = views.status(s), views.recent_runs(s, limit=10), views.missing_cells(s)
            metrics = views.metric_licences(s)
            figures = {run.id: views.run_figures(s, run.id) for run in runs}
    read = {"home": str(settings.home), "catalog": redact_url(settings.catalog_url)}
    read["store"] = redact_url(settings.store_url)
    if as_json:
        print_result(
            status_json(found, runs, figures, rates) | {"unmade": asdict(missing_cells), "metrics": metrics, **read}
        )
    else:
        print_result(Group(where_table(read), "", status_table(found, runs, missing_cells, figures, rates)))
