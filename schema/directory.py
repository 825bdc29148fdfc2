"""The directory of operators, with the parts that a query uses."""

from app.domain.directory import Directory
from app.domain.directory_pages import DnoOrder
from app.domain.directory_parts import Part
from app.resources import Resources
from loaders.registry import Loaders
from schema.context import Context


async def load_directory(context: Context, *parts: Part | DnoOrder) -> Directory:
    """With these parts, derived in short steps if they are used for the first time."""
    return await directory_of(context.resources, context.loaders, *parts)


async def directory_of(resources: Resources, loaders: Loaders, *parts: Part | DnoOrder) -> Directory:
    """The same by other loaders than those of an operation."""
    (record,) = await loaders.directory.load_many([None])
    directory = await resources.directories.of(record)
    await directory.prepare(*parts)
    return directory
