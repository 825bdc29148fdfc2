"""Why a connection to a server cannot be opened, in words: TLS, certificates and the network, for PostgreSQL and Redis alike."""

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

# Where Debian, and with it the image, has the certificates of public authorities.
SYSTEM_AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"

CLOSED: Final = "it closes the connection"

_EXPIRED, _NOT_YET_VALID, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64  # X509_V_ERR_… of OpenSSL
_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")


class UnusableFile(ValueError):
    """A file that an address names; the message has its parameter and path."""


class FileParameters(NamedTuple):
    """The parameters of an address that name files in PEM."""

    authorities: str
    certificate: str
    key: str

    def load(self, context: ssl.SSLContext, values: Mapping[str, str], password: str = "") -> None:
        """Raises UnusableFile."""
        for name in self:
            if path := values.get(name):
                _check_readable(name, path)
        if path := values.get(self.authorities):
            try:
                context.load_verify_locations(path)
            except ssl.SSLError:
                raise UnusableFile(f"{self.authorities} names {path}, which holds no certificates") from None
        if path := values.get(self.certificate):
            try:
                # A function, also without password: else OpenSSL would read one from the terminal.
                context.load_cert_chain(path, values.get(self.key) or None, lambda: password)
            except (ssl.SSLError, OSError) as error:
                raise UnusableFile(f"{self.certificate} and {self.key}: {_mismatch(error)}") from None


def _check_readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        hint = f"; the system's authorities are in {SYSTEM_AUTHORITIES}" if path == "system" else ""
        raise UnusableFile(
            f"{name} names {path}, which cannot be read ({os.strerror(error.errno or 0)}{hint})"
        ) from None


def _mismatch(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    return "the files hold no certificate and unencrypted key in PEM"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it was raised from or during."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def certificate_problem(error: BaseException) -> ssl.SSLCertVerificationError | None:
    return next((each for each in chain(error) if isinstance(each, ssl.SSLCertVerificationError)), None)


def tls_problem(error: BaseException, parameters: FileParameters, without_name: str) -> str | None:
    """What is wrong, and the remedy, as the end of a sentence about the server; None if it is not TLS.

    `without_name`: the parameter with which the host name is not compared.
    """
    if (refused := certificate_problem(error)) is not None:
        return _certificate_problem(refused, parameters, without_name)
    for each in chain(error):
        reason = (each.reason or "") if isinstance(each, ssl.SSLError) else ""
        if "CERTIFICATE_REQUIRED" in reason:
            return f"requires a certificate of the client: name it with {parameters.certificate} and {parameters.key}"
        if "ALERT" in reason and re.search("CERTIFICATE|UNKNOWN_CA", reason):
            alert = reason.partition("ALERT_")[2].replace("_", " ").lower()
            return f"refuses the certificate in {parameters.certificate} ({alert})"
        if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING"):
            return "does not answer with TLS"
        if reason:
            return f"agrees on no TLS connection ({reason.replace('_', ' ').lower()})"
    return None


def _certificate_problem(
    error: ssl.SSLCertVerificationError, parameters: FileParameters, without_name: str
) -> str:
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return (
            f"has a certificate for another host name: use the name that is in it, or {without_name},"
            " which accepts any"
        )
    if error.verify_code == _EXPIRED:
        return "has a certificate that has expired: renew it"
    if error.verify_code == _NOT_YET_VALID:
        return "has a certificate that is not valid yet: is the clock of this machine right?"
    return (
        f"has a certificate that is not trusted ({error.verify_message}): name the certificate of its authority"
        f" with {parameters.authorities}"
    )


def network_problem(error: BaseException) -> str:
    """In a few words, without the address."""
    for each in chain(error):
        if isinstance(each, socket.gaierror):
            if each.errno == socket.EAI_AGAIN:
                return "the name server does not answer"
            return "there is no host of this name"
        if isinstance(each, OSError) and each.errno:
            return _described(each.errno)
        # For several addresses of one name, asyncio raises one error whose text has the others.
        if isinstance(each, OSError) and (found := _ERRNO.search(str(each))):
            return _described(int(found[1]))
    if any(isinstance(each, ConnectionError) for each in chain(error)):
        return CLOSED
    return "no reply in time"


def _described(number: int) -> str:
    if number in (errno.ECONNRESET, errno.EPIPE):
        return CLOSED
    return os.strerror(number).lower()
