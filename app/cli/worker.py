"""A worker process, one of several that share a port; started by `app.server.workers`."""

import os
import socket
import sys

from app.cli import console
from app.cli.serve import run_application
from app.errors import CannotStart
from app.observability import logs
from app.server.accept_balancing import AcceptShares
from app.settings import read_settings


def run() -> None:
    """The numbers of the listening socket, of the pipe that is written to when the worker is ready, and of the shares' file."""
    listener, ready, shares, places, mine = map(int, sys.argv[1:])
    try:
        settings = read_settings(os.environ)
        logs.configure(settings)
        logs.report_ignored_errors()
        run_application(
            settings,
            socket.socket(fileno=listener),
            on_ready=lambda: _signal_ready(ready),
            shares=AcceptShares(shares, places, mine),
        )
    except CannotStart as error:
        console.print_error(str(error))
        sys.exit(1)


def _signal_ready(pipe: int) -> None:
    os.write(pipe, b".")
    os.close(pipe)


if __name__ == "__main__":
    run()
