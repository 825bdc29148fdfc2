"""The form of an entry that was sent: what was changed in it, and, where the entry has changed meanwhile, both changes side by side."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from app.errors import BadInput
from app.web.language import Language
from schema.http.rest_operations import Map
from schema.http.work.entry_fields import (
    EntryField,
    Unreadable,
    correction_of,
    differences,
    fields_of,
    may_be_empty,
    plain,
    texts_of,
    value_of,
)
from schema.http.work.forms import whole_number

# `was.NAME` is what a field had when the form was opened, `take.NAME` which of two changes is kept.
CONTROLS: Final = ("action", "version", "reason", "revision", "verify", "force", "checked")


class Difference(NamedTuple):
    """Of one field: as it was when the form was opened, as it is now, and as it was typed."""

    field: EntryField
    was: str
    now: str
    typed: str

    @property
    def both(self) -> bool:
        """Whether both changed it, and not to the same."""
        return self.now.split() not in (self.was.split(), self.typed.split()) and self.changed

    @property
    def changed(self) -> bool:
        return self.typed.split() != self.was.split()


class EntryForm:
    """`texts`: what stands in the fields; `was`: what they had when the form was opened; `version`: that of the entry then."""

    def __init__(self, entry: Map, language: Language, sent: Mapping[str, str] | None = None) -> None:
        self.entry = plain(entry)
        self.fields = fields_of(entry)
        self.language: Language = language
        self.errors: dict[str, str] = {}
        self.stated: set[str] = set()  # those that the API states, in English
        self.conflict: list[Difference] = []
        now = texts_of(self.entry, language)
        self.sent = sent or {}
        self.was = {name: self.sent.get(f"was.{name}", text) for name, text in now.items()}
        self.texts = {name: self.sent.get(name, text) for name, text in now.items()}
        for name in now:
            if self.sent.get(f"take.{name}") == "theirs":
                self.texts[name] = self.was[name]
        self.version = self._version(self.sent.get("version"))

    @staticmethod
    def names(entry: Map) -> set[str]:
        """Of all fields that the form may have."""
        names = [field.name for field in fields_of(entry)]
        return {*CONTROLS, *names, *(f"was.{name}" for name in names), *(f"take.{name}" for name in names)}

    @property
    def changed(self) -> Sequence[EntryField]:
        return differences(self.fields, self.texts, self.was)

    def correction(self) -> Map | None:
        """The write of what was changed; None: nothing was, or a text has no value, which `errors` then names."""
        found: Map = {}
        for field in self.fields:
            if field.required or field in self.changed:
                try:
                    found[field.name] = value_of(field, self.texts[field.name], self.language)
                    if found[field.name] is None and not may_be_empty(self.entry, field):
                        raise Unreadable("Das darf nicht leer sein.", "This must not be empty.")
                except Unreadable as error:
                    self.errors[field.name] = error.german if self.language == "de" else error.english
        verify = bool(self.sent.get("verify"))
        if self.errors or not (self.changed or verify):
            return None
        options: Map = {"verify": verify, "reason": self.sent.get("reason", "").strip() or None}
        if self.sent.get("force"):
            options["force"] = True
        target = {"id": self.entry["id"], "expectedVersion": self.version}
        return {correction_of(self.entry): {**target, **found, **options}}

    def show_conflict(self, now: Map) -> None:
        """The entry has changed since the form was opened: the form goes on from what it is now."""
        current = texts_of(plain(now), self.language)
        for field in self.fields:
            name = field.name
            each = Difference(field, self.was[name], current[name], self.texts[name])
            if each.changed or each.now.split() != each.was.split():
                self.conflict.append(each)
            if not each.changed:
                self.texts[name] = current[name]
        self.entry = plain(now)
        self.was, self.version = current, int(now["version"])

    def set_errors(self, errors: Sequence[Map]) -> list[str]:
        """Puts each beside its field; returns those of none."""
        others = []
        names = {field.name for field in self.fields}
        for error in errors:
            name = next((part for part in error["field"] or () if part in names), None)
            if name is None:
                others.append(error["message"])
            elif name not in self.errors:
                self.errors[name] = error["message"]
                self.stated.add(name)
        return others

    def _version(self, sent: str | None) -> int:
        if sent is None:
            return int(self.entry["version"])
        version = whole_number(sent, 9)
        if version is None:
            raise BadInput("The field version is a whole number.", argument="version")
        return version
