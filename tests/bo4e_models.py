"""The models of the package `bo4e` that price sheets are read with; unknown members are allowed there, so they are looked for here."""

import warnings
from collections.abc import Iterator
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of pydantic, in the package's own models
    import bo4e

MODELS = {
    "PREISBLATTNETZNUTZUNG": bo4e.PreisblattNetznutzung,
    "PREISBLATTMESSUNG": bo4e.PreisblattMessung,
    "PREISBLATTDIENSTLEISTUNG": bo4e.PreisblattDienstleistung,
}


def read_sheets(sheets: list[Any]) -> list[Any]:
    """All objects in these sheets. Raises ValidationError, and AssertionError for a member that the standard does not have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        objects = list(_objects([MODELS[sheet["_typ"]].model_validate(sheet) for sheet in sheets]))
    assert [each.model_extra for each in objects if each.model_extra] == []
    return objects


def _objects(value: Any) -> Iterator[Any]:
    if hasattr(value, "model_extra"):
        yield value
        for name in type(value).model_fields:
            yield from _objects(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from _objects(each)
