"""What error pages say of each code, in German and English: what happened, and what to do."""

from collections.abc import Mapping
from typing import Final

from app.errors import Code
from app.web.names import Names

_REQUEST: Final = ("Diese Anfrage ist nicht möglich", "This request cannot be answered")
_UNAVAILABLE: Final = ("Gerade nicht verfügbar", "Not available at the moment")

TITLES: Final[Names] = {
    Code.BAD_USER_INPUT: _REQUEST,
    Code.LIMIT_EXCEEDED: _REQUEST,
    Code.CONFLICT: ("Inzwischen geändert", "Changed in the meantime"),
    Code.UNAUTHENTICATED: ("Anmeldung nötig", "Sign-in required"),
    Code.FORBIDDEN: ("Kein Zugriff", "No access"),
    Code.NOT_FOUND: ("Nicht gefunden", "Not found"),
    Code.METHOD_NOT_ALLOWED: (
        "So ist diese Adresse nicht aufzurufen",
        "This address does not take that method",
    ),
    Code.NOT_ACCEPTABLE: ("In diesem Format nicht vorhanden", "Not available in that format"),
    Code.PAYLOAD_TOO_LARGE: ("Zu groß", "Too large"),
    Code.UNSUPPORTED_MEDIA_TYPE: ("Format nicht lesbar", "This format cannot be read"),
    Code.RATE_LIMITED: ("Zu viele Anfragen", "Too many requests"),
    Code.INTERNAL_SERVER_ERROR: ("Fehler auf unserer Seite", "An error on our side"),
    Code.OVERLOADED: _UNAVAILABLE,
    Code.UNAVAILABLE: _UNAVAILABLE,
    Code.DEADLINE_EXCEEDED: ("Es hat zu lange gedauert", "It took too long"),
}

_ADVICE: Final[Names] = {
    Code.BAD_USER_INPUT: (
        "Ein Wert in der Adresse passt nicht. Wählen Sie ihn auf der Seite neu, oder beginnen Sie ohne Auswahl.",
        "A value in the address does not fit. Choose it on the page again, or start without a selection.",
    ),
    Code.LIMIT_EXCEEDED: (
        "Es wurde mehr auf einmal verlangt, als erlaubt ist. Grenzen Sie die Auswahl ein.",
        "More was requested at once than is allowed. Narrow the selection.",
    ),
    Code.CONFLICT: (
        "Jemand anders hat den Eintrag inzwischen geändert. Laden Sie ihn neu, und prüfen Sie Ihre Änderung daran.",
        "The entry was changed by another person. Load it again and check your change against it.",
    ),
    Code.UNAUTHENTICATED: (
        "Diese Seite ist nur für angemeldete Personen lesbar.",
        "Only people who have signed in may read this page.",
    ),
    Code.FORBIDDEN: (
        "Ihr Konto hat nicht die Rolle, die hierfür nötig ist. Eine Administratorin oder ein Administrator kann sie erteilen.",
        "Your account lacks the role for this. An administrator can grant it.",
    ),
    Code.NOT_FOUND: (
        "Unter dieser Adresse gibt es nichts. Prüfen Sie die Schreibweise, oder suchen Sie den Netzbetreiber.",
        "There is nothing at this address. Check its spelling, or search for the operator.",
    ),
    Code.METHOD_NOT_ALLOWED: (
        "Die Adresse gibt es, sie nimmt aber nur andere Methoden an.",
        "The address exists, but takes other methods only.",
    ),
    Code.PAYLOAD_TOO_LARGE: (
        "Was gesendet wurde, ist größer als erlaubt.",
        "What was sent is larger than allowed.",
    ),
    Code.RATE_LIMITED: (
        "Von Ihrer Adresse kamen in kurzer Zeit mehr Anfragen, als vorgesehen sind.",
        "More requests came from your address in a short time than are provided for.",
    ),
    Code.INTERNAL_SERVER_ERROR: (
        "Der Fehler ist vermerkt. Versuchen Sie es später erneut, und nennen Sie bei Rückfragen die Nummer der Anfrage.",
        "The error has been noted. Try again later, and give the number of the request if you report it.",
    ),
    Code.OVERLOADED: (
        "Der Server ist ausgelastet. Versuchen Sie es gleich noch einmal.",
        "The server is busy. Try again in a moment.",
    ),
    Code.UNAVAILABLE: (
        "Eine Datenbank antwortet gerade nicht. Versuchen Sie es gleich noch einmal.",
        "A database does not answer at the moment. Try again shortly.",
    ),
    Code.DEADLINE_EXCEEDED: (
        "Die Antwort war nicht rechtzeitig fertig. Versuchen Sie es noch einmal, oder grenzen Sie die Auswahl ein.",
        "The answer was not ready in time. Try again, or narrow the selection.",
    ),
}
ADVICE: Final[Mapping[str, tuple[str, str]]] = {code: _ADVICE.get(code, ("", "")) for code in Code}
