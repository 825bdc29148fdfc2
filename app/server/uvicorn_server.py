"""uvicorn's server, which opens resources first and drains connections before it ends."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket

import uvicorn
from starlette.applications import Starlette
from uvicorn.server import Server as UvicornServer

from app.resources import Resources
from app.server.accept_balancing import Acceptor, AcceptShares
from app.server.fast_path import FastPathProtocol
from app.server.listening_socket import GRACE, stop_accepting, waiting
from app.server.server_state import ServerState
from app.server.websocket_protocol import WebSocket
from app.settings import Settings

CONNECTION_CLOSE = (b"connection", b"close")

# The event loop takes one connection per turn from each socket that listens. Under load its turns are
# long, and new connections would wait for many seconds; so one socket is listened to several times.
ACCEPTS = 16

# Seconds after which a thread that waits for the interpreter gets it; Python's own 5 ms are many answers.
SWITCH = 0.0005


async def serve(
    application: Starlette,
    settings: Settings,
    listener: socket,
    *,
    on_ready: Callable[[], None],
    shares: AcceptShares | None = None,
) -> None:
    """Until a signal: SIGTERM lets clients finish, Ctrl-C finishes only what runs. `shares`: of the accept balancing among several workers."""
    with _cancelled_by_signals() as hand_over:
        async with application.router.lifespan_context(application) as state:
            resources: Resources = (state or {})["resources"]
            server = Server(application, settings, resources, on_ready)
            hand_over(server)
            if shares is None:
                await server.serve([listener, *(listener.dup() for _ in range(ACCEPTS - 1))])
            else:
                server.share(listener, shares)
                await server.serve([])


class Server(UvicornServer):
    def __init__(
        self,
        application: Starlette,
        settings: Settings,
        resources: Resources,
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(_config(application, settings))
        self.server_state: ServerState = ServerState()
        self._settings = settings
        self._resources = resources
        self._on_ready = on_ready
        self._drains = True
        self._acceptor: Acceptor | None = None

    def share(self, listener: socket, shares: AcceptShares) -> None:
        """Accepts connections in balance with other processes."""

        self._acceptor = Acceptor(
            listener, shares, self.server_state.connections, self._protocol, asyncio.get_running_loop()
        )

    def leave(self, number: signal.Signals) -> None:
        if self.should_exit:
            self.force_exit = True  # the second signal
        self._drains = number == signal.SIGTERM
        self._resources.readiness.stopping = True
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """`serve` has done so already."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        self.lifespan.state["resources"] = self._resources
        await super().startup(sockets)
        _raise_garbage_collection_threshold(self._settings.garbage_threshold)
        _share_the_interpreter()
        if self._acceptor is not None:
            self._acceptor.start()
        self._on_ready()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Accepts no connections; the next response on each open one closes it, and none is reset."""
        self.server_state.draining = True
        # In place: responses that are being made hold this list, too.
        self.server_state.default_headers.append(CONNECTION_CLOSE)
        await self._close_port(sockets or [])
        for connection in list(self.server_state.connections):
            if isinstance(connection, WebSocket):
                connection.announce_shutdown()
        self._resources.broadcast.end("The server is stopping; please subscribe again, then read.")
        if self._drains:
            # Closing an idle connection would lose a request that is on its way at this moment.
            await self._until_idle(min(self._settings.keep_alive_timeout, self._settings.stop_timeout / 2))
        await super().shutdown(sockets)

    async def _close_port(self, sockets: list[socket]) -> None:
        if self._acceptor is not None:
            # Shared: the supervisor decides whether the port is closed or only this process stops.
            await asyncio.sleep(GRACE)
            await self._acceptor.close()
            return
        # Closing the servers closes their sockets; the queue is looked into once more after that.
        queues = [listener.dup() for listener in sockets[:1]]
        for queue in queues:
            stop_accepting(queue)
        await asyncio.sleep(GRACE)
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for queue in queues:
            with queue:
                coming = [loop.connect_accepted_socket(self._protocol, each) for each in waiting(queue)]
            await asyncio.gather(*coming, return_exceptions=True)

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def _until_idle(self, deadline: float) -> None:
        until = asyncio.get_running_loop().time() + deadline
        while self.server_state.connections and not self.force_exit:
            if asyncio.get_running_loop().time() > until:
                return
            await asyncio.sleep(0.02)


def _config(application: Starlette, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=_protocol(),
        ws=WebSocket,
        ws_max_size=settings.max_message_bytes,
        ws_ping_interval=None,  # the connection's own timer sends pings
        ws_per_message_deflate=False,  # messages are short, and each socket would keep 45 KiB for it
        lifespan="off",  # `serve` opens it, so that a refusal to start arrives as it is
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.stop_timeout,  # type: ignore[arg-type]
    )


def _protocol() -> "type[asyncio.Protocol] | str":
    """How HTTP is spoken: the one place to change it."""
    return FastPathProtocol


@contextmanager
def _cancelled_by_signals() -> Iterator[Callable[[Server], None]]:
    """A signal during the start cancels it; later the server handles it."""
    loop, starting = asyncio.get_running_loop(), asyncio.current_task()
    assert starting is not None
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def hand_over(server: Server) -> None:
        for number in numbers:
            loop.add_signal_handler(number, server.leave, number)

    for number in numbers:
        loop.add_signal_handler(number, starting.cancel)
    try:
        yield hand_over
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _raise_garbage_collection_threshold(threshold: int) -> None:
    """What the start has made stays; looking through it again and again is time taken from requests.

    Often and little: everything waits for a collection, and the young are soon looked through.
    """
    if threshold:
        gc.collect()
        gc.freeze()
        gc.set_threshold(threshold, 20, 100)


def _share_the_interpreter() -> None:
    """A thread that computes (a vocabulary, say) hands the interpreter back to the event loop soon."""
    sys.setswitchinterval(SWITCH)
