"""In which contexts the changes of a subscription are executed."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from app.broadcast import Broadcast
from app.domain.account import ANONYMOUS, Principal, Role
from app.domain.entry import DnoYear
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.errors import TooMany, Unauthenticated
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.execution.document_cache import DocumentCache
from schema.execution.subscription import NotSubscribed, Subscriptions
from schema.root import schema

EDITOR = msgspec.structs.replace(ANONYMOUS, role=Role.EDITOR)
ADMIN = msgspec.structs.replace(ANONYMOUS, role=Role.ADMIN)
TEXT = "subscription ($dno: String) { dataChanged(dno: $dno) { kind entry { ... on Tariff { year dno { name } } } } }"


@pytest.fixture
def resources(resources: Resources) -> Resources:
    """Only the events of a test are broadcast."""
    return replace(resources, broadcast=Broadcast(10))


class Caller:
    """Contexts by principal, and the units that were charged. Each call takes the next principal; the last one stays."""

    def __init__(self, resources: Resources, *principals: Principal | Exception) -> None:
        self.resources = resources
        self.principals = list(principals)
        self.contexts: list[Context] = []
        self.units: list[int] = []
        self.max_changes = 10

    async def __call__(self) -> Principal:
        principal = self.principals.pop(0) if len(self.principals) > 1 else self.principals[0]
        if isinstance(principal, Exception):
            raise principal
        return principal

    def new_context(self, principal: Principal) -> Context:
        context = Context(self.resources, principal=principal)
        self.contexts.append(context)
        return context

    def charge(self, units: int) -> None:
        self.units.append(units)
        if len(self.units) > self.max_changes:
            raise TooMany("Too much.", retry_after=1)

    def open(self, subscriptions: Subscriptions, slug: str | None = None) -> Any:
        operation = DOCUMENTS.get(TEXT).operation(None)
        return subscriptions.open(operation, {"dno": slug}, self.new_context, self, self.charge)


DOCUMENTS = DocumentCache(schema, Settings())


async def event(resources: Resources, dno: Any, version: int) -> Event:
    (tariffs,) = await Context(resources).loaders.tariffs_by_dno_year.load_many([DnoYear(dno.id, 2024)])
    assert tariffs
    changed = EntryChange(tariffs[0].id, version, ChangeKind.CORRECTED)
    return Event(version, Topic.TARIFFS, dno.id, 2024, tariffs[0].updated_at, (changed,))


async def test_subscribing_and_each_change_have_a_context_of_the_current_principal(
    resources: Resources, operators: list[Any]
) -> None:
    subscriptions = Subscriptions(schema, deadline=30)
    caller = Caller(resources, ANONYMOUS, EDITOR)
    caller.max_changes = 1
    async with caller.open(subscriptions, "netze-a") as answers:
        assert [context.principal for context in caller.contexts] == [ANONYMOUS]
        resources.broadcast.send(await event(resources, operators[0], 1))
        answer = await asyncio.wait_for(anext(answers), 30)
        assert [context.principal for context in caller.contexts] == [ANONYMOUS, EDITOR]
        assert json.loads(answer.body)["data"]["dataChanged"]["entry"] == {
            "year": 2024,
            "dno": {"name": operators[0].name},
        }
        assert caller.units == [answer.units]
        assert 0 < answer.units <= caller.contexts[1].budget.units
        resources.broadcast.send(await event(resources, operators[0], 2))
        with pytest.raises(TooMany):
            await asyncio.wait_for(anext(answers), 30)
    assert len(caller.units) == 2
    assert subscriptions._in_flight == {}


async def test_a_change_is_executed_again_if_the_role_has_changed_during_its_execution(
    resources: Resources, operators: list[Any]
) -> None:
    subscriptions = Subscriptions(schema, deadline=30)
    caller = Caller(resources, ANONYMOUS, EDITOR, ADMIN)
    async with caller.open(subscriptions) as answers:
        resources.broadcast.send(await event(resources, operators[0], 1))
        await asyncio.wait_for(anext(answers), 30)
    assert [context.principal for context in caller.contexts] == [ANONYMOUS, EDITOR, ADMIN]
    assert len(caller.units) == 1


async def test_subscribers_with_the_same_principal_and_variables_share_an_execution(
    resources: Resources, operators: list[Any]
) -> None:
    subscriptions = Subscriptions(schema, deadline=30)
    callers = [Caller(resources, principal) for principal in (EDITOR, EDITOR, ADMIN)]
    async with (
        callers[0].open(subscriptions) as one,
        callers[1].open(subscriptions) as same,
        callers[2].open(subscriptions) as other,
        callers[1].open(subscriptions, "netze-a") as filtered,
    ):
        resources.broadcast.send(await event(resources, operators[0], 1))
        answers = await asyncio.wait_for(
            asyncio.gather(anext(one), anext(same), anext(other), anext(filtered)), 30
        )
    assert answers[0] is answers[1]
    assert len({id(answer) for answer in answers}) == 3
    assert len({answer.body for answer in answers}) == 1
    assert sum(len(caller.contexts) for caller in callers) == 4 + 3


async def test_a_principal_that_is_no_longer_valid_ends_the_subscription(
    resources: Resources, operators: list[Any]
) -> None:
    subscriptions = Subscriptions(schema, deadline=30)
    refused = Caller(resources, Unauthenticated("revoked"))
    with pytest.raises(Unauthenticated):
        async with refused.open(subscriptions):
            raise AssertionError
    caller = Caller(resources, EDITOR, Unauthenticated("revoked"))
    async with caller.open(subscriptions) as answers:
        resources.broadcast.send(await event(resources, operators[0], 1))
        with pytest.raises(Unauthenticated):
            await asyncio.wait_for(anext(answers), 30)
    assert caller.units == []
    assert not resources.broadcast.has_subscribers


async def test_an_error_of_the_field_is_raised_and_leaves_no_subscriber(resources: Resources) -> None:
    caller = Caller(resources, ANONYMOUS)
    with pytest.raises(NotSubscribed) as found:
        async with caller.open(Subscriptions(schema, deadline=30), "none"):
            raise AssertionError
    assert [error.message for error in found.value.errors] == ["There is no operator with the slug 'none'."]
    assert not resources.broadcast.has_subscribers


async def test_a_change_that_takes_too_long_is_delivered_with_an_error(
    resources: Resources, operators: list[Any]
) -> None:
    subscriptions = Subscriptions(schema, deadline=30)
    caller = Caller(resources, ANONYMOUS)
    async with caller.open(subscriptions) as answers:
        subscriptions._deadline = 0
        changed = await event(resources, operators[0], 7)
        resources.broadcast.send(changed)
        answer = await asyncio.wait_for(anext(answers), 30)
    assert (answer.data, answer.errors) == (False, 1)
    (error,) = json.loads(answer.body)["errors"]
    assert error["message"] == "A change took too long to be worked out; please read it by its id."
    assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
    assert isinstance(error["extensions"]["change"], dict)


async def test_the_named_subscription_of_a_document_is_executed(
    resources: Resources, operators: list[Any]
) -> None:
    text = "subscription A { dataChanged { kind } } subscription B { b: dataChanged { kind } }"
    caller = Caller(resources, ANONYMOUS)
    for name, key in (("A", "dataChanged"), ("B", "b")):
        opened = Subscriptions(schema, deadline=30).open(
            DOCUMENTS.get(text).operation(name), {}, caller.new_context, caller, caller.charge
        )
        async with opened as answers:
            version = 1 if name == "A" else 2
            resources.broadcast.send(await event(resources, operators[0], version))
            answer = await asyncio.wait_for(anext(answers), 30)
        assert json.loads(answer.body) == {"data": {key: {"kind": "CORRECTED"}}}
