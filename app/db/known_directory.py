"""The directory as it was read last, so that PostgreSQL sends it again only if it has changed."""

from app.domain.directory_record import DirectoryRecord


class KnownDirectory:
    """`digest`: of all rows, by PostgreSQL. Each read compares it there: what is kept here is never served unasked."""

    __slots__ = ("digest", "record")

    def __init__(self) -> None:
        self.digest = ""
        self.record = DirectoryRecord()
