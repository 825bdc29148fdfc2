"""The operators at a postal code."""

from typing import Final

from starlette.requests import Request

from app.domain.place import POSTAL_CODE
from app.web.language import Language
from schema.http.pages.form_page import FormError, FormPage
from schema.http.rest_operations import Map

_REASON: Final = (
    "Eine Postleitzahl hat fünf Ziffern, etwa 80331.",
    "A postal code has five digits, such as 80331.",
)


class MyOperatorPage(FormPage):
    computed = frozenset(("asked",))

    def _variables(self, variables: Map, language: Language) -> Map:
        """Raises FormError."""
        if "postalCode" not in variables:
            return variables
        code = variables["postalCode"].strip()
        if not POSTAL_CODE.fullmatch(code):
            raise FormError(*_REASON, "postalCode")
        return {"postalCode": code, "asked": True}

    async def _form(self, request: Request) -> Map:
        return {"code": None, "found": []}

    def _values(self, data: Map, variables: Map) -> Map:
        found: list[Map] = data.get("dnosAt") or []
        return {
            **super()._values(data, variables),
            "refusal": None,
            "code": variables.get("postalCode"),
            "found": found,
            "seats": bool(found) and all(each["basis"] == "SEAT" for each in found),
        }
