"""Configurations in which a real Valkey rejects commands, each with its end."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.servers import PASSWORD, PrivateValkey


class RedisRefusal:
    """`begin` and `end` may be called any number of times; a test that fails midway leaves the state to the server's end."""

    def __init__(self, begin: Callable[[PrivateValkey], None], end: Callable[[PrivateValkey], None]) -> None:
        self.begin = begin
        self.end = end


def _set(valkey: PrivateValkey, *words: str) -> None:
    answer = valkey.command(*words)
    assert answer.startswith((b"+", b":", b"$")), answer


def _config(name: str, bad: str, good: str) -> RedisRefusal:
    return RedisRefusal(
        lambda valkey: _set(valkey, "CONFIG", "SET", name, bad),
        lambda valkey: _set(valkey, "CONFIG", "SET", name, good),
    )


def _acl(*rights: str) -> RedisRefusal:
    return RedisRefusal(
        lambda valkey: _set(valkey, "ACL", "SETUSER", "default", *(f"-{right}" for right in rights)),
        lambda valkey: _set(valkey, "ACL", "SETUSER", "default", *(f"+{right}" for right in rights)),
    )


def _fail_to_save(valkey: PrivateValkey) -> None:
    """A folder has the name of the file to be written."""
    (valkey.folder / "dump.rdb").mkdir()
    _set(valkey, "CONFIG", "SET", "save", '"3600 1"')
    _set(valkey, "BGSAVE")
    while valkey.command("SET", "dno:saved", "1").startswith(b"+"):
        pass


def _save_again(valkey: PrivateValkey) -> None:
    (valkey.folder / "dump.rdb").rmdir()
    _set(valkey, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")


def _follow_missing_primary(valkey: PrivateValkey) -> None:
    """Makes it a replica of a server that does not exist: it answers from its own data."""
    _set(valkey, "REPLICAOF", "127.0.0.1", "1")


def _follow_and_answer_nothing(valkey: PrivateValkey) -> None:
    _set(valkey, "CONFIG", "SET", "replica-serve-stale-data", "no")
    _follow_missing_primary(valkey)


def _become_primary(valkey: PrivateValkey) -> None:
    _set(valkey, "REPLICAOF", "NO", "ONE")


def _full(valkey: PrivateValkey) -> None:
    _set(valkey, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    _set(valkey, "CONFIG", "SET", "maxmemory", "1")


def _change_password(valkey: PrivateValkey) -> None:
    """Existing connections are closed; new ones are rejected."""
    _set(valkey, "CONFIG", "SET", "requirepass", "another")
    _kill_connections(valkey, "another")


def _change_password_back(valkey: PrivateValkey) -> None:
    with _connected(valkey, "another") as ask:
        ask(f"CONFIG SET requirepass {PASSWORD}")


def _kill_connections(valkey: PrivateValkey, password: str) -> None:
    with _connected(valkey, password) as ask:
        ask("CLIENT KILL TYPE normal")
        ask("CLIENT KILL TYPE pubsub")


def _run_for_ever(valkey: PrivateValkey) -> None:
    """Only the command that ends the script is executed meanwhile."""
    _set(valkey, "CONFIG", "SET", "busy-reply-threshold", "1")
    with socket.create_connection(("127.0.0.1", valkey.port), timeout=10) as connection:
        connection.sendall(f"AUTH {PASSWORD}\r\n".encode())
        connection.recv(5)
        connection.sendall(b"EVAL 'while true do end' 0\r\n")
        while not valkey.command("GET", "dno:busy").startswith(b"-BUSY"):
            pass


def _kill_script(valkey: PrivateValkey) -> None:
    """The script ends some time after the reply."""
    _set(valkey, "SCRIPT", "KILL")
    while valkey.command("GET", "dno:busy").startswith(b"-BUSY"):
        pass


@contextmanager
def _connected(valkey: PrivateValkey, password: str) -> Iterator[Callable[[str], bytes]]:
    with socket.create_connection(("127.0.0.1", valkey.port), timeout=10) as connection:
        answers = connection.makefile("rb")

        def ask(line: str) -> bytes:
            connection.sendall(f"{line}\r\n".encode())
            return answers.readline()

        ask(f"AUTH {password}")
        yield ask
        answers.close()


REFUSALS = {
    "NOREPLICAS": _config("min-replicas-to-write", "1", "0"),
    "MISCONF": RedisRefusal(_fail_to_save, _save_again),
    "READONLY": RedisRefusal(_follow_missing_primary, _become_primary),
    "MASTERDOWN": RedisRefusal(_follow_and_answer_nothing, _become_primary),
    "NOPERM to read": _acl("get"),
    "NOPERM to remove": _acl("del"),
    "NOPERM to run scripts": _acl("eval", "evalsha"),
    "NOPERM to write keys": RedisRefusal(
        lambda valkey: _set(valkey, "ACL", "SETUSER", "default", "resetkeys", "%R~*"),
        lambda valkey: _set(valkey, "ACL", "SETUSER", "default", "allkeys"),
    ),
    "NOPERM to publish": RedisRefusal(
        lambda valkey: _set(valkey, "ACL", "SETUSER", "default", "-publish"),
        lambda valkey: _set(valkey, "ACL", "SETUSER", "default", "+publish"),
    ),
    "BUSY": RedisRefusal(_run_for_ever, _kill_script),
    "writes without an answer": RedisRefusal(
        lambda valkey: _set(valkey, "CLIENT", "PAUSE", "600000", "WRITE"),
        lambda valkey: _set(valkey, "CLIENT", "UNPAUSE"),
    ),
    "OOM": RedisRefusal(_full, lambda valkey: _set(valkey, "CONFIG", "SET", "maxmemory", "0")),
    "WRONGPASS": RedisRefusal(_change_password, _change_password_back),
}
