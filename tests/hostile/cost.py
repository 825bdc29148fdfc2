"""What a server has used: CPU seconds and resident memory of all its processes."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Use:
    cpu: float  # seconds
    memory: int  # bytes, resident


def server_processes(port: int) -> list[psutil.Process]:
    """The processes that listen on a port, and their Python children; databases they may have started are left out."""
    pids = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid
    }
    found = {pid: psutil.Process(pid) for pid in pids}
    for process in list(found.values()):
        for child in process.children(recursive=True):
            if "python" in child.name():
                found[child.pid] = child
    return list(found.values())


def use_of(processes: list[psutil.Process]) -> Use:
    cpu, memory = 0.0, 0
    for process in processes:
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return Use(cpu, memory)
