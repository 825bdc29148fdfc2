"""The forms of an HTML page, filled in as a browser would send them."""

from html.parser import HTMLParser


class Form:
    """`action`, `method`, `fields` as they are on the page, without buttons and files."""

    def __init__(self, attributes: dict[str, str | None]) -> None:
        self.action = attributes.get("action") or ""
        self.method = attributes.get("method") or "get"
        self.enctype = attributes.get("enctype") or "application/x-www-form-urlencoded"
        self.fields: list[tuple[str, str]] = []

    @property
    def values(self) -> dict[str, str]:
        """Of fields that are there once."""
        return dict(self.fields)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form":
            self.forms.append(Form(given))
        elif not self.forms:
            return
        elif tag == "input" and given.get("name") and given.get("type") != "file":
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self._add(str(given["name"]), given.get("value") or "")
        elif tag == "select":
            self._select = str(given["name"])
            self._add(self._select, "")
        elif tag == "option" and self._select and "selected" in given:
            fields = self.forms[-1].fields
            fields[-1] = (self._select, given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None

    def _add(self, name: str, value: str) -> None:
        self.forms[-1].fields.append((name, value))


def forms_of(html: str) -> list[Form]:
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def form_of(html: str, method: str = "post") -> Form:
    """The first one with this method."""
    return next(form for form in forms_of(html) if form.method.lower() == method)
