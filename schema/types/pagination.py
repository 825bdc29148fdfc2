"""How much may be asked for at once."""

from app.domain.folding import fold
from app.errors import BadInput

MOST = 100
LONGEST = 200  # letters of a name, or of what is searched for
MOST_WORDS = 16  # different ones in what is searched for


def short(text: str, argument: str) -> str:
    """What is longer is no name of anything; looking for it would cost, and so would remembering it."""
    if len(text) > LONGEST:
        raise BadInput(
            f"`{argument}` has {len(text)} letters; at most {LONGEST} are allowed.", argument=argument
        )
    return text


def folded(text: str, argument: str) -> str:
    """As names are compared; bounded before and after, since one letter may become eighteen."""
    return short(fold(short(text, argument)), argument)


def folded_words(text: str, argument: str) -> list[str]:
    """Its different words."""
    words = list(dict.fromkeys(folded(text, argument).split()))
    if len(words) > MOST_WORDS:
        raise BadInput(
            f"`{argument}` has {len(words)} different words; at most {MOST_WORDS} are allowed.",
            argument=argument,
        )
    return words


def at_most(first: int | None, default: int, most: int = MOST) -> int:
    """An explicit null is as good as leaving it out."""
    if first is None:
        return default
    if not 1 <= first <= most:
        raise BadInput(f"`first` is {first}; it must be from 1 to {most}.", argument="first")
    return first
