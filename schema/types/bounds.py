"""How much may be asked for at once."""

from app.errors import BadInput

MOST = 100


def at_most(first: int | None, default: int, most: int = MOST) -> int:
    """An explicit null is as good as leaving it out."""
    if first is None:
        return default
    if not 1 <= first <= most:
        raise BadInput(f"`first` is {first}; it must be from 1 to {most}.", argument="first")
    return first
