"""Print the libraries that some extras of pyproject.toml bring, one a line. The standard library alone.

An image installs them before the program, so that a change of the program alone rebuilds no library:
`python3 requirements.py dashboard,postgres,s3`, beside pyproject.toml.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def requirements(project: dict[str, Any], extras: Sequence[str]) -> list[str]:
    """Return the requirements of the core and of `extras`, sorted; ours within them are followed.

    `project`: the table [project] of pyproject.toml. Raises KeyError, with those that exist, for an unknown extra.
    """
    optional: dict[str, list[str]] = project["optional-dependencies"]
    found, left = set(project["dependencies"]), list(extras)
    while left:
        extra = left.pop()
        if extra not in optional:
            raise KeyError(f"there is no extra {extra!r}; choose from: {', '.join(sorted(optional))}")
        for line in optional[extra]:
            within = re.fullmatch(rf"{project['name']}\[([^\]]+)\]", line)
            if within is None:
                found.add(line)
            else:
                left += [one.strip() for one in within[1].split(",")]
    return sorted(found)


if __name__ == "__main__":
    table = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    print("\n".join(requirements(table, [one.strip() for one in sys.argv[1].split(",") if one.strip()])))
