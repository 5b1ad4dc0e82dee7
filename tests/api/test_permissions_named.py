"""Every operation of the API names the permission it takes in portal.api.takes, and the line is true."""

import re
import uuid

from django.db import transaction
from django.urls import URLResolver

from portal.access.models import Assignment, Role, Token
from portal.access.permissions import PERMISSIONS
from portal.api.schema import document
from portal.api.takes import TAKES, Free, permissions_for
from portal.approvals.models import Approval, Delegation, File, Question, Stage
from portal.core import clock, parcels
from portal.identity.service_accounts import create_service_account
from portal.leases.models import Lease
from portal.notices.services import notify
from portal.orders.models import Order
from portal.provisioning.models import Resource
from portal.tenancy.models import Acceptance
from portal.urls import urlpatterns
from tests.addresses import WEEK, aside, asked_for, asked_more, one_of_each, week_of
from tests.addresses import told as told_of_events
from tests.cast import person

DENIED = (403, 404)


def operations():
    """(id, method, path) of each."""
    for path, methods in document("en")["paths"].items():
        for method, said in methods.items():
            yield said["operationId"], method.upper(), path


def test_every_operation_has_its_line():
    names = {name for name, _method, _path in operations()}
    missing = sorted(names - set(TAKES))
    assert not missing, f"Say in portal/api/takes.py what these take, or why they take nothing: {', '.join(missing)}"
    assert not sorted(set(TAKES) - names), "these lines of portal/api/takes.py name no operation any more"
    assert {one for name in TAKES for one in permissions_for(name)} <= set(PERMISSIONS)


def test_there_are_no_addresses_but_pages_the_api_and_scim():
    """What is mounted beside them needs a table of its own; SCIM takes the token of an organization, whatever the address."""
    prefixes = {str(each.pattern): each.urlconf_name.__name__ for each in urlpatterns if isinstance(each, URLResolver)}
    assert prefixes == {"api/": "portal.api.urls", "scim/v2/": "portal.api.scim", "": "portal.web.urls"}
    assert len(prefixes) == len(urlpatterns)


def test_the_schema_says_it(caller):
    said = caller("alice").get("schema/").json()["paths"]
    assert said["/api/resources/{id}/retry/"]["post"]["x-permissions"] == ["operate_resource", "operate_platform"]
    assert "`view_secret`" in said["/api/resources/{id}/secret/"]["post"]["description"]
    assert said["/api/me/"]["get"]["x-permissions"] == []


def test_each_line_is_true(market, world, caller):
    """Who holds everything but the permission is refused; who holds that too, or any one of several, is not."""
    things = one_of_each(market)
    role = Role.objects.create(key="probe", name="Probe", permissions=["view_scope"])
    probe = world.people["probe"] = person("probe")
    Assignment.objects.create(user=probe, role=role, scope=world.nordwind)
    asked = asked_for(world, "probe", world.retail, world.web) | asked_more(
        world, "probe", world.web
    )  # while she may not do all of it yet
    Role.objects.filter(pk=role.pk).update(permissions=sorted(PERMISSIONS))
    Acceptance.objects.create(user=probe, terms_id=things["terms"])
    program, sent, wrong, tried = caller("probe"), bodies(market, things), [], set()
    parcels.put("s3cr3t", for_user_id=probe.pk, about=Resource.objects.get(pk=things["resources"]).hold_key)
    robot = create_service_account(world.web, "hers", owner=probe, actor=world.actor("erin"))
    lease = Lease.objects.get(pk=things["leases"])
    lease.pk, lease.person, lease.key = uuid.uuid4(), probe, "hers"
    lease.save(force_insert=True)
    hers = {
        "leases": lease.pk,
        "tokens": Token.objects.get(user=probe).pk,
        "notices": told(probe, world).pk,
        "service-accounts": robot.pk,
        "order-drafts": aside(market, "probe"),
        **around(probe, world),
        **asked,
        **told_of_events(world.web, world.actor("probe")),
    }
    for name, method, path in operations():
        needed = OF_A_PROJECT.get(name) or permissions_for(name)
        named = things | hers if TAKES[name] is Free.OWN else things
        for lacks in (needed, *([other for other in needed if other != one] for one in needed)):
            asked_by = probe if name in OF_WHO_ASKED else None
            status = ask(program, role, lacks, method, address_of(path, named), sent.get(name, {}), asked_by=asked_by)
            if (status in DENIED) != (bool(needed) and lacks == needed) or status in (405, 500):
                wrong.append(f"{method} {path} ({name}) without {lacks or 'nothing'}: {status}")
        tried.add(name)
    assert not wrong, "\n".join(wrong)
    assert tried == set(TAKES)


def test_nothing_is_free_for_who_is_not_signed_in(client, market):
    things = one_of_each(market)
    for name, method, path in operations():
        assert client.generic(method, f"/api/{address_of(path, things)}").status_code == 401, name


def around(probe, world):
    """What stands around a decision that she asked for: a file and a question of hers, and a window that she gave."""
    approval = Approval.objects.filter(requester=probe, subject_kind="project").get()
    at = {"starts": clock.now(), "ends": clock.now() + WEEK, "kinds": ["order"], "reason": "Away"}
    people = {"delegator": probe, "delegate": world.carol}
    kept = {"name": "a.txt", "size": 1, "content_type": "text/plain", "sha256": "0" * 64}
    stage = Stage.objects.get(approval=approval, state="open")
    return {
        "approvals": approval.pk,
        "file_pk": File.objects.create(approval=approval, put_by=probe, **kept).pk,
        "question_pk": Question.objects.create(
            approval=approval, stage=stage, asked_by=probe, asked_of=probe, text="Which?"
        ).pk,
        "delegations": Delegation.objects.create(organization=world.nordwind, **people, **at).pk,
    }


OF_WHO_ASKED = ("orders_withdraw", "orders_amend", "orders_resubmit", "approvals_withdraw", "approvals_resubmit")
OF_A_PROJECT = {"scopes_hand_over": ["manage_projects"], "scopes_classify": ["manage_projects"]}
"""What is asked of a project where it depends on the kind of scope."""


def told(user, world):
    return notify([user], "role_given", target=world.web, actor=world.actor("erin"), role="Member")[0]


def address_of(path, things):
    """The address with the id of one thing of ours wherever it names one, and what its query asks for."""
    prefix = path.split("/")[2]
    pk = things["organization"] if "/terms/" in path else things[prefix] if "{id}" in path else ""
    address = path.removeprefix("/api/").replace("{id}", str(pk))
    if path.startswith("/api/scopes/") and "{share_pk}" in path:
        address = address.replace("{share_pk}", str(things["scope_share_pk"]))
    address = re.sub(r"\{(\w+)\}", lambda found: str(things[found[1]]), address)
    return address + QUERIES.get(path, "").format(**things)


QUERIES = {
    "/api/offerings/{id}/options/": "?project={scopes}&connection={connections}&region=eu-west-1",
    "/api/access/why/": "?permission=view_scope&kind=scope&id={scopes}",
}


def bodies(market, things):
    """What is sent with an operation that reads who or what it is about from its body, or needs one to be understood."""
    scope, organization = str(things["scopes"]), str(things["organization"])
    item = {"plan": str(market.server.pk), "connection": str(market.aws.pk)}
    item["answers"] = {"name": "web-9", "region": "eu-west-1", "image": market.image}
    week = (clock.now() + WEEK).isoformat()
    viewer = str(Role.objects.get(key="viewer").pk)
    stage = {"who": {"pick": "role", "role": "approver"}}
    rule = {"scope": organization, "name": "Dear", "kind": "order", "conditions": [], "stages": [stage]}
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
    cloud = {"provider": "aws", "config": {"regions": "eu-west-1", "endpoint": "http://127.0.0.1:9"}, "credentials": keys}
    return {
        "orders_create": {"project": scope, "items": [item]},
        "orders_amend": {"items": [item]},
        "order_drafts_create": {"offering": str(things["offerings"])},
        "rules_set": {"data_class": "restricted", "regions": ["home"]},
        "scopes_classify": {"environment": "try", "data_class": ""},
        "offerings_quote": {"project": scope, **item},
        "scopes_hand_over": {"owner": "carol"},
        "resources_hand_over": {"owner": "carol"},
        "scope_shares_create": {"person": "carol", "permission": "view_resource", "expires": week},
        "resource_shares_create": {"person": "carol", "permission": "view_resource", "expires": week},
        "approvals_vote": {"choice": "approve", "card_hash": "another"},
        "approvals_vote_many": {"cards": {scope: "x"}, "choice": "approve", "note": "All"},
        "approvals_comment": {"text": "Hm"},
        "approvals_answer": {"text": "This"},
        "approvals_pass_on": {
            "stage": str(things["stage"]),
            "instead_of": "bob",
            "to": "carol",
            "reason": "Away",
        },
        "delegations_create": {
            "organization": organization,
            "delegate": "erin",
            "ends": week,
            "reason": "x",
            "kinds": ["lease"],
        },
        "resources_operate": {"verb": "stop"},
        "budgets_set": {"amount": "900.50"},
        "exports_create": {"organization": organization, "period": "2026-01", "format": "csv"},
        "connections_create": {"scope": organization, "name": "second", **cloud},
        "connections_credentials": {"credentials": keys},
        "leases_ask": {"offer": str(things["lease-offers"]), "minutes": 1},
        "lease_offers_create": {"scope": scope, "name": "Again", "target": "reader", "longest_minutes": 30},
        "scopes_set_end": {"ends": None},
        "invitations_create": {"scope": scope, "addresses": ["yan@example.org"], "role": viewer},
        "project_asks_create": {"tenant": str(things["tenant"]), "name": "New", "purpose": "To try", "ends": week[:10]},
        "join_asks_create": {"project": scope, "role": "viewer", "reason": "To look"},
        "quota_asks_create": {"scope": scope, "dimension": "servers", "amount": 2, "reason": "To grow"},
        "budget_asks_create": {"scope": str(things["organization"]), "amount": "10", "reason": "To grow"},
        "break_glass_create": {"scope": scope, "role": "operator", "hours": 1, "reason": "A fire"},
        "quota_asks_withdraw": {"reason": "No more"},
        "budget_asks_withdraw": {"reason": "No more"},
        "project_asks_withdraw": {"reason": "No more"},
        "join_asks_withdraw": {"reason": "No more"},
        "assignments_create": {"person": "dave", "role": viewer, "expires": week},
        "groups_create": {"name": "Readers"},
        "groups_rename": {"name": "Readers"},
        "groups_add": {"person": "bob"},
        "reviews_start": {"scope": organization, "name": "Winter", "due": week},
        "reviews_decide": {"items": [str(uuid.uuid4())], "verdict": "keep"},
        "roles_create": {"scope": scope, "name": "Reader", "permissions": ["view_scope"]},
        "roles_change": {"name": "Guide", "permissions": ["view_scope"], "seen": "another"},
        "terms_publish": {"text": "Be kinder.", "after": 1},
        "people_disable": {"reason": "She left."},
        "people_leave": {"reason": "She leaves."},
        "service_accounts_create": {"scope": scope, "name": "nightly", "owner": "alice"},
        "service_accounts_create_token": {"name": "ci", "expires": week},
        "service_accounts_give_over": {"owner": "carol"},
        "identity_providers_create": {
            "organization": organization,
            "protocol": "oidc",
            "name": "Second",
            "config": {},
            "secret": {},
        },
        "tokens_create": {"name": "ci", "expires": week},
        "subscriptions_create": {"scope": scope, "name": "other", "url": "http://127.0.0.1:9/"},
        "subscriptions_replay": {"position": 1},
        **dict.fromkeys(("policies_propose", "policies_simulate"), rule),
        "calendars_create": {"organization": organization, **week_of("Five days")},
        "calendars_change": week_of("Four days"),
        "scopes_choose_calendar": {"calendar": "default"},
    }


def ask(program, role, lacks, method, address, body, *, asked_by=None):
    """The status for who holds everything but `lacks`, and placed the orders herself where that matters; nothing of it stays."""
    with transaction.atomic():
        if asked_by:
            Order.objects.update(requester=asked_by)
            Approval.objects.update(requester=asked_by)
        Role.objects.filter(pk=role.pk).update(permissions=sorted(set(PERMISSIONS) - set(lacks)))
        answer = program.send(method, address, body, Idempotency_Key=uuid.uuid4().hex)
        transaction.set_rollback(True)
    return answer.status_code
