"""The health check of the image: requests /healthz at the port that the server has, and ends with status 0 or 1.

With the standard library only, because it runs every few seconds beside the server.
"""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Final

_TIMEOUT: Final = 2.0  # seconds
_EVERY: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def is_healthy(environment: Mapping[str, str]) -> bool:
    host = _setting(environment, "HOST", "127.0.0.1")
    connection = HTTPConnection(
        _EVERY.get(host, host), int(_setting(environment, "PORT", "8000")), timeout=_TIMEOUT
    )
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _setting(environment: Mapping[str, str], name: str, default: str) -> str:
    """As app/setting_names.py finds it."""
    return environment.get(f"DNO_{name}", environment.get(name, default))


if __name__ == "__main__":
    sys.exit(0 if is_healthy(os.environ) else 1)
