"""Schemas of the OpenAPI document that are generated from structs, with their docstrings as descriptions."""

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

import msgspec

from schema.http.openapi_parts import Json


def components_of(types: Sequence[Any]) -> tuple[tuple[Json, ...], Json]:
    """The schemas of these types, and the components that they refer to."""
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for component in components.values():
        # Python removes the indentation of docstrings since 3.13 only.
        if "description" in component:
            component["description"] = cleandoc(component["description"])
    return schemas, components
