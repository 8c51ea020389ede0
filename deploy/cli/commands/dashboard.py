"""`dreamtuner dashboard`: serve the web application on this machine."""

from typing import Annotated

import typer


def dashboard(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 picks a free one.")] = 8265,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the dashboard: browse, review, compare and export outputs, and start flows.

    Prints its address and, until an admin has set a password, a link to set one.
    """
    from deploy.dashboard.serve import serve
    from deploy.dashboard.settings import Settings as DashboardSettings
    from deploy.dashboard.settings import SettingsError as DashboardSettingsError
    from flows.settings import Settings, SettingsError
    from storage.objects import StoreError

    Settings.load()  # the same variables, validated as everywhere else
    try:
        serve(DashboardSettings.load(), host=host, port=port, say=lambda words: typer.echo(words))
    except DashboardSettingsError as error:
        raise SettingsError(str(error)) from error
    except StoreError as error:
        raise SettingsError(f"DREAMTUNER_STORE_URL: {error}") from error
    except OverflowError as error:
        raise OSError(f"port {port}: {error}") from error
