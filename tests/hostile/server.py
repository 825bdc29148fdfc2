"""A server of its own for the attacks: a real PostgreSQL and Valkey, one worker, default settings unless changed."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.settings import Settings, as_environment
from tests.hostile.attack import PROXY
from tests.server_process import ServerProcess
from tests.servers import PrivatePostgres, PrivateValkey, private_folder


@contextmanager
def own_server(**changed: object) -> Iterator[ServerProcess]:
    """With the starter data. Requests are not limited in number: an attacker has many addresses."""
    with private_folder() as folder:
        postgres, valkey = PrivatePostgres(folder), PrivateValkey(folder)
        try:
            with server_on(postgres.url, valkey.url, folder, **changed) as instance:
                yield instance
        finally:
            postgres.stop()
            valkey.stop()


@contextmanager
def server_on(
    database_url: str, redis_url: str, folder: object, **changed: object
) -> Iterator[ServerProcess]:
    settings = Settings(
        **{  # type: ignore[arg-type]
            "database_url": database_url,
            "redis_url": redis_url,
            "rate_limit_anonymous": 0,
            "trusted_proxies": (PROXY,),
            **changed,
        }
    )
    environment = as_environment(settings)
    del environment["DNO_PORT"]
    instance = ServerProcess(folder, environment)  # type: ignore[arg-type]
    try:
        instance.wait_until_ready()
        yield instance
    finally:
        instance.stop()
