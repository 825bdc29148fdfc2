"""Which parameters an address may have, in its query string or as members of its body."""

from collections.abc import Iterable

from app.errors import BadInput, quoted


def check_parameters(given: Iterable[str], *known: str) -> None:
    """Raises BadInput for a parameter that an address does not have: a filter without effect would look like one that all of the
    response satisfies.
    """
    if unknown := sorted(set(given) - set(known)):
        raise BadInput(
            f"There is no parameter {quoted(unknown[0])}; {_there_are(known)}.", argument=unknown[0][:80]
        )


def _there_are(known: tuple[str, ...]) -> str:
    if not known:
        return "this address has none"
    names = (" and " if len(known) == 2 else ", ").join(known)
    return f"there {'is' if len(known) == 1 else 'are'} {names}"
