"""Passwords: argon2id, in threads of their own, at the same cost for existing and unknown accounts."""

import asyncio
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from app.auth.fair_queue import FairQueue, Origin
from app.auth.password_rules import is_easy
from app.errors import BadInput, CannotStart
from app.settings import Settings

MIN_LENGTH, MAX_LENGTH = 12, 1024
ANYWHERE = Origin("")

T = TypeVar("T")


class Passwords:
    """Each check takes tens of milliseconds and megabytes: so few run at once and few may wait.

    `origin`: callers that share a place in the queue, such as those of one address.
    """

    def __init__(self, settings: Settings) -> None:
        # Argon2 refuses it, too, but only at the first sign-in.
        if settings.password_memory_kib < 8 * settings.password_lanes:
            raise CannotStart(
                "The setting PASSWORD_MEMORY_KIB is wrong: it is less than 8 for each of PASSWORD_LANES"
                f" ({settings.password_lanes})."
            )
        self._hasher = PasswordHasher(
            time_cost=settings.password_passes,
            memory_cost=settings.password_memory_kib,
            parallelism=settings.password_lanes,
        )
        self._dummy = _dummy_hash(self._hasher)
        self._threads = ThreadPoolExecutor(settings.password_threads, thread_name_prefix="password")
        self._queue = FairQueue(settings.password_threads, settings.max_queued_passwords)
        self.checks = 0

    async def hash(self, password: str, address: str = "") -> str:
        """Refuses a new password that is too short, or easy to guess for an account with this e-mail address."""
        check(password, address)
        return await self.rehash(password)

    async def rehash(self, password: str, origin: Origin = ANYWHERE) -> str:
        """For a password that was accepted before, whatever the rules were then."""
        return await self._in_thread(lambda: self._hasher.hash(_typed(password)), origin)

    async def matches(self, stored: str | None, password: str, origin: Origin = ANYWHERE) -> bool:
        """None stands for an account that does not exist: never right, at the same cost."""
        right = await self._in_thread(
            lambda: self._verify(stored or self._dummy, password[:MAX_LENGTH]), origin
        )
        return right and stored is not None and len(password) <= MAX_LENGTH

    def outdated(self, stored: str) -> bool:
        """Whether it was made with other parameters than those that hold today."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        self.checks += 1
        try:
            return self._hasher.verify(stored, _typed(password))
        except VerifyMismatchError:
            return False

    async def _in_thread(self, work: Callable[[], T], origin: Origin) -> T:
        await self._queue.enter(origin)
        todo = [work]
        try:
            done = asyncio.get_running_loop().run_in_executor(self._threads, lambda: todo.pop()())
        except RuntimeError:  # there are too many threads
            todo.clear()  # the executor keeps what it was given, and would do it later without a turn
            self._queue.leave()
            raise
        # A caller that gives up meanwhile leaves a thread behind that still works: its turn ends with that.
        done.add_done_callback(lambda _: self._queue.leave())
        return await asyncio.shield(done)


def check(password: str, address: str = "") -> None:
    """Refuses what `hash` would refuse."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise BadInput(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.", field=["password"])
    if is_easy(password, address):
        raise BadInput(
            "This password is easy to guess: it is among the commonest, or made of well-known words, of rows of keys or "
            "of the account's own address. Several words that do not belong together are a good one.",
            field=["password"],
        )


def _typed(password: str) -> bytes:
    """One spelling for one password, whichever keyboard wrote the umlaut."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _dummy_hash(hasher: PasswordHasher) -> str:
    """The hash of no password at all, with the parameters that hold today."""
    salt, tag = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${tag}"
