"""The topology that a Redis URL names."""

from urllib.parse import urlsplit

from app.cache.cluster import Cluster
from app.cache.single_server import SingleServer
from app.cache.topology import Topology
from app.settings import Settings


def open_topology(settings: Settings) -> Topology:
    scheme = urlsplit(settings.redis_url).scheme
    return Cluster(settings) if scheme.endswith("+cluster") else SingleServer(settings)
