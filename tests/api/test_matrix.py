"""Who can do what through the API: every role, can and cannot; and for another organization there is nothing at all."""

import uuid
from datetime import timedelta

import pytest

from portal.access.models import Group, Role, Token
from portal.approvals.files import attach
from portal.approvals.models import Approval, PolicyChange, Stage
from portal.approvals.talk import ask_for
from portal.audit.services import subscribe
from portal.core import clock
from portal.events.services import record
from portal.identity.models import Leaving
from portal.identity.service_accounts import create_service_account
from portal.leases.models import Lease, LeaseOffer, LeaseState, Lender
from portal.metering.services import request_export
from portal.notices.services import notify
from portal.tenancy.custom_roles import create_role, edition_of
from portal.tenancy.models import ReviewItem
from portal.tenancy.reviews import start_review
from portal.tenancy.rules import set_rule
from portal.tenancy.sharing import share
from tests import addresses
from tests.addresses import aside, asked_more, stood_in, week_of, worked
from tests.api.test_asks import asked_for, invited, joining
from tests.identity.upstream import oidc as provider_of

WEEK = timedelta(days=7)
CAST = ["alice", "bob", "carol", "dave", "erin"]
NOBODY = frozenset()
ALL = frozenset(CAST)


@pytest.fixture
def things(market, world):
    """One of everything, by the name that a path uses."""
    resource = market.active("web-1", key="made")
    order = market.place(market.draft("web-2"), key="open")
    waiting = Approval.objects.get(subject_id=str(order.pk))
    export = request_export(world.nordwind, "2026-01", actor=world.actor("carol"))
    more = asked_more(world, "alice", world.web)
    return {
        "web": world.web.pk,
        "nordwind": world.nordwind.pk,
        "offering": market.server.version.offering_id,
        "plan": market.server.pk,
        "order": order.pk,
        "order-draft": aside(market, "alice"),
        "rule": set_rule(world.web, data_class="public", regions=["home"], encrypted=False, actor=world.actor("erin")).pk,
        "approval": waiting.pk,
        "file_pk": attach(waiting, "why.txt", b"why", actor=world.actor("alice")).pk,
        "question_pk": ask_for(waiting, "Which?", actor=world.actor("bob")).pk,
        "delegation": stood_in(world).pk,
        "calendar": worked(world.nordwind, world.actor("erin")).pk,
        "resource": resource.pk,
        "connection": market.aws.pk,
        "export": export.pk,
        "people": world.alice.pk,
        "leaving": planned(world).pk,
        "role": create_role(world.retail, "Helper", ["view_scope"], actor=world.actor("erin")).pk,
        "group": helpers(world).pk,
        "assignment_pk": world.alice.assignments.get().pk,
        "user_pk": world.alice.pk,
        "viewer": Role.objects.get(key="viewer").pk,
        "share_pk": share(world.web, world.bob, "view_cost", expires=clock.now() + WEEK, actor=world.actor("erin")).pk,
        "review": start_review(world.retail, "Autumn", due=clock.now() + WEEK, actor=world.actor("erin")).pk,
        "identity-provider": provider_of(world).pk,
        "service-account": create_service_account(world.web, "ci", owner=world.alice, actor=world.actor("erin")).pk,
        **lent(market, world),
        "invitation": invited(world).pk,
        "policy": ruled(world)["policies"],
        "policy-change": PolicyChange.objects.get().pk,
        "project-ask": asked_for(world).pk,
        "join-ask": joining(world).pk,
        **{name.removesuffix("-asks") + "-ask": pk for name, pk in more.items() if name != "break-glass"},
        "break-glas": more["break-glass"],  # the name of an address without its last s
        "subscription": subscribe(world.web, "siem", "http://127.0.0.1:9/hook", actor=world.actor("alice"))[0].pk,
        "delivery_pk": uuid.uuid4(),
    }


READS = [
    ("scopes/{web}/", ALL),
    ("scopes/{web}/quotas/", ALL),
    ("offerings/{offering}/", ALL),
    ("offerings/{offering}/options/?project={web}&connection={connection}&region=eu-west-1", ALL),
    ("orders/{order}/", ALL),
    ("orders/{order}/revisions/", ALL),
    ("order-drafts/{order-draft}/", {"alice"}),
    ("scopes/{web}/rules/", ALL),
    ("approvals/{approval}/", ALL),
    ("approvals/{approval}/files/", ALL),
    ("approvals/{approval}/files/{file_pk}/", ALL),
    ("approvals/{approval}/comments/", ALL),
    ("approvals/{approval}/questions/", ALL),
    ("delegations/{delegation}/", {"carol", "erin"}),
    ("resources/{resource}/", ALL),
    ("resources/{resource}/steps/", ALL),
    ("resources/{resource}/lifelines/", ALL),
    ("connections/{connection}/", {"carol", "dave", "erin"}),
    ("exports/{export}/", {"carol", "erin"}),
    ("people/{people}/", {"erin"}),
    ("people/{people}/leave/", {"erin"}),
    ("roles/{role}/", {"erin"}),
    ("groups/{group}/", ALL),
    ("scopes/{web}/groups/", ALL),
    ("scopes/{web}/roles/", ALL),
    ("leavings/{leaving}/", {"erin"}),
    ("service-accounts/{service-account}/", {"alice", "erin"}),
    ("service-accounts/{service-account}/tokens/", {"alice", "erin"}),
    ("reviews/{review}/", {"erin"}),
    ("reviews/{review}/items/", {"erin"}),
    ("scopes/{nordwind}/terms/", {"carol", "dave", "erin"}),
    ("identity-providers/{identity-provider}/", {"erin"}),
    ("lease-offers/{lease-offer}/", {"alice", "dave"}),
    ("leases/{lease}/", {"alice", "dave", "erin"}),
    ("invitations/{invitation}/", {"erin"}),
    ("policies/{policy}/", {"carol", "dave", "erin"}),
    ("policy-changes/{policy-change}/", {"carol", "erin"}),
    ("calendars/{calendar}/", {"erin"}),
    ("project-asks/{project-ask}/", {"alice"}),
    ("join-asks/{join-ask}/", {"alice"}),
    ("quota-asks/{quota-ask}/", {"alice"}),
    ("budget-asks/{budget-ask}/", {"alice"}),
    ("break-glass/{break-glas}/", {"alice", "bob", "carol", "erin"}),
    ("subscriptions/{subscription}/", {"alice", "erin"}),
    ("subscriptions/{subscription}/deliveries/", {"alice"}),
]
ACTS = [
    ("POST", "offerings/{offering}/quote/", "quote", ALL, 200),
    ("POST", "orders/", "order", {"alice"}, 201),
    ("POST", "orders/?dry_run=true", "order", {"alice"}, 200),
    ("POST", "orders/{order}/amend/", "amended", {"alice"}, 200),
    ("POST", "order-drafts/", "draft", ALL, 201),
    ("PUT", "order-drafts/{order-draft}/", "no-answers", {"alice"}, 200),
    ("DELETE", "order-drafts/{order-draft}/", "nothing", {"alice"}, 204),
    ("PUT", "scopes/{web}/classes/", "classes", {"erin"}, 200),
    ("PUT", "scopes/{web}/rules/", "rule", {"erin"}, 200),
    ("DELETE", "rules/{rule}/", "nothing", {"erin"}, 204),
    ("POST", "orders/{order}/withdraw/", "nothing", {"alice"}, 200),
    ("POST", "orders/{order}/retry/", "nothing", {"alice"}, 200),
    ("POST", "approvals/{approval}/vote/", "vote", {"bob"}, 200),
    ("POST", "approvals/{approval}/comments/", "text", {"alice", "bob", "carol", "erin"}, 201),
    ("POST", "approvals/{approval}/questions/", "text", {"bob"}, 201),
    ("POST", "approvals/{approval}/questions/{question_pk}/", "text", {"alice"}, 200),
    ("DELETE", "approvals/{approval}/questions/{question_pk}/", "nothing", {"bob"}, 200),
    ("DELETE", "approvals/{approval}/files/{file_pk}/", "nothing", {"alice"}, 204),
    ("POST", "approvals/{approval}/pass-on/", "seat", {"bob", "erin"}, 200),
    ("POST", "delegations/", "window", {"bob", "carol", "erin"}, 201),
    ("POST", "delegations/{delegation}/end/", "nothing", {"carol", "erin"}, 200),
    ("POST", "approvals/{approval}/withdraw/", "nothing", {"alice"}, 200),
    ("POST", "resources/{resource}/operate/", "stop", {"alice", "dave"}, 202),
    ("POST", "resources/{resource}/retry/", "nothing", {"alice", "dave", "erin"}, 202),
    ("POST", "connections/", "connection", {"dave", "erin"}, 201),
    ("POST", "connections/{connection}/check/", "nothing", {"dave", "erin"}, 202),
    ("PUT", "connections/{connection}/credentials/", "credentials", {"dave", "erin"}, 200),
    ("POST", "connections/{connection}/disable/", "nothing", {"dave", "erin"}, 200),
    ("PUT", "scopes/{nordwind}/budget/", "budget", {"carol", "erin"}, 200),
    ("POST", "exports/", "export", {"carol", "erin"}, 201),
    ("POST", "people/{people}/disable/", "reason", {"erin"}, 200),
    ("POST", "leavings/{leaving}/call-off/", "nothing", {"erin"}, 200),
    ("POST", "people/{people}/leave/", "leave", {"erin"}, 200),
    ("POST", "roles/", "role", {"erin"}, 201),
    ("PUT", "roles/{role}/", "changed-role", {"erin"}, 200),
    ("DELETE", "roles/{role}/", "nothing", {"erin"}, 204),
    ("POST", "scopes/{web}/roles/", "assignment", {"erin"}, 201),
    ("DELETE", "scopes/{web}/roles/{assignment_pk}/", "nothing", {"erin"}, 204),
    ("POST", "scopes/{web}/shares/", "share", {"erin"}, 201),
    ("DELETE", "scopes/{web}/shares/{share_pk}/", "nothing", {"erin"}, 204),
    ("PUT", "scopes/{web}/owner/", "owner", {"erin"}, 200),
    ("POST", "resources/{resource}/shares/", "share", {"erin"}, 201),
    ("PUT", "resources/{resource}/owner/", "owner", {"alice", "erin"}, 200),
    ("POST", "scopes/{web}/groups/", "name", {"erin"}, 201),
    ("PUT", "groups/{group}/", "name", {"erin"}, 200),
    ("POST", "groups/{group}/members/", "member", {"erin"}, 200),
    ("DELETE", "groups/{group}/members/{user_pk}/", "nothing", {"erin"}, 204),
    ("DELETE", "groups/{group}/", "nothing", {"erin"}, 204),
    ("POST", "service-accounts/", "service-account", {"erin"}, 201),
    ("POST", "service-accounts/{service-account}/tokens/", "token", {"alice"}, 201),
    ("POST", "service-accounts/{service-account}/give-over/", "give-over", {"alice", "erin"}, 204),
    ("POST", "service-accounts/{service-account}/disable/", "nothing", {"alice", "erin"}, 200),
    ("POST", "service-accounts/{service-account}/enable/", "nothing", {"alice", "erin"}, 200),
    ("POST", "reviews/", "review", {"erin"}, 201),
    ("POST", "reviews/{review}/items/", "verdict", {"erin"}, 200),
    ("POST", "scopes/{nordwind}/terms/", "terms", {"erin"}, 201),
    ("POST", "people/{people}/enable/", "nothing", {"erin"}, 200),
    ("POST", "connections/{connection}/lease-offers/", "lease-offer", {"dave", "erin"}, 201),
    ("POST", "connections/{connection}/leases/end/", "nothing", {"dave", "erin"}, 204),
    ("DELETE", "lease-offers/{lease-offer}/", "nothing", {"dave", "erin"}, 204),
    ("POST", "leases/", "lease", NOBODY, 201),  # a token of the API says nothing of who sits there
    ("POST", "leases/{lease}/end/", "nothing", {"alice", "dave", "erin"}, 200),
    ("PUT", "scopes/{web}/end/", "end", {"erin"}, 200),
    ("POST", "invitations/", "invitation", {"erin"}, 201),
    ("POST", "invitations/{invitation}/revoke/", "nothing", {"erin"}, 200),
    ("POST", "project-asks/{project-ask}/withdraw/", "nothing", {"alice"}, 200),
    ("POST", "join-asks/{join-ask}/withdraw/", "nothing", {"alice"}, 200),
    ("POST", "quota-asks/{quota-ask}/withdraw/", "nothing", {"alice"}, 200),
    ("POST", "budget-asks/{budget-ask}/withdraw/", "nothing", {"alice"}, 200),
    ("POST", "subscriptions/", "subscription", ALL, 201),
    ("POST", "subscriptions/{subscription}/pause/", "nothing", {"alice", "erin"}, 200),
    ("POST", "subscriptions/{subscription}/resume/", "nothing", {"alice"}, 200),
    ("POST", "subscriptions/{subscription}/rotate/", "nothing", {"alice"}, 200),
    ("POST", "subscriptions/{subscription}/test/", "nothing", {"alice"}, 202),
    ("POST", "subscriptions/{subscription}/replay/", "from", {"alice"}, 202),
    ("POST", "policies/", "policy", {"erin"}, 201),
    ("POST", "policies/simulate/", "trial", {"erin"}, 200),
    ("POST", "policies/{policy}/retire/", "nothing", {"erin"}, 201),
    ("POST", "policy-changes/{policy-change}/withdraw/", "nothing", {"erin"}, 200),
    ("POST", "policy-changes/{policy-change}/put-through/", "nothing", {"erin"}, 409),  # not before its day is over
    ("POST", "calendars/", "new-week", {"erin"}, 201),
    ("PUT", "calendars/{calendar}/", "week", {"erin"}, 200),
    ("PUT", "scopes/{web}/calendar/", "chosen", {"erin"}, 200),
    ("POST", "meter-now/", "nothing", {"dave", "erin"}, 202),
]
KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
DENIED = (403, 404)
MOVED_ON = (409, 422)  # the one before has done it already, or nobody is left to decide


def helpers(world):
    """A group at web with alice in it."""
    group = Group.objects.create(scope=world.web, name="Helpers")
    group.members.add(world.alice)
    return group


def lent(market, world):
    """An offer of the cloud in the project web, and a lease of alice's."""
    targets = [{"key": "reader", "label": "Reader", "detail": "", "problem": ""}]
    Lender.objects.create(connection=market.aws, lends=True, shortest_s=900, longest_s=3600, targets=targets)
    given = {"connection": market.aws, "scope": world.web, "target": "reader", "target_label": "Reader"}
    offer = LeaseOffer.objects.create(name="Read", longest_s=3600, made_by=world.dave, **given)
    held = {"state": LeaseState.HELD, "duration_s": 3600, "ends": clock.now() + WEEK}
    lease = Lease.objects.create(offer=offer, connection=market.aws, person=world.alice, key="k", **held)
    return {"lease-offer": offer.pk, "lease": lease.pk}


def planned(world):
    """A leave of dave, a week ahead."""
    given = {"organization": world.nordwind, "person": world.dave, "asked_by": world.erin}
    return Leaving.objects.create(due_at=clock.now() + WEEK, **given)


def _items(review):
    return [str(pk) for pk in ReviewItem.objects.filter(review=review).values_list("pk", flat=True)]


def ruled(world):
    """A policy of nordwind's, and one that erin proposed; nobody else could decide on it."""
    return addresses.ruled(world.nordwind, world.actor("erin"))


def rule_of(things):
    stage = {"who": {"pick": "role", "role": "approver"}}
    return {"scope": str(things["nordwind"]), "name": "Dear", "kind": "order", "conditions": [], "stages": [stage]}


def body_of(name, market, things):
    answers = {"name": "web-9", "region": "eu-west-1", "image": market.image}
    item = {"plan": str(things["plan"]), "connection": str(things["connection"]), "answers": answers}
    return {
        "nothing": {},
        "text": {"text": "Which?"},
        "seat": {
            "stage": str(Stage.objects.get(approval=things["approval"]).pk),
            "instead_of": "bob",
            "to": "carol",
            "reason": "Away",
        },
        "window": {
            "organization": str(things["nordwind"]),
            "delegate": "dave",
            "ends": (clock.now() + WEEK).isoformat(),
            "kinds": ["order"],
            "reason": "Away",
        },
        "review": {"scope": str(things["nordwind"]), "name": "Autumn", "due": (clock.now() + WEEK).isoformat()},
        "verdict": {"items": [str(uuid.uuid4()), *_items(things["review"])], "verdict": "keep"},
        "terms": {"text": "Be kind.", "after": 0},
        "role": {"scope": str(things["web"]), "name": "Reader", "permissions": ["view_scope"]},
        "changed-role": {
            "name": "Guide",
            "permissions": ["view_scope"],
            "seen": edition_of(Role.objects.get(pk=things["role"])),
        },
        "assignment": {"person": "dave", "role": str(things["viewer"]), "expires": (clock.now() + WEEK).isoformat()},
        "share": {"person": "bob", "permission": "view_resource", "expires": (clock.now() + WEEK).isoformat()},
        "owner": {"owner": "dave"},
        "name": {"name": "Readers"},
        "member": {"person": "bob"},
        "leave": {"reason": "She leaves.", "on": (clock.now() + WEEK).date().isoformat()},
        "reason": {"reason": "She left."},
        "service-account": {"scope": str(things["web"]), "name": "nightly", "owner": "alice"},
        "token": {"name": "ci", "expires": (clock.now() + WEEK).isoformat()},
        "give-over": {"owner": "carol"},
        "lease": {"offer": str(things["lease-offer"]), "minutes": 30, "purpose": "A fault"},
        "lease-offer": {"scope": str(things["web"]), "name": "Again", "target": "reader", "longest_minutes": 30},
        "quote": {"project": str(things["web"]), **item},
        "order": {"project": str(things["web"]), "items": [item]},
        "amended": {"items": [item], "said": "another name"},
        "draft": {"offering": str(things["offering"]), "note": "later"},
        "no-answers": {},
        "classes": {"environment": "try", "data_class": "internal"},
        "rule": {"data_class": "restricted", "regions": ["eu-*"]},
        "vote": {"choice": "approve", "card_hash": Approval.objects.get(pk=things["approval"]).card_hash},
        "stop": {"verb": "stop"},
        "invitation": {
            "scope": str(things["web"]),
            "addresses": ["new@example.org"],
            "role": str(Role.objects.get(key="viewer").pk),
        },
        "subscription": {"scope": str(things["web"]), "name": "Again", "url": "http://127.0.0.1:9/"},
        "from": {"position": 1},
        "policy": rule_of(things),
        "week": week_of("Five days"),
        "new-week": {"organization": str(things["nordwind"]), **week_of("Five days")},
        "chosen": {"calendar": "four-days"},
        "trial": rule_of(things),
        "end": {"ends": (clock.now() + WEEK).date().isoformat()},
        "credentials": {"credentials": KEYS},
        "budget": {"amount": "900.50"},
        "export": {"organization": str(things["nordwind"]), "period": "2026-01", "format": "csv"},
        "connection": {
            "scope": str(things["nordwind"]),
            "provider": "aws",
            "name": "second",
            "config": {"regions": "eu-west-1", "endpoint": "http://127.0.0.1:9"},
            "credentials": KEYS,
        },
    }[name]


@pytest.mark.parametrize(("path", "who"), READS, ids=[path for path, _ in READS])
def test_who_may_see_a_thing_sees_it_and_nobody_else_learns_that_it_is_there(caller, things, path, who):
    for name in CAST:
        assert caller(name).get(path.format(**things)).status_code == (200 if name in who else 404), name
    assert caller("mallory").get(path.format(**things)).status_code == 404


@pytest.mark.parametrize(("method", "path", "body", "who", "status"), ACTS, ids=[f"{act[0]} {act[1]}" for act in ACTS])
def test_each_role_can_do_what_it_may_and_no_more(caller, market, things, method, path, body, who, status):
    path, sent = path.format(**things), body_of(body, market, things)
    for name in sorted(ALL - set(who)):
        assert caller(name).send(method, path, sent, Idempotency_Key=name).status_code in DENIED, name
    if path != "meter-now/":
        assert caller("mallory").send(method, path, sent, Idempotency_Key="m").status_code == 404
    for number, name in enumerate(sorted(who)):
        sent = {**sent, "name": f"cloud-{name}"} if body in ("connection", "lease-offer") else sent
        answer = caller(name).send(method, path, sent, Idempotency_Key=f"{name}-{number}")
        assert answer.status_code in ((status,) if number == 0 else (status, *MOVED_ON)), (name, answer.json())


LISTS = ["scopes/", "offerings/", "orders/", "approvals/", "resources/", "resources/unmanaged/", "connections/"]
LISTS += ["exports/", "budgets/", "events/", "tokens/", "notices/", "people/", "service-accounts/"]
LISTS += ["leases/", "lease-offers/"]
LISTS += ["invitations/", "project-asks/", "join-asks/", "quota-asks/", "budget-asks/", "break-glass/"]
LISTS += ["subscriptions/"]
LISTS += ["policies/", "policy-changes/", "calendars/", "approvals/statistics/"]


@pytest.mark.parametrize("path", LISTS)
def test_another_organization_sees_none_of_it_in_any_list(caller, things, world, path):
    record("tenancy.rename", world.web, actor=world.actor("erin"))
    notify([world.alice], "role_given", target=world.web, actor=world.actor("erin"), role="Member")
    text = caller("mallory").get(path).content.decode()
    assert "Nordwind" not in text
    assert "Alice" not in text
    assert not any(str(pk) in text for pk in things.values() if isinstance(pk, uuid.UUID))  # 1 stands in any text


def test_an_id_that_never_was_is_not_found_either(caller, things):
    for path, _who in READS:
        made_up = path.format(**{**things, **{path.split("{")[1].split("}")[0]: uuid.uuid4()}})
        assert caller("erin").get(made_up).status_code == 404, path


def test_every_address_with_an_id_is_nothing_to_another_organization(caller, market, things, world):
    """Read from the schema, so that an address added later is held to it, too."""
    notices = notify([world.alice], "role_given", target=world.web, actor=world.actor("erin"), role="Member")
    document, mallory = caller("alice").get("schema/").json(), caller("mallory")
    ids = {f"{name}s": pk for name, pk in things.items()} | {"scopes": things["web"], "notices": notices[0].pk}
    ids["people"], ids["policies"] = things["people"], things["policy"]
    ids["tokens"] = Token.objects.filter(user=world.alice).first().pk
    paths = {path: methods for path, methods in document["paths"].items() if "{" in path}
    bodies = [body_of(name, market, things) for name in ("nothing", "quote", "vote", "stop", "credentials", "budget")]
    del paths["/api/decision-hooks/{id}/"]  # who is asked for there is a signature, in tests/audit
    for path, methods in paths.items():
        address = path.removeprefix("/api/").replace("{id}", str(ids[path.split("/")[2]]))
        for name in ("assignment_pk", "user_pk", "share_pk", "delivery_pk", "file_pk", "question_pk"):
            address = address.replace(f"{{{name}}}", str(things[name]))
        address += "?project=" + str(things["web"]) if path.endswith("/options/") else ""
        for method in methods:
            answers = {mallory.send(method.upper(), address, body).status_code for body in bodies}
            assert answers <= {400, 404, 428}, (method, path, answers)
            assert 404 in answers, (method, path, answers)
    assert len(paths) >= 25
