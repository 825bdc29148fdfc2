"""How commands are shared among the nodes of a cluster, with scripted nodes: which replies and faults they return."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio.cluster import ClusterNode, NodesManager
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError

from app.cache import cluster as module
from app.cache.cluster import MAX_PUBLISH_TRIES, Cluster
from app.cache.failures import FAILURES, NotAsked, UnexpectedReply
from app.cache.topology import Command
from app.settings import Settings
from tests.unit.cache.timeouts import record_timeouts

SLOTS = 16384


class Connection:
    """Replies as given; an exception is raised, a callable is called first."""

    def __init__(self, node: "Node") -> None:
        self.node = node

    def pack_commands(self, commands: Any) -> Any:
        return list(commands)

    async def send_packed_command(self, command: Any) -> None:
        self.node.sent.append(command)

    async def read_response(self) -> Any:
        reply = self.node.replies.pop(0) if self.node.replies else 1
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def disconnect(self, **options: object) -> None:
        self.node.disconnected += 1


class Node(ClusterNode):
    """Records what is sent."""

    def __init__(self, name: str, server_type: str = "primary") -> None:
        super().__init__(name, 7000, server_type)
        self.sent: list[Any] = []
        self.replies: list[Any] = []
        self.borrowed = self.returned = self.disconnected = 0

    __slots__ = ("borrowed", "disconnected", "replies", "returned", "sent")

    def acquire_connection(self) -> Any:
        self.borrowed += 1
        return Connection(self)

    def release(self, connection: Any) -> None:
        self.returned += 1


class Initialized:
    """In place of the discovery of nodes: records its arguments, and can be held or fail."""

    def __init__(self) -> None:
        self.failed_nodes: list[str | None] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None

    async def __call__(self, last_failed_node_name: str | None = None) -> None:
        self.failed_nodes.append(last_failed_node_name)
        await self.go.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
async def nodes() -> list[Node]:
    return [Node(name) for name in ("a", "b", "c")]


@pytest.fixture
def initialized(cluster: Cluster) -> Initialized:
    found: Any = cluster.client.nodes_manager.initialize
    assert isinstance(found, Initialized)
    return found


@pytest.fixture
async def cluster(nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Three primaries with a third of the slots each."""
    # Not bound to an instance: it is called without one.
    monkeypatch.setattr(NodesManager, "initialize", Initialized())
    opened = opened_cluster()
    manager = opened.client.nodes_manager
    manager.nodes_cache = {node.name: node for node in nodes}
    manager.slots_cache = {slot: [nodes[slot * 3 // SLOTS]] for slot in range(SLOTS)}
    return opened


def opened_cluster(**changes: Any) -> Cluster:
    settings = {"breaker_threshold": 2, "breaker_timeout": 600, "redis_timeout": 5, **changes}
    return Cluster(Settings(redis_url="redis+cluster://a:7000,b:7000", **settings))  # type: ignore[arg-type]


def changes_of(cluster: Cluster) -> list[str]:
    reasons: list[str] = []
    cluster.changed = reasons.append
    return reasons


def key_on(cluster: Cluster, node: Node, number: int = 0) -> bytes:
    """A key in one of the slots of the node."""
    found = [
        key
        for key in (b"key:%d" % each for each in range(100))
        if cluster.client.nodes_manager.get_node_from_slot(key_slot(key)) is node
    ]
    return found[number]


def commands_for(cluster: Cluster, nodes: Sequence[Node]) -> list[Command]:
    return [
        Command(key_on(cluster, node, number), ("DEL", f"{node.host}{number}"))
        for number, node in enumerate(nodes)
    ]


def probe(name: str) -> list[Command]:
    return [Command(f"probe:{name}".encode(), ("PROBE", name)), Command(b"", ("CHECK", name))]


# Identity


async def test_the_identity_is_that_of_all_primaries(cluster: Cluster) -> None:
    assert cluster.identity is None
    cluster._primaries = {"a:7000", "b:7000"}
    assert cluster.identity is None
    cluster._identities["b:7000"] = "2"
    assert cluster.identity is None
    cluster._identities |= {"a:7000": "3", "other:7000": "1"}
    assert cluster.identity == "2+3"


async def test_a_primary_that_was_not_known_ends_all_connections_once(
    cluster: Cluster, nodes: list[Node]
) -> None:
    reasons = changes_of(cluster)
    cluster._note_primary(nodes[0])
    assert (reasons, cluster.lineage) == ([], 0)  # there was no look yet
    cluster._primaries = {"a:7000"}
    cluster._note_primary(nodes[0])
    assert reasons == []
    cluster._note_primary(nodes[1])
    cluster._note_primary(nodes[1])
    assert (reasons, cluster.lineage) == (["Redis has another primary"], 1)


async def test_every_node_has_its_own_address_and_replicas_are_accepted(cluster: Cluster) -> None:
    assert cluster._address(SimpleNamespace(host="a", port=7000)) == "a:7000"
    cluster._check_role(SimpleNamespace(lineage=0), b"slave")


async def test_all_primaries_are_identified_with_a_key_in_their_slots(
    cluster: Cluster, nodes: list[Node], initialized: Initialized
) -> None:
    cluster._identities = {f"{name}:7000": name for name in "abc"}
    assert await cluster.identify(probe) == "a+b+c"
    assert len(initialized.failed_nodes) == 1
    for node in nodes:
        [[(first, name), second]] = node.sent
        assert (first, second) == ("PROBE", ("CHECK", name))
        assert cluster.client.nodes_manager.get_node_from_slot(key_slot(f"probe:{name}".encode())) is node
    assert cluster._primaries == {"a:7000", "b:7000", "c:7000"}


@pytest.mark.parametrize("failure", [ResponseError("NOREPLICAS"), RedisConnectionError("closed")], ids=repr)
async def test_a_primary_that_fails_leaves_the_cluster_unidentified(
    failure: Exception, cluster: Cluster, nodes: list[Node]
) -> None:
    cluster._identities = {f"{name}:7000": name for name in "abc"}
    nodes[1].replies = [1, failure]
    with pytest.raises(type(failure)):
        await cluster.identify(probe)
    assert cluster._primaries == set()
    assert all(node.sent for node in nodes)


async def test_a_primary_without_slots_is_unexpected(
    cluster: Cluster, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBES_TRIED", 20)
    cluster.client.nodes_manager.slots_cache = {slot: [nodes[slot % 2]] for slot in range(SLOTS)}
    tried: list[str] = []

    def recorded(name: str) -> list[Command]:
        tried.append(name)
        return probe(name)

    with pytest.raises(UnexpectedReply, match="A node of the cluster has no slots"):
        cluster._probe_names(nodes, recorded)
    assert tried == [str(number) for number in range(20)]
    assert cluster._probe_names(nodes[:2], probe) == [
        next(str(number) for number in range(20) if key_slot(f"probe:{number}".encode()) % 2 == index)
        for index in range(2)
    ]


# Commands


async def test_keys_are_grouped_by_slot_in_their_order(cluster: Cluster) -> None:
    assert cluster.group_by_slot([b"{a}1", b"{b}1", b"{a}2", b"{c}", b"{b}2"]) == [[0, 2], [1, 4], [3]]


async def test_commands_are_sent_to_the_nodes_of_their_keys_and_replies_keep_their_order(
    cluster: Cluster, nodes: list[Node]
) -> None:
    a, b, c = nodes
    order = [c, a, c, b, a]
    a.replies, b.replies, c.replies = [10, 11], [20], [30, 31]
    assert await cluster.run(commands_for(cluster, order)) == [30, 10, 31, 20, 11]
    assert cluster.round_trips == 1
    assert [node.sent for node in nodes] == [
        *([[("DEL", "a1"), ("DEL", "a4")]], [[("DEL", "b3")]], [[("DEL", "c0"), ("DEL", "c2")]])
    ]
    assert [(node.borrowed, node.returned) for node in nodes] == [(1, 1)] * 3


async def test_the_first_rejection_is_raised_after_all_nodes_have_answered(
    cluster: Cluster, nodes: list[Node]
) -> None:
    rejection = ResponseError("OOM")
    nodes[0].replies = [rejection]
    with pytest.raises(ResponseError) as raised:
        await cluster.run(commands_for(cluster, nodes))
    assert raised.value is rejection
    assert all(node.sent for node in nodes)
    assert not cluster.unresponsive


async def test_a_node_that_fails_repeatedly_is_not_requested_and_the_others_are(
    cluster: Cluster, nodes: list[Node], initialized: Initialized
) -> None:
    for _ in range(2):
        assert not cluster.unresponsive
        nodes[0].replies = [RedisConnectionError("closed")]
        with pytest.raises(RedisConnectionError):
            await cluster.run(commands_for(cluster, nodes))
    assert cluster.unresponsive
    assert nodes[0].returned == 2
    await asyncio.sleep(0)
    refreshed = len(initialized.failed_nodes)
    assert set(initialized.failed_nodes) == {"a:7000"}
    with pytest.raises(NotAsked):
        await cluster.run(commands_for(cluster, nodes))
    assert [len(node.sent) for node in nodes] == [2, 3, 3]
    await asyncio.sleep(0)
    assert len(initialized.failed_nodes) == refreshed
    assert await cluster.run(commands_for(cluster, nodes[1:])) == [1, 1]


@pytest.mark.parametrize(
    "redirect",
    [MovedError("1 b:7000"), AskError("1 b:7000"), TryAgainError("later")],
    ids=lambda error: type(error).__name__,
)
async def test_a_redirected_command_is_sent_again_by_the_client(
    redirect: Exception, cluster: Cluster, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons, again = changes_of(cluster), Recorded(7)
    monkeypatch.setattr(cluster.client, "execute_command", again)
    cluster._primaries = {"a:7000", "b:7000"}
    nodes[0].replies = [5, redirect, 6]
    assert await cluster.run(commands_for(cluster, [nodes[0]] * 3)) == [5, 7, 6]
    assert again.arguments == [("DEL", "a1")]
    assert cluster.round_trips == 2
    assert reasons == ["Redis has another primary"]  # the third


async def test_a_redirected_command_has_to_get_a_reply_of_its_shape(
    cluster: Cluster, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.client, "execute_command", Recorded("text"))
    nodes[0].replies = [MovedError("1 b:7000")]
    with pytest.raises(UnexpectedReply, match="'DEL'"):
        await cluster.run(commands_for(cluster, nodes[:1]))


async def test_a_node_of_a_cluster_that_is_down_starts_a_refresh(
    cluster: Cluster, nodes: list[Node], initialized: Initialized
) -> None:
    nodes[1].replies = [ClusterDownError("The cluster is down")]
    with pytest.raises(ClusterDownError):
        await cluster.run(commands_for(cluster, nodes))
    await asyncio.sleep(0)
    assert initialized.failed_nodes == ["b:7000"]


class Recorded:
    def __init__(self, reply: object) -> None:
        self.reply = reply
        self.arguments: list[Any] = []

    async def __call__(self, *arguments: Any) -> object:
        self.arguments.append(arguments)
        return self.reply


# Messages and other connections


async def test_a_message_is_published_through_the_first_node_that_accepts_it(
    cluster: Cluster, nodes: list[Node]
) -> None:
    nodes[0].replies = [RedisConnectionError("closed")]
    nodes[1].replies = [4]
    assert await cluster.publish("channel", b"message") == 4
    assert cluster.round_trips == 1
    sent = [[("PUBLISH", "channel", b"message")]]
    assert [node.sent for node in nodes] == [sent, sent, []]
    # The node that failed is now the last.
    assert [node.host for node in cluster._by_health()] == ["b", "c", "a"]
    assert await cluster.publish("channel", b"message") == 1
    assert [len(node.sent) for node in nodes] == [1, 2, 0]


async def test_a_message_that_no_node_accepts_raises_the_first_failure(
    cluster: Cluster, nodes: list[Node]
) -> None:
    more = [Node(name) for name in ("d", "e")]
    cluster.client.nodes_manager.nodes_cache |= {node.name: node for node in more}
    failures = [ResponseError(f"OOM {number}") for number in range(5)]
    for node, failure in zip([*nodes, *more], failures, strict=True):
        node.replies = [failure]
    with pytest.raises(ResponseError) as raised:
        await cluster.publish("channel", b"message")
    assert raised.value is failures[0]
    assert sum(len(node.sent) for node in [*nodes, *more]) == MAX_PUBLISH_TRIES == 3


async def test_replicas_are_not_requested(cluster: Cluster, nodes: list[Node]) -> None:
    replica = Node("d", "replica")
    cluster.client.nodes_manager.nodes_cache |= {replica.name: replica}
    assert cluster._by_health() == nodes
    cluster._breaker_of(replica).failed()
    cluster._breaker_of(replica).failed()
    assert not cluster.unresponsive


async def test_connections_are_opened_to_all_primaries_alike(cluster: Cluster, nodes: list[Node]) -> None:
    nodes[0].replies = [RedisConnectionError("closed")]
    await cluster.make_ready(7)
    assert [node.sent for node in nodes] == [[[("PING",)]] * 2] * 3
    assert [(node.borrowed, node.returned) for node in nodes] == [(2, 2)] * 3


async def test_the_channel_is_subscribed_at_the_healthiest_node(cluster: Cluster, nodes: list[Node]) -> None:
    cluster._breaker_of(nodes[0]).failed()
    pubsub = await cluster.pubsub()
    assert pubsub.node is nodes[1]


# Discovery


async def test_the_slots_are_discovered_before_the_first_command_and_not_again(
    cluster: Cluster, nodes: list[Node], initialized: Initialized, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = cluster.client.nodes_manager
    slots = manager.slots_cache

    async def discover(last_failed_node_name: str | None = None) -> None:
        initialized.failed_nodes.append(last_failed_node_name)
        manager.slots_cache = slots

    monkeypatch.setattr(NodesManager, "initialize", staticmethod(discover))
    command = Command(key_on(cluster, nodes[0]), ("DEL", "a"))
    steps: list[Callable[[], Awaitable[Any]]] = [
        lambda: cluster.run([command]),
        lambda: cluster.publish("channel", b"message"),
        lambda: cluster.make_ready(3),
        cluster.pubsub,
    ]
    for step in steps:
        manager.slots_cache = {}
        initialized.failed_nodes.clear()
        await step()
        await step()
        assert initialized.failed_nodes == [None]


async def test_a_failed_discovery_is_a_failure_of_the_cluster(
    cluster: Cluster, initialized: Initialized
) -> None:
    cluster.client.nodes_manager.slots_cache = {}
    initialized.error = KeyError("nodes")
    for _ in range(2):
        assert not cluster.unresponsive
        with pytest.raises(FAILURES):
            await cluster.publish("channel", b"message")
    assert cluster.unresponsive
    with pytest.raises(NotAsked):
        await cluster.publish("channel", b"message")
    assert len(initialized.failed_nodes) == 2


async def test_one_discovery_runs_at_a_time_and_is_not_cancelled_with_a_caller(
    cluster: Cluster, nodes: list[Node], initialized: Initialized
) -> None:
    initialized.go.clear()
    first = asyncio.create_task(cluster._refresh())
    while not initialized.failed_nodes:
        await asyncio.sleep(0)
    second = asyncio.create_task(cluster._refresh())
    cluster._refresh_later(nodes[0])
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    assert initialized.failed_nodes == [None]
    initialized.go.set()
    await second
    await cluster._refresh()
    assert initialized.failed_nodes == [None, "a:7000"]


async def test_a_discovery_has_the_time_to_connect_to_each_start_node(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = record_timeouts(monkeypatch)
    connect, answer = cluster._settings.redis_connect_timeout, cluster._settings.redis_timeout
    for names, share in ((("a",), 2), (("a", "b"), 2), (("a", "b", "c"), 3)):
        cluster.client.nodes_manager.startup_nodes = {name: Node(name) for name in names}
        seconds.clear()
        await cluster._refresh()
        assert seconds == [share * (connect + answer)]


async def test_closing_cancels_a_discovery(
    cluster: Cluster, initialized: Initialized, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    async def aclose(attr: str = "nodes_cache") -> None:
        closed.append(attr)

    monkeypatch.setattr(NodesManager, "aclose", staticmethod(aclose))
    initialized.go.clear()
    waiting = asyncio.create_task(cluster._refresh())
    await asyncio.sleep(0)
    assert cluster._refresh_task is not None
    await cluster.close()
    assert cluster._refresh_task.cancelled()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert closed[-2:] == ["nodes_cache", "startup_nodes"]


async def test_closing_without_a_discovery_closes_all_nodes(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    async def aclose(attr: str = "nodes_cache") -> None:
        closed.append(attr)

    monkeypatch.setattr(NodesManager, "aclose", staticmethod(aclose))
    await cluster.close()
    assert closed[-2:] == ["nodes_cache", "startup_nodes"]


async def test_all_steps_are_awaited_before_the_first_failure_is_raised() -> None:
    done: list[int] = []

    async def step(number: int, ticks: int, error: Exception | None = None) -> None:
        for _ in range(ticks):
            await asyncio.sleep(0)
        done.append(number)
        if error is not None:
            raise error

    with pytest.raises(ValueError, match="one"):
        await module._run_all(
            [step(0, 3), step(1, 2, ValueError("one")), step(2, 0, ValueError("two")), step(3, 5)]
        )
    assert sorted(done) == [0, 1, 2, 3]
