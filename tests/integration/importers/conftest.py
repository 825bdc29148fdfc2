"""`load(kind, text, …)` imports texts as files."""

import io
from collections.abc import Callable, Coroutine

import pytest

from app.db.pool import Pool
from app.importers.load import File, Kind, Report, import_files
from app.settings import Settings

Load = Callable[..., Coroutine[None, None, Report]]


@pytest.fixture
def load(settings: Settings, pool: Pool) -> Load:
    async def load(kind: Kind, *texts: str, **options: object) -> Report:
        files = [File(f"{n}.csv", io.BytesIO(text.encode())) for n, text in enumerate(texts, 1)]
        return await import_files(settings.database_url, kind, files, **options)

    return load
