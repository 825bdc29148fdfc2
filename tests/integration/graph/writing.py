"""Documents of all mutations with an input, and a caller that sends them."""

from typing import Any
from uuid import UUID

import httpx

from app.domain.hlzf import Hlzf
from app.domain.price import Price
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff
from tests.integration.graph.running import Headers

TARIFF = """
tariff {
  id version year voltageLevel verificationStatus publication source { url }
  leistung arbeit leistungUnter2500h arbeitUnter2500h
}
"""
HLZF = "hlzf { id version season windows { start end } verificationStatus publication }"
TIME_OF_USE = """
timeOfUse {
  id version year bands { band price } windows { quarter band start end } verificationStatus publication source { url }
}
"""
ENTRY = """
entry {
  ... on Tariff { id version leistung verificationStatus }
  ... on Hlzf { id version windows { start end } verificationStatus }
  ... on TimeOfUseTariff { id version bands { band price } windows { quarter band start end } verificationStatus publication }
  ... on Price { id version amount verificationStatus publication }
  ... on HolidayRule { id version bridgeDays verificationStatus }
  ... on Levy { id version value note verificationStatus }
}
"""
HOLIDAY_RULE = """
holidayRule {
  id version year bridgeDays excludedDates workingDates holidays holidayStates christmas timeStamps
  bridgeDayWords holidayWords verificationStatus source { url }
}
"""
PRICE = """
price {
  id version year kind voltageLevel variant amount unit derivedFrom verificationStatus publication source { url }
}
"""
LEVY = """
levy {
  id version kind customerGroup value unit validFrom validTo inhabitantsFrom inhabitantsTo note verificationStatus
}
"""
CORRECT_TARIFF = "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"
WARNINGS = "warnings { code message field }"
RESULTS = {
    "addTariff": TARIFF + WARNINGS,
    "correctTariff": TARIFF + WARNINGS,
    "addHlzf": HLZF + WARNINGS,
    "correctHlzf": HLZF + WARNINGS,
    "addTimeOfUse": TIME_OF_USE + WARNINGS,
    "correctTimeOfUse": TIME_OF_USE + WARNINGS,
    "addPrice": PRICE + WARNINGS,
    "correctPrice": PRICE + WARNINGS,
    "addHolidayRule": HOLIDAY_RULE + WARNINGS,
    "correctHolidayRule": HOLIDAY_RULE + WARNINGS,
    "addLevy": LEVY + WARNINGS,
    "correctLevy": LEVY + WARNINGS,
    "verify": ENTRY,
    "flag": ENTRY,
    "unflag": ENTRY,
    "delete": ENTRY,
    "undo": ENTRY,
    "revert": ENTRY,
}


def mutation(name: str) -> str:
    word = {"unflag": "verify", "undo": "revert"}.get(name, name)
    return f"""
    mutation ($input: {word[0].upper()}{word[1:]}Input!) {{
      {name}(input: $input) {{
        {RESULTS[name]}
        revision {{ id kind version changedAt changedBy reason changes {{ field before after }} }}
        errors {{ code message field currentVersion }}
      }}
    }}
    """


class Caller:
    """A client with the credentials in these headers."""

    def __init__(self, client: httpx.AsyncClient, headers: Headers) -> None:
        self.client = client
        self.headers = headers

    async def write(self, name: str, /, **input: Any) -> Any:
        """The payload of a mutation; the response must not have errors."""
        return (await self.execute(mutation(name), input=input))[name]

    async def execute(self, document: str, /, **variables: Any) -> Any:
        response = await self.execute_with_errors(document, **variables)
        assert "errors" not in response, response
        return response["data"]

    async def execute_with_errors(self, document: str, /, **variables: Any) -> Any:
        return (await self.send(document, **variables)).json()

    async def send(self, document: str, /, **variables: Any) -> httpx.Response:
        body = {"query": document, "variables": variables}
        return await self.client.post("/graphql", json=body, headers=self.headers)


def global_id(entry: Tariff | Hlzf | TimeOfUseTariff | Price) -> str:
    """The global id of the graph."""
    kind = "tou" if isinstance(entry, TimeOfUseTariff) else type(entry).__name__.lower()
    return f"{kind}_{entry.id.hex}"


def unknown_id(kind: str) -> str:
    return f"{kind}_{UUID(int=0).hex}"


def refusals(payload: Any) -> list[tuple[str, list[str] | None]]:
    """Code and path of each error."""
    return [(error["code"], error["field"]) for error in payload["errors"]]
