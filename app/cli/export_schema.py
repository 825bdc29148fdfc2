"""`dno export-schema`: prints the GraphQL schema."""

from pathlib import Path

from app.cli.standard_streams import binary_output
from app.errors import CannotStart


def run(file: Path | None, *, check: bool) -> None:
    from schema.root import schema_text

    text = schema_text()
    if file is None:
        binary_output().write(text.encode())
    elif check:
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            raise CannotStart(
                f"{file} differs from the schema of the code: write it again with dno export-schema {file}."
            )
    else:
        file.write_text(text, encoding="utf-8")
