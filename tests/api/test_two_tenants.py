"""An id of others in a body or a query is answered like one that never was: every field of the schema that takes an id."""

import json
import re
import uuid
from copy import deepcopy
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from django.db import transaction

from portal.access.models import Assignment, Role
from portal.api.schema import document
from portal.api.takes import TAKES, Free
from portal.core import clock
from portal.events.models import Event
from portal.tenancy.models import Acceptance
from tests.addresses import never_were, one_of_each, one_of_hers
from tests.api.test_permissions_named import address_of, bodies

NAMES = {
    "scope": "scopes",
    "project": "scopes",
    "tenant": "tenant",
    "organization": "organization",
    "plan": "plan",
    "connection": "connections",
    "resource": "resources",
    "beneficiary": "people",
    "person": "people",
    "items": "review-item",
    "group": "groups",
    "role": "roles",
    "offer": "lease-offers",
    "lender": "lenders",
    "of": "people",
    "stage": "stage",
    "offering": "offerings",
    "replaces": "policies",
    "approval": "approvals",
    "place": "scopes",
    "service_account": "robot",
    "account": "robot",
    "id": "scopes",
}
"""What a field of this name names; a new name needs its line here."""
OF_ALL = ("offerings", "connections", "calendars")
"""What an organization has for each of its tenants."""
READ_ALIKE = {"orders_amend": "orders_create"}
"""What reads its items by the very code of another operation, and needs a thing of hers that cannot be had here."""
QUERIES = {
    "access_why": "?permission=view_scope&kind=scope&id={scopes}&person={people}",
    "events_list": "?scope={scopes}",
    "events_export": "?scope={scopes}",
    "approvals_statistics": "?scope={scopes}",
    "offerings_options": "?project={scopes}&connection={connections}&region=eu-west-1",
    "resources_list": "?connection={connections}",
    "resources_unmanaged": "?connection={connections}",
    "service_accounts_list": "?scope={scopes}",
}


@pytest.fixture
def theirs(market):
    return one_of_each(market)


@pytest.fixture
def hers(market, theirs):
    return one_of_hers(market)


@pytest.mark.parametrize("name", ["mallory", "bob"])
def test_an_id_of_others_in_an_address_is_not_found_whatever_is_sent(name, market, world, theirs, hers, caller):
    """Asked by who may do everything in another organization, and in another tenant of the same one."""
    Assignment.objects.filter(user=world.bob).delete()
    Assignment.objects.create(user=world.bob, role=Role.objects.get(key="everything"), scope=world.logistics)
    Acceptance.objects.create(user=world.bob, terms_id=theirs["terms"])
    program, sent, wrong, tried = caller(name), bodies(market, theirs), [], set()
    for operation, method, path, _said in operations():
        if "{" not in path or (name == "bob" and path.split("/")[2] in OF_ALL) or TAKES[operation] is Free.SIGNED:
            continue  # what is signed takes no token: whoever sends one is not asked what she may see
        for body in (sent.get(operation, {}), {}):
            made_up = address_of(path, never_were(theirs)).split("?")[0]
            foreign = ask(program, world, method, address_of(path, theirs), body)
            expected = ask(program, world, method, made_up + query_of(address_of(path, theirs)), body)
            if foreign != expected or foreign[0] not in ((404,) if body else (404, 400)):
                wrong.append(f"{method} {operation}: {foreign}, for none {expected}")
        tried.add(operation)
    assert not wrong, "\n".join(wrong)
    assert len(tried) > 50


@pytest.mark.parametrize("path", ["/api/scopes/{id}/roles/{assignment_pk}/", "/api/groups/{id}/members/{user_pk}/"])
def test_an_id_of_others_below_a_thing_of_hers_is_not_found_either(world, theirs, hers, caller, path):
    below = {"assignment_pk", "user_pk"}
    foreign = ask(caller("mallory"), world, "DELETE", address_of(path, theirs | hers))
    assert foreign == ask(
        caller("mallory"), world, "DELETE", address_of(path, theirs | hers | {key: uuid.uuid4() for key in below})
    )
    assert foreign[0] == 404


def test_an_id_of_others_in_a_body_is_answered_like_one_that_never_was(market, world, theirs, hers, caller):
    program, wrong, tried = caller("mallory"), [], set()
    sent = own_bodies(market, hers)
    for name, method, path, said in operations():
        for field in () if name in READ_ALIKE or TAKES[name] is Free.SIGNED else id_fields(said):
            named = NAMES[field[-1] if field[-1] != "[]" else field[-2]]
            address, body = address_of(path, hers), sent.get((name, field[-1]), sent.get(name, {}))
            answers = [
                ask(program, world, method, address, with_id(body, field, pk))
                for pk in (theirs[named], uuid.uuid4(), hers.get(named))
            ]
            foreign, never, own = answers
            if foreign != never or foreign[0] not in (400, 404, 422):
                wrong.append(f"{name} {'.'.join(field)}: {foreign}, for none {never}")
            if own[:2] == foreign[:2]:
                wrong.append(f"{name} {'.'.join(field)}: her own is answered {own}, too, so nothing is proven")
            tried.add((name, field[-1]))
    assert not wrong, "\n".join(wrong)
    assert {
        READ_ALIKE.get(name, name)
        for name, _method, _path, said in operations()
        if id_fields(said) and TAKES[name] is not Free.SIGNED
    } == {name for name, _field in tried}
    assert len(tried) >= 20


def test_an_id_of_others_in_a_query_is_answered_like_one_that_never_was(world, theirs, hers, caller):
    program, wrong = caller("mallory"), []
    parts = [(name, part) for name, _method, _path, said in operations() for part in said.get("parameters", ())]
    asked, tried = {(name, part["name"]) for name, part in parts if part["in"] == "query"}, set()
    for name, method, path, _said in operations():
        query = QUERIES.get(name, "")
        for word, named in re.findall(r"(\w+)=\{(\w+)\}", query):
            address = address_of(path, hers).split("?")[0]
            foreign, never, own = (
                ask(program, world, method, address + query.format(**hers | {named: pk}))
                for pk in (theirs[named], uuid.uuid4(), hers[named])
            )
            if foreign != never or foreign[0] not in (200, 404, 422, 400):
                wrong.append(f"{name} {word}: {foreign}, for none {never}")
            if own[0] != 200:
                wrong.append(f"{name} {word}: her own is answered {own}")
            tried.add((name, word))
    assert not wrong, "\n".join(wrong)
    assert tried == {(name, word) for name, word in asked if word in NAMES}


def own_bodies(market, hers):
    """What mallory would send of her own, by operation, or by operation and field where that field needs another body."""
    mine = SimpleNamespace(server=SimpleNamespace(pk=hers["plan"]), aws=SimpleNamespace(pk=hers["connections"]))
    mine.image = market.image
    sent = bodies(mine, hers)
    person = sent["assignments_create"].pop("person")
    return {
        **sent,
        ("orders_create", "resource"): {**sent["orders_create"], "items": [{"action": "terminate"}]},
        ("quota_asks_create", "lender"): {
            **sent["quota_asks_create"],
            "scope": str(hers["tenant"]),
            "until": (clock.now() + timedelta(days=7)).isoformat(),
        },
        ("subscriptions_create", "account"): {**sent["subscriptions_create"], "shape": "decisions"},
        ("assignments_create", "role"): {**sent["assignments_create"], "person": person},
        "approvals_ask": {"text": "Which?"},
        ("policies_simulate", "approval"): {**sent["policies_simulate"], "kind": "project"},
        "people_leave": {"reason": "She leaves.", "heirs": {"default": "mallory"}},
    }


def query_of(address):
    return address[address.index("?") :] if "?" in address else ""


def operations():
    """(id, method, path, what the schema says) of each."""
    for path, methods in document("en")["paths"].items():
        for method, said in methods.items():
            yield said["operationId"], method.upper(), path, said


def id_fields(said):
    """The ways to every field of a request that takes an id."""
    content = said.get("requestBody", {}).get("content", {}).get("application/json")
    return list(ways_to_ids(content["schema"])) if content else []


def ways_to_ids(schema, way=()):
    schemas = document("en")["components"]["schemas"]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].split("/")[-1]]
    if schema.get("format") == "uuid":
        yield way
    for name, part in schema.get("properties", {}).items():
        yield from ways_to_ids(part, (*way, name))
    if "items" in schema:
        yield from ways_to_ids(schema["items"], (*way, "[]"))


def with_id(body, way, pk):
    """The body with this id at the end of the way."""
    body = at = deepcopy(body)
    for step, following in pairwise(way):
        at = at[0] if step == "[]" else at.setdefault(step, [{}] if following == "[]" else {})
    at[0 if way[-1] == "[]" else way[-1]] = str(pk)
    return body


def ask(program, world, method, address, body=None):
    """Status, what is said, without ids, and how much it would have written in nordwind; nothing of it stays."""
    with transaction.atomic():
        before = Event.objects.filter(scope_path__within_any=[world.nordwind.path]).count()
        answer = program.send(method, address, body, Idempotency_Key=uuid.uuid4().hex)
        written = Event.objects.filter(scope_path__within_any=[world.nordwind.path]).count() - before
        transaction.set_rollback(True)
    text = answer.getvalue()
    said = json.loads(text) if text.startswith(b"{") and b"\n" not in text else {"text": text.decode()}
    said = {name: part for name, part in said.items() if name not in ("correlation_id", "instance")}
    return answer.status_code, re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", str(said)), written
