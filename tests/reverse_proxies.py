"""nginx, HAProxy and Caddy with the files of deploy/, in front of two instances."""

import asyncio
import random
import shutil
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from app.child_process import Child
from app.dev.postgres import free_port
from app.settings import Settings, as_environment
from tests.architecture.repository import ROOT
from tests.webhook_receiver import CERTIFICATE, CERTIFICATES

DEPLOY: Final = ROOT / "deploy"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
CADDY = shutil.which("caddy")
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

_MAIN = """
daemon off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/dno-api.conf;
}}
"""


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def own_address() -> Address:
    """On Linux the machine has all of 127.0.0.0/8: nothing else takes a port of an address that was drawn at random, so that a
    server which is stopped gets it again.
    """
    if sys.platform != "linux":
        return Address("127.0.0.1", free_port())
    drawn = random.SystemRandom()
    return Address(
        f"127.{drawn.randint(64, 250)}.{drawn.randint(0, 255)}.{drawn.randint(1, 254)}", free_port()
    )


class ReverseProxy:
    """`url`: with TLS, `plain_url` without."""

    def __init__(
        self, program: str, folder: Path, instances: Sequence[Address], *, answer_within: str = "70s"
    ) -> None:
        """`answer_within`: the time that an instance is given."""
        self._answer_within = answer_within
        self.at = own_address()
        self.plain = Address(self.at.host, free_port())
        self.url, self.plain_url = f"https://{self.at}", f"http://{self.plain}"
        self._log = folder / f"{program}.log"
        start = {"nginx": self._start_nginx, "haproxy": self._start_haproxy, "caddy": self._start_caddy}[
            program
        ]
        self._child = start(folder, [str(each) for each in instances])
        self._wait()

    def stop(self) -> None:
        self._child.stop(5)

    def client(self, address: str = "127.0.0.1", **options: Any) -> httpx.AsyncClient:
        """Connects from this address of the machine."""
        transport = httpx.AsyncHTTPTransport(verify=trust(), local_address=address)
        return httpx.AsyncClient(base_url=self.url, transport=transport, **{"timeout": 30, **options})

    def _start_nginx(self, folder: Path, instances: Sequence[str]) -> Child:
        assert NGINX
        shutil.copytree(DEPLOY / "nginx", folder, dirs_exist_ok=True)
        included = folder / "dno-api"
        text = (included / "instances.conf").read_text()
        for default, instance in zip(("127.0.0.1:8001", "127.0.0.1:8002"), instances, strict=True):
            assert default in text
            text = text.replace(default, instance)
        (included / "instances.conf").write_text(text)
        (included / "site.conf").write_text(
            f"listen {self.plain};\nlisten {self.at} ssl http2;\nserver_name localhost;\n"
            f"ssl_certificate {CERTIFICATE};\nssl_certificate_key {CERTIFICATES / 'key.pem'};\n"
        )
        self._configure(DEPLOY / "nginx/dno-api.conf", folder / "dno-api.conf", "proxy_read_timeout")
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
        command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        return Child(command, stop_signal=signal.SIGTERM, log=self._log)

    def _start_haproxy(self, folder: Path, instances: Sequence[str]) -> Child:
        assert HAPROXY
        certificate = folder / "localhost.pem"
        certificate.write_bytes(CERTIFICATE.read_bytes() + (CERTIFICATES / "key.pem").read_bytes())
        environment = {
            "DNO_BIND_HTTP": str(self.plain),
            "DNO_BIND_HTTPS": str(self.at),
            "DNO_CERTIFICATE": str(certificate),
            "DNO_INSTANCE_1": instances[0],
            "DNO_INSTANCE_2": instances[1],
        }
        configuration = folder / "haproxy.cfg"
        self._configure(DEPLOY / "haproxy/haproxy.cfg", configuration, "timeout server")
        command = [HAPROXY, "-db", "-f", str(configuration)]
        return Child(command, stop_signal=signal.SIGTERM, log=self._log, environment=environment)

    def _configure(self, delivered: Path, used: Path, timeout: str) -> None:
        text = delivered.read_text()
        assert text.count(f"{timeout} 70s") == 1
        used.write_text(text.replace(f"{timeout} 70s", f"{timeout} {self._answer_within}"))

    def _start_caddy(self, folder: Path, instances: Sequence[str]) -> Child:
        assert CADDY
        environment = {
            "HOME": str(folder),
            "DNO_SITE": f"https://{self.at}, https://localhost:{self.at.port}",
            "DNO_TLS": f"tls {CERTIFICATE} {CERTIFICATES / 'key.pem'}",
            "DNO_INSTANCES": " ".join(instances),
            "DNO_OPTIONS": f"admin off\nhttp_port {self.plain.port}\ndefault_bind {self.at.host}\ndefault_sni localhost",
        }
        configuration = folder / "Caddyfile"
        self._configure(DEPLOY / "caddy/Caddyfile", configuration, "response_header_timeout")
        command = [CADDY, "run", "--adapter", "caddyfile", "--config", str(configuration)]
        return Child(command, stop_signal=signal.SIGTERM, log=self._log, environment=environment)

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(self.at, 1).close()
                return
            except OSError:
                assert time.monotonic() < until, self._log.read_text()
                assert not self._child.ended, self._log.read_text()
                time.sleep(0.02)


@asynccontextmanager
async def silent_instance(*, breaks_off: bool) -> AsyncIterator[Address]:
    """It reads what is sent, and then ends the connection or does nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /readyz"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        elif not breaks_off:
            await reader.read()
        writer.close()

    at = own_address()
    async with await asyncio.start_server(serve, *at):
        yield at


def trust() -> ssl.SSLContext:
    """The certificate of the tests, which is for localhost, at any address."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    context.check_hostname = False
    return context


def settings_behind_a_proxy(database_url: str, redis_url: str, **more: Any) -> Settings:
    """Of instances whose proxy runs on this machine."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        min_redis_connections=1,
        starter=False,
        trusted_proxies=("127.0.0.1",),
        operations_networks=("127.0.0.1",),
        rate_limit_api_key=0,
        **more,
    )


def environment_of_instances(settings: Settings) -> dict[str, str]:
    """Without an address: each instance has its own."""
    environment = as_environment(settings)
    del environment["DNO_PORT"], environment["DNO_HOST"]
    return environment
