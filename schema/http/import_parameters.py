"""What an import over HTTP is asked for: kind, file name and options, from the address."""

from enum import StrEnum
from pathlib import PurePath
from typing import Final, TypeVar

from starlette.datastructures import QueryParams
from starlette.requests import Request

from app.db.export import Table
from app.errors import AppError, BadInput, Code, quoted
from app.importers.decimals import Decimal
from app.importers.encodings import Encoding
from app.importers.load import Kind
from app.importers.records import Format, ReadOptions
from schema.http.parameters import check_parameters

PARAMETERS: Final = (
    "dryRun",
    "strict",
    "skipRefused",
    "overwrite",
    "ignoreExtra",
    "format",
    "encoding",
    "separator",
    "decimal",
    "sheet",
    "fileName",
)
MAX_NAME: Final = 200
_FLAGS: Final = {"true": True, "false": False}
_REGISTER: Final = "mastr"

E = TypeVar("E", bound=StrEnum)


class ImportParameters:
    """Raises BadInput with the name of a parameter; every one is checked before the file is received."""

    def __init__(self, parameters: QueryParams) -> None:
        check_parameters(parameters, *PARAMETERS)
        self._parameters = parameters
        self.dry_run = self._flag("dryRun")
        self.strict = self._flag("strict")
        self.skip_refused = self._flag("skipRefused")
        if self.strict and self.skip_refused:
            raise BadInput(
                "With strict an import is refused for unusual values; with skipRefused refused rows stay out. One of both is possible.",
                argument="skipRefused",
            )
        self.overwrite = self._flag("overwrite")
        self._file_name = self._one("fileName")
        self.options = ReadOptions(
            format=self._choice("format", Format),
            encoding=self._choice("encoding", Encoding),
            separator=self._separator(),
            decimal=self._choice("decimal", Decimal),
            sheet=self._one("sheet"),
            ignore_extra=self._flag("ignoreExtra"),
        )

    def _one(self, name: str) -> str | None:
        given = self._parameters.getlist(name)
        if len(given) > 1:
            raise BadInput(f"The parameter {name} is given {len(given)} times.", argument=name)
        if given and not (0 < len(given[0]) <= MAX_NAME and given[0].isprintable()):
            raise BadInput(f"The parameter {name} has 1 to {MAX_NAME} printable characters.", argument=name)
        return given[0] if given else None

    def _flag(self, name: str) -> bool:
        given = self._one(name)
        if given is not None and given not in _FLAGS:
            raise BadInput(f"The parameter {name} is true or false, and not {quoted(given)}.", argument=name)
        return _FLAGS[given or "false"]

    def _choice(self, name: str, choices: type[E]) -> E | None:
        given = self._one(name)
        if given is not None and given not in set(choices):
            raise BadInput(
                f"The parameter {name} is one of {', '.join(choices)}, and not {quoted(given)}.",
                argument=name,
            )
        return None if given is None else choices(given)

    def _separator(self) -> str | None:
        given = self._one("separator")
        if given == "tab":
            return "\t"
        if given is not None and (len(given) != 1 or given in "\"'"):
            raise BadInput("The parameter separator is one character, or tab.", argument="separator")
        return given

    def name_of(self, uploaded: str | None) -> str:
        """Of a file that a form names so. Without folders: the reasons of revisions are public."""
        given = self._file_name or uploaded or ""
        name = PurePath(given.replace("\\", "/")).name
        return "".join(c for c in name if c.isprintable())[:MAX_NAME] or "upload"


def table_of(kind: Kind) -> Table:
    """The export that has the columns of an import."""
    return Table[Kind(kind).name] if kind.name in Table.__members__ else Table["TIME_OF_USE"]


def kind_of(request: Request) -> Kind:
    """Raises NOT_FOUND."""
    kind: str = request.path_params["kind"]
    if kind == _REGISTER:
        raise AppError(
            "The export of the Marktstammdatenregister has gigabytes; it is imported by the command dno import mastr.",
            Code.NOT_FOUND,
        )
    try:
        return Kind(kind)
    except ValueError:
        raise AppError(f"There is no such import; there are {', '.join(Kind)}.", Code.NOT_FOUND) from None
