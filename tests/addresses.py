"""Every address of the portal, read from its resolver, and one of each thing that an address can name."""

import uuid
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

from django.urls import URLPattern

from portal.access.models import Assignment, Group, Role
from portal.access.permissions import PERMISSIONS
from portal.approvals.calendars import set_calendar
from portal.approvals.delegations import delegate
from portal.approvals.files import attach
from portal.approvals.models import Approval
from portal.approvals.policies.proposals import propose_policy
from portal.approvals.services import publish_policy
from portal.approvals.talk import ask_for
from portal.audit.models import Delivery
from portal.audit.packs import request_pack
from portal.audit.services import subscribe
from portal.catalogue.services import publish_offering
from portal.clouds.models import Connection
from portal.core import clock
from portal.events.models import Event
from portal.identity import imports, mapping, scim_tokens
from portal.identity.models import DirectorySync, Leaving, ScimToken, Session, SyncState
from portal.identity.service_accounts import create_service_account
from portal.identity.tokens import create_token
from portal.leases.models import Lease, LeaseOffer, LeaseState, Lender
from portal.metering.models import Budget
from portal.metering.raising import ask_budget
from portal.metering.services import request_export, set_budget
from portal.notices.models import Notice
from portal.orders.saving import save_draft
from portal.tenancy import asking
from portal.tenancy.asking_more import ask_quota
from portal.tenancy.custom_roles import create_role
from portal.tenancy.invitations import invite
from portal.tenancy.models import BreakGlass, Quota, ReviewItem
from portal.tenancy.reviews import start_review
from portal.tenancy.rules import set_rule
from portal.tenancy.sharing import share
from portal.tenancy.terms import publish
from portal.users.actor import Actor, Auth
from tests.cast import World, give, person, scope
from tests.identity.upstream import oidc
from tests.market import REGION, SERVER, Market, choose, connection

WEEK = timedelta(days=7)


def one_of_each(market: Market) -> dict[str, Any]:
    """Ids by the first words of an address: all of nordwind, made by the cast through the services."""
    world, until = market.world, clock.now() + WEEK
    alice, carol, erin = (world.actor(name) for name in ("alice", "carol", "erin"))
    tenant_admin = Role.objects.create(key="helping", name="Helping", permissions=["manage_service_accounts", "view_scope"])
    world.alice.assignments.create(role=tenant_admin, scope=world.retail)
    alice.forget()
    resource = market.active("web-1", key="made")
    order = market.place(market.draft("web-2"), key="open")
    waiting = Approval.objects.get(subject_id=str(order.pk))
    group = Group.objects.create(scope=world.web, name="Helpers")
    group.members.add(world.alice)
    viewer = Role.objects.get(key="viewer")
    account = create_service_account(world.retail, "robot", actor=alice)
    key = create_token(name="robot", expires=until, actor=alice, user=account.user)[0]
    provider = oidc(world)
    review = start_review(world.retail, "Autumn", due=until, actor=erin)
    scim_tokens.make_token(world.nordwind, "Entra", days=90, actor=erin)
    given = {"organization": world.nordwind, "person": world.dave, "asked_by": world.erin}
    erin.forget()
    return {
        "inbox": waiting.pk,
        "approvals": waiting.pk,
        "stage": waiting.stages.get().pk,
        "file_pk": attach(waiting, "why.txt", b"why", actor=alice).pk,
        "question_pk": ask_for(waiting, "Which?", actor=world.actor("bob")).pk,
        "delegations": stood_in(world).pk,
        "calendars": worked(world.nordwind, erin).pk,
        "budgets": set_budget(world.nordwind, Decimal(900), actor=erin).pk,
        "exports": request_export(world.nordwind, f"{clock.now():%Y-%m}", actor=carol).pk,
        "resources": resource.pk,
        "queue": resource.pk,
        "catalogue": market.server.version.offering_id,
        "offerings": market.server.version.offering_id,
        "orders": order.pk,
        **dict.fromkeys(("order-drafts", "orders/drafts"), aside(market, "alice")),
        "rules": set_rule(world.web, data_class="public", regions=["home"], encrypted=False, actor=erin).pk,
        "connections": market.aws.pk,
        **lent(market.aws, world.web, world.alice),
        **ruled(world.retail, erin),
        "reviews": review.pk,
        "review-item": ReviewItem.objects.filter(review=review).first().pk,
        "scopes": world.web.pk,
        "organization": world.nordwind.pk,
        "people": world.alice.pk,
        "leavings": Leaving.objects.create(due_at=until, **given).pk,
        "roles": create_role(world.retail, "Helper", ["view_scope"], actor=erin).pk,
        "groups": group.pk,
        "identity": provider.pk,
        "identity-providers": provider.pk,
        "identity/scim": ScimToken.objects.get().pk,
        "directory": DirectorySync.objects.create(state=SyncState.STOPPED, counts={"leaving": 3}).pk,
        "imports": imports.look("person,role,scope,until\ncarol,viewer,Retail,\n", world.nordwind, actor=erin).pk,
        "mapping": mapping.add_rule(world.retail, viewer, value="/readers", actor=erin).pk,
        "invitations": invite(world.retail, ["zoe@example.org"], viewer, actor=erin)[0].pk,
        "service-accounts": account.pk,
        "robot": account.pk,
        "plan": market.server.pk,
        "terms": publish(world.nordwind, "Be kind.", after=0, actor=erin).pk,
        "events": Event.objects.filter(target_kind="order", target_id=str(order.pk)).first().pk,
        "notices": Notice.objects.filter(user=world.alice).first().pk,
        "profile/tokens": create_token(name="ci", expires=until, actor=alice)[0].pk,
        "profile/sessions": Session.objects.create(user=world.alice, key="hers", method="password").pk,
        "signin/reset": world.alice.pk,
        "token_pk": key.pk,
        "tokens": key.pk,
        "share_pk": shared(resource, world).pk,
        "scope_share_pk": shared(world.web, world).pk,
        "user_pk": world.alice.pk,
        "assignment_pk": world.alice.assignments.get(role__key="member").pk,
        "tenant": world.retail.pk,
        "lenders": lending(world.logistics).pk,
        "projects": world.web.pk,
        **asked_for(world, "alice", world.retail, world.fleet),
        **asked_more(world, "alice", world.web),
        **told(world.web, erin),
        "events/evidence": request_pack("order", order.pk, format="html", actor=alice).pk,
        "key": "aws",
        "protocol": "oidc",
        "kind": "people",
        "code": "not-found",
        "token": "no-token",
        "secret": "no-secret",
    }


def one_of_hers(market: Market) -> dict[str, Any]:
    """The same for what mallory has in the other organization, where she may do everything from here on."""
    world = market.world
    role = Role.objects.create(key="everything", name="Everything", permissions=sorted(PERMISSIONS))
    Assignment.objects.filter(user=world.mallory).delete()
    Assignment.objects.create(user=world.mallory, role=role, scope=world.other)
    mallory, oscar = world.actor("mallory"), person("oscar")
    give(oscar, "member", world.other)
    plan = publish_offering(world.other, SERVER, actor=mallory).plans.get()
    review = start_review(world.other, "Hers", due=clock.now() + WEEK, actor=mallory)
    robot = create_service_account(world.other, "hers", actor=mallory)
    group = Group.objects.create(scope=world.other, name="Hers")
    cloud = cloud_of_hers(market)
    ends = (clock.now() + WEEK).date()
    asking.ask_project(world.other_tenant, "Wanted", purpose="To try", ends=ends, actor=Actor(oscar, Auth("password")))
    wanted = Approval.objects.get(requester=oscar)
    return {
        **lent(cloud, world.other_project, world.mallory),
        **ruled(world.other, mallory),
        "calendars": worked(world.other, mallory).pk,
        "approvals": wanted.pk,
        "stage": wanted.stages.get().pk,
        "scopes": world.other_project.pk,
        "organization": world.other.pk,
        "plan": plan.pk,
        "catalogue": plan.version.offering_id,
        "offerings": plan.version.offering_id,
        "connections": cloud.pk,
        "people": oscar.pk,
        "reviews": review.pk,
        "review-item": ReviewItem.objects.filter(review=review).first().pk,
        "service-accounts": robot.pk,
        "robot": robot.pk,
        "tenant": lending(world.other_tenant).pk,
        "lenders": lending(scope("Beside", world.other)).pk,
        "projects": world.other_project.pk,
        "groups": group.pk,
        "roles": create_role(world.other, "Hers", ["view_scope"], actor=mallory).pk,
    }


def ruled(scope: Any, actor: Any) -> dict[str, Any]:
    """A policy that hardly ever has its say, and another one that is proposed."""
    rule: dict[str, Any] = {"subject_kind": "order", "stages": [{"who": {"pick": "role", "role": "approver"}}]}
    rare = [{"field": "cost_per_month", "operator": "ge", "value": "1000000"}]
    policy = publish_policy(scope, "Rare", conditions=rare, actor=actor, **rule)
    change = propose_policy(scope, "Proposed", conditions=rare, actor=actor, **rule)
    return {"policies": policy.pk, "policies/changes": change.pk, "policy-changes": change.pk}


def worked(organization: Any, actor: Any) -> Any:
    """A calendar of an organization."""
    return set_calendar(organization, "Four days", days=range(4), begins=time(8), ends=time(18), actor=actor)


def week_of(name: str) -> dict[str, Any]:
    """A working week as it is sent to the API."""
    return {"name": name, "days": [0, 1, 2, 3, 4], "begins": "09:00", "ends": "17:00", "holidays": ["2026-12-25"]}


def stood_in(world: World) -> Any:
    """Erin's window for carol, about nothing that waits in these tests."""
    given = {"ends": clock.now() + WEEK, "reason": "On leave", "kinds": ["lease"]}
    return delegate(world.nordwind, world.carol, actor=world.actor("erin"), **given)


def lent(cloud: Connection, place: Any, holder: Any) -> dict[str, Any]:
    """What it lends: an offer in a place, and the lease of somebody that a worker is about to mint."""
    target = {"key": "reader", "label": "Reader", "detail": "", "problem": ""}
    Lender.objects.create(connection=cloud, lends=True, shortest_s=900, longest_s=3600, targets=[target])
    given = {"target": "reader", "target_label": "Reader", "longest_s": 3600}
    offer = LeaseOffer.objects.create(connection=cloud, scope=place, name="Read", made_by=holder, **given)
    asked = {"state": LeaseState.MINTING, "duration_s": 3600, "ends": clock.now() + WEEK}
    lease = Lease.objects.create(offer=offer, connection=cloud, person=holder, key="k", **asked)
    offers = dict.fromkeys(("cloud-access/offers", "lease-offers", "offer_pk"), offer.pk)
    return {**offers, "cloud-access": lease.pk, "leases": lease.pk}


def told(place: Any, actor: Any) -> dict[str, Any]:
    """An address that is told of events, and one event that was sent there."""
    subscription, _secret = subscribe(place, "siem", "http://127.0.0.1:9/hook", actor=actor)
    sent = Delivery.objects.create(subscription=subscription, event_id=uuid.uuid4(), action="orders.place", position=1)
    named = dict.fromkeys(("events/subscriptions", "subscriptions", "decision-hooks"), subscription.pk)
    return {**named, "events/subscriptions/deliveries": sent.pk, "delivery_pk": sent.pk}


def aside(market: Market, name: str) -> Any:
    """An order form that somebody put aside."""
    return save_draft(market.server.version.offering, {"note": "later"}, actor=market.world.actor(name)).pk


def asked_for(world: Any, name: str, tenant: Any, project: Any) -> dict[str, Any]:
    """A project in a tenant, and a role in a project, that somebody asked for and that wait."""
    actor, ends = world.actor(name), (clock.now() + WEEK).date()
    wanted = asking.ask_project(tenant, "Wanted", purpose="To try", ends=ends, actor=actor)
    [viewer] = [role for role in asking.joinable_roles() if role.key == "viewer"]
    joining = asking.ask_to_join(project, viewer, reason="To look", actor=actor)
    waiting = Approval.objects.get(subject_id=str(wanted.pk))
    return {"project-asks": wanted.pk, "join-asks": joining.pk, "projects/asked": waiting.pk}


def lending(tenant: Any) -> Any:
    """The tenant, with a quota of which it can lend."""
    Quota.objects.get_or_create(scope=tenant, dimension="servers", defaults={"limit": 100})
    return tenant


def asked_more(world: Any, name: str, scope: Any) -> dict[str, Any]:
    """More quota and more budget in a place, that somebody asked for and that wait."""
    actor = world.actor(name)
    Quota.objects.get_or_create(scope=scope, dimension="servers", defaults={"limit": 100})
    Budget.objects.get_or_create(scope=scope, defaults={"amount": 900, "currency": "EUR"})
    quota = ask_quota(scope, "servers", 2, reason="To grow", actor=actor)
    budget = ask_budget(scope, Decimal(10), reason="To grow", actor=actor)
    taken = BreakGlass.objects.create(
        user=world.people[name],
        scope=scope,
        role=Role.objects.get(key="operator", scope=None),
        reason="A fire",
        expires=clock.now() + timedelta(hours=1),
    )
    return {"quota-asks": quota.pk, "budget-asks": budget.pk, "break-glass": taken.pk}


def cloud_of_hers(market: Market) -> Connection:
    """A cloud like nordwind's, connected by mallory."""
    world = market.world
    elsewhere = World({**world.people, "dave": world.mallory}, {**world.scopes, "nordwind": world.other})
    cloud = connection(elsewhere, "aws", market.aws.config, {"access_key_id": "A", "secret_access_key": "B"}, name="hers")
    choose(cloud, REGION, "region", REGION, at="")
    choose(cloud, REGION, "size", "t3.small")
    choose(cloud, REGION, "image", market.image)
    return cloud


def shared(thing: Any, world: Any) -> Any:
    """A share of it for carol, by somebody who may."""
    lender, _made = Role.objects.get_or_create(
        key="lending", defaults={"name": "Lending", "permissions": ["share_resource", "view_resource"]}
    )
    world.alice.assignments.get_or_create(role=lender, scope=world.web)
    return share(thing, world.carol, "view_resource", expires=clock.now() + WEEK, actor=world.actor("alice"))


def never_were(things: dict[str, Any]) -> dict[str, Any]:
    """Ids of the same kind that name nothing."""
    made_up: dict[type, Callable[[Any], Any]] = {uuid.UUID: lambda _pk: uuid.uuid4(), int: lambda _pk: 10**9}
    return {key: made_up.get(type(pk), lambda pk: pk)(pk) for key, pk in things.items()}


def addresses(patterns: list[Any], things: dict[str, Any]) -> Iterator[tuple[str, str, URLPattern]]:
    """(name, address without the first slash, pattern) of each, with the id of one thing of ours wherever it names one."""
    for pattern in patterns:
        route = str(pattern.pattern).removeprefix("^").removesuffix("/?$")
        prefix = route.split("<")[0].strip("/")
        path = route
        for name, converter in pattern.pattern.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower()
            named = things.get(prefix, things.get(prefix.split("/")[0])) if name == "pk" else things[name]
            path = path.replace(f"<{kind}:{name}>", str(named))
        if route.startswith("scopes/<uuid:pk>/terms/"):
            path = path.replace(str(things["scopes"]), str(things["organization"]))
        yield pattern.name or route, path, pattern
