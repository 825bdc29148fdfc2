"""`dno export-schema`: prints the GraphQL schema."""

import sys
from pathlib import Path

from app.errors import CannotStart


def run(file: Path | None, *, check: bool) -> None:
    from schema.root import schema_text

    text = schema_text()
    if file is None:
        sys.stdout.write(text)
    elif check:
        if not file.is_file() or file.read_text() != text:
            raise CannotStart(
                f"{file} differs from the schema of the code: write it again with dno export-schema {file}."
            )
    else:
        file.write_text(text)
