"""Every write that takes an input, as a document; and somebody to send it."""

from typing import Any
from uuid import UUID

import httpx

from app.domain.hlzf import Hlzf
from app.domain.tariff import Tariff
from tests.integration.graph.running import Headers

TARIFF = """
tariff {
  id version year voltageLevel verificationStatus source { url }
  leistung arbeit leistungUnter2500h arbeitUnter2500h
}
"""
HLZF = "hlzf { id version season windows { start end } verificationStatus }"
ENTRY = """
entry {
  ... on Tariff { id version leistung verificationStatus }
  ... on Hlzf { id version windows { start end } verificationStatus }
}
"""
WARNINGS = "warnings { code message field }"
RESULTS = {
    "addTariff": TARIFF + WARNINGS,
    "correctTariff": TARIFF + WARNINGS,
    "addHlzf": HLZF + WARNINGS,
    "correctHlzf": HLZF + WARNINGS,
    "verify": ENTRY,
    "flag": ENTRY,
    "revert": ENTRY,
}


def mutation(name: str) -> str:
    return f"""
    mutation ($input: {name[0].upper()}{name[1:]}Input!) {{
      {name}(input: $input) {{
        {RESULTS[name]}
        revision {{ id kind version changedAt changedBy reason changes {{ field before after }} }}
        errors {{ code message field currentVersion }}
      }}
    }}
    """


class Caller:
    """Somebody, known by these headers."""

    def __init__(self, client: httpx.AsyncClient, headers: Headers) -> None:
        self._client = client
        self.headers = headers

    async def write(self, name: str, /, **input: Any) -> Any:
        """The payload of an answer without errors of its own."""
        return (await self.execute(mutation(name), input=input))[name]

    async def execute(self, document: str, /, **variables: Any) -> Any:
        answer = await self.execute_with_errors(document, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def execute_with_errors(self, document: str, /, **variables: Any) -> Any:
        return (await self.send(document, **variables)).json()

    async def send(self, document: str, /, **variables: Any) -> httpx.Response:
        asked = {"query": document, "variables": variables}
        return await self._client.post("/graphql", json=asked, headers=self.headers)


def name(entry: Tariff | Hlzf) -> str:
    """As the graph names it."""
    return f"{type(entry).__name__.lower()}_{entry.id.hex}"


def nameless(kind: str) -> str:
    return f"{kind}_{UUID(int=0).hex}"


def refusals(payload: Any) -> list[tuple[str, list[str] | None]]:
    """Code and path of each error."""
    return [(error["code"], error["field"]) for error in payload["errors"]]
