"""How much may be asked for at once."""

from app.errors import BadInput

MOST = 100
LONGEST = 200  # letters of a name, or of what is searched for


def short(text: str, argument: str) -> str:
    """What is longer is no name of anything; looking for it would cost, and so would remembering it."""
    if len(text) > LONGEST:
        raise BadInput(
            f"`{argument}` has {len(text)} letters; at most {LONGEST} are allowed.", argument=argument
        )
    return text


def at_most(first: int | None, default: int, most: int = MOST) -> int:
    """An explicit null is as good as leaving it out."""
    if first is None:
        return default
    if not 1 <= first <= most:
        raise BadInput(f"`first` is {first}; it must be from 1 to {most}.", argument="first")
    return first
