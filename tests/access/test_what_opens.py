"""For every permission an act that it opens: refused to who may do everything else there, done for who may do this, too."""

from datetime import timedelta
from decimal import Decimal

import pytest

from portal.access import queries, why
from portal.access.models import Assignment, Role
from portal.access.permissions import PERMISSIONS
from portal.approvals.models import Approval
from portal.approvals.services import publish_policy, vote
from portal.catalogue.services import withdraw_offering
from portal.clouds.services import check_connection
from portal.core import clock
from portal.core.errors import Forbidden, NotFound
from portal.events.services import record
from portal.health.queries import picture_seen_by
from portal.identity import people
from portal.identity.models import IdentityProvider
from portal.identity.providers import provider_visible_to
from portal.identity.service_accounts import create_service_account
from portal.metering.models import Budget
from portal.metering.services import meter_now, request_export, set_budget
from portal.orders.services import place_order
from portal.pricing.services import set_price
from portal.provisioning.services import operate, rotate_secret
from portal.tenancy import custom_roles, services, sharing, terms
from portal.users.actor import Actor, Auth
from tests.access import fabric
from tests.cast import person

SOON = timedelta(days=1)
# Their acts stand in tests of their own: tests/tenancy and tests/leases.
ELSEWHERE = {"view_as", "take_lease"}


class Stall:
    """A market, and who comes to it: everything an act needs, made before she comes."""

    def __init__(self, market):
        self.market, self.world = market, market.world

    def see(self, actor, thing):
        return why.thing_for(actor, thing.kind(), thing.pk)

    def view_scope(self, actor):
        queries.scope_for(actor, self.world.web.pk)

    def manage_tenants(self, actor):
        services.create_tenant(self.world.nordwind, "New", actor=actor)

    def manage_projects(self, actor):
        services.create_project(self.world.retail, "New", actor=actor)

    def manage_members(self, actor):
        services.assign_role(self.world.bob, Role.objects.get(key="viewer"), self.world.web, actor=actor)

    def manage_roles(self, actor):
        custom_roles.create_role(self.world.nordwind, "New", ["view_scope"], actor=actor)

    def manage_people(self, actor):
        people.disable_person(self.world.alice, actor=actor, reason="She left.")

    def manage_terms(self, actor):
        terms.publish(self.world.nordwind, "Be kind.", after=0, actor=actor)

    def manage_quotas(self, actor):
        services.set_quota(self.world.web, "servers", 3, actor=actor)

    def manage_service_accounts(self, actor):
        create_service_account(self.world.web, "robot", actor=actor)

    def manage_identity_providers(self, actor):
        made = IdentityProvider.objects.first() or fabric.make(IdentityProvider, self.world.nordwind, self.world.erin)
        provider_visible_to(actor, made.pk)

    def view_offering(self, actor):
        self.see(actor, self.market.server.version.offering)

    def manage_offerings(self, actor):
        withdraw_offering(self.market.server.version.offering, actor=actor)

    def place_order(self, actor):
        place_order(self.world.web, [self.market.draft("web-9")], key="hers", actor=actor)

    def view_order(self, actor):
        self.see(actor, self.market.order)

    def vote(self, actor):
        approval = Approval.objects.get(subject_id=str(self.market.order.pk))
        vote(approval, "approve", approval.card_hash, actor=actor)

    def view_resource(self, actor):
        self.see(actor, self.market.resource)

    def operate_resource(self, actor):
        operate(self.market.resource, "stop", actor=actor)

    def view_secret(self, actor):
        rotate_secret(self.market.database_made, actor=actor)

    def share_resource(self, actor):
        sharing.share(self.world.web, self.world.bob, "view_scope", expires=clock.now() + SOON, actor=actor)

    def view_connection(self, actor):
        self.see(actor, self.market.aws)

    def manage_connections(self, actor):
        check_connection(self.market.aws, actor=actor)

    def view_cost(self, actor):
        self.see(actor, Budget.objects.first() or fabric.make(Budget, self.world.nordwind, self.world.erin))

    def export_cost(self, actor):
        request_export(self.world.nordwind, "2026-01", actor=actor)

    def manage_budgets(self, actor):
        set_budget(self.world.web, Decimal(100), actor=actor)

    def manage_prices(self, actor):
        component = self.market.server.version.components.first()
        starts = clock.hour_of(clock.now()) + timedelta(hours=2)
        set_price(self.world.nordwind.price_book, component, Decimal(1), starts=starts, actor=actor)

    def manage_policies(self, actor):
        publish_policy(self.world.nordwind, name="Big", subject_kind="order", conditions=[], stages=[], actor=actor)

    def view_event(self, actor):
        if not queries.events_visible_to(actor).exclude(actor=actor.user).exists():
            raise NotFound

    def view_platform(self, actor):
        picture_seen_by(actor)

    def operate_platform(self, actor):
        meter_now(actor=actor)


def newcomer(world, name, permissions):
    """Who holds these in the organization, by a role that stages take for an approver's."""
    user = person(name)
    role = Role.objects.filter(scope=world.nordwind, key="approver").first()
    role = role or Role(scope=world.nordwind, key="approver", name="Made up")
    role.permissions = sorted(permissions)
    role.save()
    Assignment.objects.create(user=user, role=role, scope=world.nordwind)
    return Actor(user, Auth("password"))


def test_every_permission_has_an_act():
    acts = {name for name in vars(Stall) if name in PERMISSIONS}
    assert acts | ELSEWHERE == set(PERMISSIONS)
    assert not acts & ELSEWHERE


@pytest.mark.parametrize("permission", sorted(set(PERMISSIONS) - ELSEWHERE))
def test_an_act_is_refused_without_its_permission_and_done_with_it(market, permission):
    stall = Stall(market)
    market.order = market.place(key="open") if permission in ("view_order", "vote") else None
    if permission in ("view_resource", "operate_resource"):
        market.resource = market.active()
    if permission == "view_secret":
        order = market.place(market.database_draft(), key="db")
        market.approve(order)
        market.work()
        market.database_made = order.items.get().resource
    record("tenancy.rename", market.world.web, actor=market.world.actor("erin"))
    act = getattr(stall, permission)
    with pytest.raises((Forbidden, NotFound)) as refused:
        act(newcomer(market.world, "without", set(PERMISSIONS) - {permission}))
    assert refused.value.extra.get("permission", permission) == permission
    act(newcomer(market.world, "with", PERMISSIONS))
