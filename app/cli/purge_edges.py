"""`dno purge-edges`: purges all responses at every edge."""

from app.db.edge_queue import queue_everything
from app.db.pool import open_pool
from app.settings import Settings


async def run(settings: Settings) -> str:
    """Returns what was done, in one sentence."""
    async with open_pool(settings) as pool:
        edges = await queue_everything(pool)
    if not edges:
        return "There is no edge to purge: no instance with EDGE_HEADERS and the address of one has been started."
    return f"The instances of the server purge everything now at: {', '.join(edges)}."
