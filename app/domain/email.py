"""The form of e-mail addresses that name accounts."""

import re

from app.errors import BadInput

MAX_LENGTH, MAX_LOCAL_LENGTH = 254, 64

# As HTML's input field has it, and letters of all languages (RFC 6531): no quotes, no spaces, no control characters.
_LOCAL = r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
_LABEL = r"[^\W_](?:[^\W_-]|-(?!\.|$)){0,62}"
_ADDRESS = re.compile(rf"({_LOCAL})@{_LABEL}(?:\.{_LABEL})+")


def check_email(email: str) -> None:
    """Raises BadInput for a text that has not the form of a mailbox."""
    match = _ADDRESS.fullmatch(email) if len(email) <= MAX_LENGTH else None
    if match is None or len(match[1]) > MAX_LOCAL_LENGTH or not email.isprintable():
        raise BadInput(
            f"{email[:100]!r} is no e-mail address: write it like ada@example.org.", field=["email"]
        )
