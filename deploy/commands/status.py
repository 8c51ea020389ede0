"""`dreamtuner status`: how far the catalog is."""

from deploy.arguments import AsJson
from deploy.terminal import print_result
from flows.settings import Settings


def status(as_json: AsJson = False) -> None:
    """Show how much is planned, generating, generated, failed and lost, and the last runs."""
    from deploy.tables import status_json, status_table
    from flows.dead import close_dead_runs
    from flows.resources import catalog_if_any
    from storage.catalog import views
    from storage.catalog.records import CELL_STATES, StatusView

    settings = Settings.load()
    catalog = catalog_if_any(settings)
    found, runs = StatusView(0, dict.fromkeys(CELL_STATES, 0), 0), []
    if catalog is not None:
        close_dead_runs(settings)
        with catalog.read() as s:
            found, runs = views.status(s), views.recent_runs(s, limit=10)
    print_result(status_json(found, runs) if as_json else status_table(found, runs))
