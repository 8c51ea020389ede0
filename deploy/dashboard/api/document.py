"""Print the OpenAPI document: `python -m deploy.dashboard.api.document`; docs/reference/openapi.json keeps it."""

from __future__ import annotations

import json
import sys

from deploy.dashboard.api.app import create_api

if __name__ == "__main__":
    sys.stdout.write(json.dumps(create_api(1).openapi(), indent=1, sort_keys=True) + "\n")
