"""`dreamtuner dashboard`: the web application, on this machine."""

from typing import Annotated

import typer


def dashboard(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0 takes any free port.")] = 8265,
    host: Annotated[str, typer.Option(help="The address that it listens at.")] = "127.0.0.1",
) -> None:
    """Open the dashboard: look at outputs, review, compare and export them, and order flows.

    Prints its address and, until an admin has set a password, a link that sets one.
    """
    from deploy.dashboard.serve import serve
    from deploy.dashboard.settings import Settings as DashboardSettings
    from deploy.dashboard.settings import SettingsError as NotUsable
    from flows.settings import Settings, SettingsError
    from storage.objects import StoreError

    Settings.load()  # the same variables, judged as everywhere else
    try:
        serve(DashboardSettings.load(), host=host, port=port, say=lambda words: typer.echo(words))
    except NotUsable as error:
        raise SettingsError(str(error)) from error
    except StoreError as error:
        raise SettingsError(f"DREAMTUNER_STORE_URL: {error}") from error
    except OverflowError as error:
        raise OSError(f"port {port}: {error}") from error
