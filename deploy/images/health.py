"""Probe a server of this container by HTTP: exit code 0 if it answers with success, 1 if not."""

import sys
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

SECONDS = 4.0


def healthy(url: str) -> tuple[bool, str]:
    """Ask `url`, through no proxy, for at most 4 s; return whether it answered with success, and what it said."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=SECONDS) as answer:
            return True, f"{url}: {answer.status}"
    except (URLError, OSError, ValueError) as error:
        return False, f"{url}: {error}"


if __name__ == "__main__":
    well, said = healthy(sys.argv[1])
    print(said)
    sys.exit(0 if well else 1)
