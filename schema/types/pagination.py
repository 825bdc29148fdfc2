"""Limits of arguments: page size, length of texts, number of words."""

from app.domain.folding import fold
from app.errors import BadInput

MAX_ITEMS = 100
MAX_TEXT_LENGTH = 200  # letters of a name or of a search text
MAX_OFFSET = 1_000_000
MAX_WORDS = 16  # distinct words of a search text


def check_length(text: str, argument: str) -> str:
    """The text, unless it is longer than any name: searching and caching it would cost too much."""
    if len(text) > MAX_TEXT_LENGTH:
        raise BadInput(
            f"`{argument}` has {len(text)} letters; at most {MAX_TEXT_LENGTH} are allowed.", argument=argument
        )
    return text


def folded(text: str, argument: str) -> str:
    """The text in the form in which names are compared; limited before and after, since one letter may become eighteen."""
    return check_length(fold(check_length(text, argument)), argument)


def folded_words(text: str, argument: str) -> list[str]:
    """The distinct words of the folded text."""
    words = list(dict.fromkeys(folded(text, argument).split()))
    if len(words) > MAX_WORDS:
        raise BadInput(
            f"`{argument}` has {len(words)} different words; at most {MAX_WORDS} are allowed.",
            argument=argument,
        )
    return words


def page_size(first: int | None, default: int, most: int = MAX_ITEMS) -> int:
    """`default` where `first` is null or left out."""
    if first is None:
        return default
    if not 1 <= first <= most:
        raise BadInput(f"`first` is {first}; it must be from 1 to {most}.", argument="first")
    return first


def check_offset(offset: int | None) -> int:
    """0 where it is null or left out."""
    if offset is None:
        return 0
    if not 0 <= offset <= MAX_OFFSET:
        raise BadInput(f"`offset` is {offset}; it must be from 0 to {MAX_OFFSET}.", argument="offset")
    return offset
