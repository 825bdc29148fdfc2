"""The resources of the server, closed in reverse order of their opening."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.types import Scope

from app.auth.account_cache import AccountCache
from app.auth.api_key_usage import ApiKeyUsage
from app.auth.authenticator import Authenticator
from app.auth.cookies import SessionCookie
from app.auth.devices import Devices
from app.auth.passwords import Passwords
from app.auth.sessions import Sessions
from app.auth.sign_in import SignIn
from app.broadcast import Broadcast
from app.cache.invalidator import Invalidator
from app.cache.memory import Memory
from app.cache.read_through import ReadThrough
from app.cache.redis import SharedCache, open_redis
from app.cache.responses import Responses
from app.cache.session_redis import open_session_server
from app.cache.validity import Validity
from app.db import edge_queue, outbox
from app.db.pool import Pool, open_pool
from app.domain.directory import Directories
from app.edge.purgers import purgers_of
from app.http.cached_request_head import RequestHeadCache
from app.http.client_address import Addresses
from app.http.edge_headers import EdgeHeaders
from app.http.readiness import Readiness, readiness_of
from app.http.request_state import ErrorPage
from app.interpreter.search import LatestNames
from app.interpreter.vocabularies import Vocabularies
from app.jobs.edge_purges import EdgePurges
from app.jobs.garbage import Garbage
from app.jobs.heartbeat import Heartbeat
from app.jobs.invalidation_listener import InvalidationListener
from app.jobs.l2_consistency import L2Consistency
from app.jobs.notifications import Notifications
from app.jobs.outbox_relay import OutboxRelay
from app.jobs.query_log import QueryLog
from app.jobs.redis_probe import RedisProbe
from app.jobs.retention import Retention
from app.jobs.supervisor import Job, Supervisor
from app.jobs.webhook_delivery import WebhookDelivery
from app.jobs.webhook_retention import WebhookRetention
from app.language_model.budget import CallBudget
from app.language_model.chat import open_language_model
from app.language_model.opinion import LanguageModel
from app.limits.connection_limit import max_connections
from app.limits.deadlines import Deadlines
from app.limits.fair_share import FairShare
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.refusal_pacer import RefusalPacer
from app.limits.write_priority import WritePriority
from app.observability import metrics
from app.observability.process_metrics import ProcessMetrics
from app.settings import Settings
from app.web.error_page import error_page
from app.webhooks.sender import Sender

log = structlog.get_logger(__name__)


@dataclass(frozen=True, eq=False)
class Resources:
    settings: Settings
    pool: Pool
    shared: SharedCache
    memory: Memory
    read_through: ReadThrough
    invalidator: Invalidator
    broadcast: Broadcast
    limiter: RateLimiter
    known: AccountCache
    authenticator: Authenticator
    sign_in: SignIn
    passwords: Passwords
    sessions: Sessions
    devices: Devices
    cookie: SessionCookie
    api_key_usage: ApiKeyUsage
    addresses: Addresses
    directories: Directories
    names: LatestNames
    vocabularies: Vocabularies
    language_model: LanguageModel | None
    model_calls: CallBudget
    query_log: QueryLog
    responses: Responses
    heads: RequestHeadCache
    connections: FairShare
    deadlines: Deadlines
    refusals: RefusalPacer
    write_priority: WritePriority
    readiness: Readiness
    error_page: ErrorPage
    bulk_writes: asyncio.Lock
    webhook_sender: Sender
    edge: EdgeHeaders


def resources_of(scope: Scope) -> Resources:
    """What the lifespan has opened."""
    resources: Resources = scope["state"]["resources"]
    return resources


def no_jobs(resources: "Resources") -> Sequence[Job]:
    return ()


@dataclass(frozen=True, eq=False)
class _Clients:
    """The connections to other servers, on which the other resources are built."""

    pool: Pool
    shared: SharedCache
    session_client: Any  # of redis-py
    language_model: LanguageModel | None


@asynccontextmanager
async def open_resources(
    settings: Settings, more_jobs: Callable[["Resources"], Sequence[Job]] = no_jobs
) -> AsyncIterator[Resources]:
    """`more_jobs` are those that need what stands above: the loaders."""
    async with _open_clients(settings) as clients:
        memory = Memory(settings.memory_cache_size, settings.memory_cache_lifetime, settings.lifetime_jitter)
        validity = Validity(
            memory, clients.shared, settings.heartbeat_interval * settings.max_missed_heartbeats
        )
        resources = _resources(settings, clients, memory, validity)
        jobs = [*_jobs(resources, validity), *more_jobs(resources)]
        async with Supervisor(jobs, stop_timeout=settings.stop_timeout):
            yield resources
        await resources.read_through.close()
        await resources.limiter.close()


@asynccontextmanager
async def _open_clients(settings: Settings) -> AsyncIterator[_Clients]:
    async with (
        open_pool(settings) as pool,
        open_redis(settings) as shared,
        open_session_server(settings, shared) as session_client,
        open_language_model(settings) as language_model,
    ):
        yield _Clients(pool, shared, session_client, language_model)


def _resources(settings: Settings, clients: _Clients, memory: Memory, validity: Validity) -> Resources:
    pool, shared, session_client = clients.pool, clients.shared, clients.session_client
    read_through = ReadThrough(memory, shared, pool, settings)
    limiter = RateLimiter(lambda: shared.client, settings)
    sessions = Sessions(session_client, settings)
    passwords = Passwords(settings)
    uses = ApiKeyUsage(pool, settings)
    known = AccountCache(pool, memory, settings)
    loop = asyncio.get_running_loop()
    return Resources(
        settings=settings,
        pool=pool,
        shared=shared,
        memory=memory,
        read_through=read_through,
        invalidator=Invalidator(memory, read_through, shared),
        broadcast=Broadcast(
            settings.max_unread_changes,
            max_log=settings.max_subscription_log,
            timeout=settings.subscription_timeout,
        ),
        limiter=limiter,
        known=known,
        authenticator=Authenticator(known, sessions, uses),
        sign_in=SignIn(pool, passwords, sessions, limiter),
        passwords=passwords,
        sessions=sessions,
        devices=Devices(lambda: session_client, settings),
        cookie=SessionCookie(settings),
        api_key_usage=uses,
        addresses=Addresses(settings),
        directories=Directories(),
        names=LatestNames(),
        vocabularies=Vocabularies(),
        language_model=clients.language_model,
        model_calls=CallBudget(limiter),
        query_log=QueryLog(pool, settings),
        responses=Responses(memory, on=settings.response_cache),
        heads=RequestHeadCache(memory),
        connections=FairShare(max_connections(settings), settings.max_connections_per_address),
        deadlines=Deadlines(settings.operation_timeout, loop),
        refusals=RefusalPacer(loop),
        write_priority=WritePriority(loop),
        readiness=readiness_of(pool, shared, memory, settings, session_client, validity),
        error_page=error_page,
        bulk_writes=asyncio.Lock(),
        webhook_sender=Sender(settings),
        edge=EdgeHeaders(settings),
    )


def _jobs(resources: Resources, validity: Validity) -> list[Job]:
    """Sets the callbacks by which the pool and the shared cache report what the jobs must know."""
    settings, pool, shared = resources.settings, resources.pool, resources.shared
    invalidator = resources.invalidator
    consistency = L2Consistency(pool, shared, validity, sender=invalidator.sender)
    heartbeat = Heartbeat(shared, consistency, sender=invalidator.sender, every=settings.heartbeat_interval)
    listener = InvalidationListener(
        pool,
        shared,
        resources.memory,
        validity,
        consistency,
        invalidator,
        resources.broadcast,
        heartbeat,
        settings,
    )
    shared.on_change = listener.resubscribe
    pool.on_old_rows = invalidator.keep_nothing
    news = Notifications(outbox.CHANNEL, settings)
    return [
        listener,
        heartbeat,
        RedisProbe(shared, every=settings.heartbeat_interval * settings.max_missed_heartbeats),
        news,
        OutboxRelay(pool, shared, consistency, news.news, settings, invalidator=invalidator),
        resources.api_key_usage,
        resources.query_log,
        Retention(pool, settings),
        WebhookDelivery(pool, resources.webhook_sender, settings),
        WebhookRetention(pool, settings),
        *_edge_purges(resources, news),
        Garbage(settings, quiet=lambda: pool.idle == pool.size),
        ProcessMetrics([lambda: _sample(resources)]),
    ]


def _edge_purges(resources: Resources, news: Notifications) -> list[Job]:
    settings = resources.settings
    purgers = purgers_of(settings)
    if settings.edge_headers and not purgers:
        log.warning("edges_are_not_purged", advice="let EDGE_LIFETIME be short, or purge them by other means")
    return [EdgePurges(resources.pool, purger, news.add(edge_queue.CHANNEL), settings) for purger in purgers]


def _sample(resources: Resources) -> None:
    pool = resources.pool
    metrics.DATABASE_CONNECTIONS.labels("idle").set(pool.idle)
    metrics.DATABASE_CONNECTIONS.labels("busy").set(pool.size - pool.idle)
    metrics.CACHE_TRUSTED.labels("l1").set(resources.memory.enabled)
    metrics.CACHE_TRUSTED.labels("l2").set(resources.shared.trusted)
    metrics.QUEUE.labels("query_log").set(resources.query_log.waiting)
    metrics.QUEUE.labels("fills").set(resources.read_through.fills_waiting)
    metrics.QUEUE.labels("changes").set(resources.broadcast.max_unread)
