"""Reports to the service manager that has started this process (systemd's `Type=notify`) when it is ready."""

import os
import socket

from app.cli import console

_ADDRESS = "NOTIFY_SOCKET"


def notify_ready() -> None:
    """Without effect where no service manager waits for it."""
    if address := os.environ.get(_ADDRESS):
        # A leading @ stands for the zero byte of an abstract address.
        target = "\0" + address[1:] if address.startswith("@") else address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(1)
                sender.sendto(b"READY=1", target)
        except OSError as error:
            console.print_note(f"The service manager at {address} was not notified: {error}.")
