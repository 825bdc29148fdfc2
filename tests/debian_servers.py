"""PostgreSQL and Redis with TLS, from Debian's packages: the embedded ones are built without it."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.child_process import Child
from app.dev import postgres_roles
from app.dev.postgres import ADMIN, DATABASE, Postgres, free_port
from tests.servers import ADMIN_PASSWORD, FAST, PASSWORD, wait_until_listening

CERTIFICATES: Final = Path(__file__).parent / "certificates"
# Self-signed: each is its own authority. Both are for the name localhost, and for no address.
KEY, CERTIFICATE = CERTIFICATES / "key.pem", CERTIFICATES / "localhost.pem"
EXPIRED: Final = CERTIFICATES / "expired.pem"
CLIENT_KEY, CLIENT_CERTIFICATE = CERTIFICATES / "client-key.pem", CERTIFICATES / "client.pem"

POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))), None)
REDIS = shutil.which("redis-server")


class TLSPostgres(Postgres):
    """`hosts`: the lines of pg_hba.conf. It trusts the client certificate of the tests."""

    def __init__(self, folder: Path, *, hosts: Sequence[str]) -> None:
        assert POSTGRES
        super().__init__(folder, PASSWORD, admin_password=ADMIN_PASSWORD, settings=FAST)
        self._binaries = POSTGRES.parent
        self._hosts = hosts
        self.data = self.folder / "with-tls"

    def url(self, database: str = DATABASE) -> str:
        return super().url(database).replace("127.0.0.1", "localhost")

    def _initialize(self) -> None:
        self.data.mkdir(mode=0o700)
        secret = self.folder / "secret"
        secret.write_text(ADMIN_PASSWORD)
        self._own(self.data, secret)
        self._tool(
            *("initdb", "-D", self.data, "-U", ADMIN, "--pwfile", secret, "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        )
        files = {"server.key": KEY, "server.crt": CERTIFICATE, "clients.crt": CLIENT_CERTIFICATE}
        for name, source in files.items():
            shutil.copy(source, self.data / name)
            (self.data / name).chmod(0o600)
            self._own(self.data / name)
        (self.data / "pg_hba.conf").write_text("".join(f"{line}\n" for line in self._hosts))
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write("ssl = on\nssl_ca_file = 'clients.crt'\n")
        self._alone(self.data, "postgres", postgres_roles.create(PASSWORD, ADMIN_PASSWORD))
        (self.data / postgres_roles.DONE).touch()

    def _own(self, *paths: Path) -> None:
        for path in paths if self._account else ():
            shutil.chown(path, self._account.pw_uid)


class TLSRedis:
    """One port with TLS, and one without. `lines`: further lines of its configuration."""

    def __init__(
        self,
        folder: Path,
        *lines: str,
        certificate: Path = CERTIFICATE,
        requires_certificates: bool = False,
        watches: "TLSRedis | None" = None,
    ) -> None:
        """`watches`: it is a sentinel, which calls that server "dno"."""
        assert REDIS
        self.tls_port, self.plain_port = free_port(), free_port()
        self._log = folder / f"{self.tls_port}.log"
        configuration = folder / f"{self.tls_port}.conf"
        if watches:
            lines = (
                "tls-replication yes",
                f"sentinel monitor dno 127.0.0.1 {watches.tls_port} 1",
                f"sentinel auth-pass dno {PASSWORD}",
            )
        else:
            lines = (f"requirepass {PASSWORD}", 'save ""', *lines)
        configuration.write_text(
            f"bind 127.0.0.1\nport {self.plain_port}\ntls-port {self.tls_port}\ndir {folder}\n"
            f"tls-cert-file {certificate}\ntls-key-file {KEY}\ntls-ca-cert-file {CLIENT_CERTIFICATE}\n"
            f"tls-auth-clients {'yes' if requires_certificates else 'no'}\n" + "\n".join(lines) + "\n"
        )
        command = [REDIS, configuration, *(["--sentinel"] if watches else [])]
        self._child = Child(command, stop_signal=signal.SIGTERM, log=self._log)
        wait_until_listening(self.tls_port, self._child, self._log)

    @property
    def url(self) -> str:
        return f"rediss://:{PASSWORD}@localhost:{self.tls_port}/0"

    def stop(self) -> None:
        self._child.stop(5)
