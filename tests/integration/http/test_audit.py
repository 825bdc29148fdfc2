"""GraphQL over HTTP, checked by the audits of the specification's authors."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PACKAGES = HERE.parents[2] / "app" / "web" / "graphiql"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (PACKAGES / "node_modules" / "graphql-http").exists(),
    reason="needs Node and the package graphql-http, which `make assets` fetches",
)


def test_no_audit_fails(instance: Callable[..., Any]) -> None:
    """Neither of a MUST nor of a SHOULD nor of a MAY."""
    url = f"{instance().url}/graphql"
    finished = subprocess.run(
        ["node", HERE / "audit.mjs", url, PACKAGES], check=True, capture_output=True, timeout=60
    )
    results = json.loads(finished.stdout)
    assert len(results) > 50
    assert [result for result in results if result["status"] != "ok"] == []
