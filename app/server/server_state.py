"""What all connections of one server process share."""

from uvicorn.server import ServerState as UvicornServerState


class ServerState(UvicornServerState):
    """`draining`: the process stops. Each response closes its connection, and no connection waits for another request."""

    def __init__(self) -> None:
        super().__init__()
        self.draining = False
