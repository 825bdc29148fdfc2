"""Secrets in files, as Docker, Kubernetes and systemd mount them: a setting's value is read from the file that `NAME_FILE` names."""

import os
import stat
from typing import Final

from app.errors import CannotStart

SUFFIX: Final = "_FILE"
# More than any address or key.
_MAX_BYTES: Final = 64 * 2**10


def read_secret(variable: str, path: str) -> str:
    """The file's text without the line break at its end. `variable` is the name that error messages give.

    Raises CannotStart with the variable and the path, never with the content.
    """
    try:
        data = _read(path)
    except OSError as error:
        raise _refusal(variable, path, f"cannot be read ({os.strerror(error.errno or 0)})") from None
    if data is None:
        raise _refusal(variable, path, "is no file")
    if len(data) > _MAX_BYTES:
        raise _refusal(variable, path, f"is longer than {_MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _refusal(variable, path, "is not text in UTF-8") from None
    if not text.strip():
        raise _refusal(variable, path, "is empty")
    if not text.isprintable():
        raise _refusal(variable, path, "holds more than one line, or control characters")
    return text


def _read(path: str) -> bytes | None:
    """None for what is no regular file. Without O_NONBLOCK, opening a pipe would wait for a writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, _MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _refusal(variable: str, path: str, reason: str) -> CannotStart:
    return CannotStart(f"The setting {variable} names {path}, which {reason}.")
