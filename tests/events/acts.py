"""One call of every service, in a world where it does something: the table of the test that each of them records."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory

from portal.access.models import Role
from portal.approvals import services as approvals
from portal.approvals.models import Approval
from portal.audit import services as audit
from portal.audit.models import Delivery
from portal.catalogue import publishing
from portal.catalogue import services as catalogue
from portal.clouds import services as clouds
from portal.core import clock, parcels
from portal.core.blobs import put_file
from portal.health import services as health
from portal.identity import services as identity
from portal.identity.models import Session
from portal.leases import services as leases
from portal.leases.models import LeaseState
from portal.metering import raising as budgets
from portal.metering import services as metering
from portal.metering.models import ExportState
from portal.orders import services as orders
from portal.orders.models import Order, OrderState
from portal.pricing import services as pricing
from portal.provisioning import operating
from portal.provisioning import services as provisioning
from portal.provisioning.models import Resource, ResourceState
from portal.tenancy import asking, asking_more, glass, role_asking, share_asking, sharing
from portal.tenancy import services as tenancy
from portal.users.actor import Actor
from tests.cast import PASSWORD
from tests.identity.app import code_of, set_up
from tests.leases.desk import Desk
from tests.market import SERVER, Market

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
SERVICES = (
    "portal.approvals.services",
    "portal.audit.services",
    "portal.catalogue.publishing",
    "portal.catalogue.services",
    "portal.clouds.services",
    "portal.events.services",
    "portal.health.services",
    "portal.identity.services",
    "portal.leases.services",
    "portal.metering.raising",
    "portal.metering.services",
    "portal.notices.services",
    "portal.orders.services",
    "portal.pricing.services",
    "portal.provisioning.operating",
    "portal.provisioning.services",
    "portal.tenancy.asking",
    "portal.tenancy.asking_more",
    "portal.tenancy.glass",
    "portal.tenancy.role_asking",
    "portal.tenancy.services",
    "portal.tenancy.share_asking",
    "portal.tenancy.sharing",
)


@dataclass
class Stage:
    """The world in which a service is called, and who calls it."""

    market: Market

    @property
    def world(self) -> Any:
        return self.market.world

    def by(self, name: str) -> Actor:
        return self.world.actor(name)

    def waiting(self) -> Approval:
        return Approval.objects.get(subject_id=str(self.market.place().pk))

    def role(self, key: str) -> Role:
        return Role.objects.get(key=key, scope=None)

    def order(self, state: OrderState) -> Order:
        """One whose server the cloud refused, where it is to have failed."""
        order = self.market.place()
        self.market.approve(order)
        if state == OrderState.FAILED:
            Resource.objects.update(error="No room.", error_kind="refused")
            orders.advance(order.pk, actor=Actor.system())
        order.refresh_from_db()
        return order

    def connection(self, **more: Any) -> Any:
        config = {"regions": "eu-west-1", "endpoint": "http://127.0.0.1:9"}
        keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
        provider = self.market.aws.provider
        return clouds.connect_cloud(self.world.nordwind, provider, "second", config, keys, key="c", actor=self.by("dave"))

    def request(self) -> Any:
        asked = RequestFactory().post("/", REMOTE_ADDR="127.0.0.1")
        asked.session = SessionStore()
        return asked

    def quota_ask(self) -> Any:
        tenancy.set_quota(self.world.retail, "servers", 1, actor=self.by("erin"))
        return asking_more.ask_quota(self.world.retail, "servers", 2, reason="To grow", actor=self.by("alice"))

    def budget_ask(self) -> Any:
        metering.set_budget(self.world.retail, Decimal(10), actor=self.by("carol"))
        return budgets.ask_budget(self.world.retail, Decimal(2), reason="To grow", actor=self.by("alice"))

    def project_ask(self) -> Any:
        ends = (clock.now() + WEEK).date()
        return asking.ask_project(self.world.retail, "Wanted", purpose="To try", ends=ends, actor=self.by("alice"))

    def taken(self) -> Any:
        given = {"hours": 1, "reason": "A fire"}
        return glass.break_glass(self.world.fleet, self.role("operator"), **given, actor=self.by("alice"))

    def policy(self) -> Any:
        rule = {"subject_kind": "order", "conditions": [], "stages": []}
        return approvals.publish_policy(self.world.retail, "All", **rule, actor=self.by("erin"))

    def policy_on(self, kind: str) -> Any:
        rule = {"subject_kind": kind, "conditions": [], "stages": [{"who": {"pick": "role", "role": "approver"}}]}
        return approvals.publish_policy(self.world.nordwind, kind, **rule, actor=self.by("erin"))

    def offering_ask(self) -> Any:
        self.policy_on("offering")
        return publishing.publish_or_ask(self.world.nordwind, SERVER, actor=self.by("dave"))

    def operation_ask(self) -> Any:
        server = self.stopped()
        self.policy_on("operation")
        return operating.operate_or_ask(server, "start", actor=self.by("alice"))

    def role_ask(self) -> Any:
        return role_asking.give_role(self.world.dave, self.role("viewer"), self.world.web, actor=self.by("erin"))

    def price(self) -> Any:
        book = self.world.nordwind.price_book
        component = self.market.server.version.components.first()
        return pricing.set_price(book, component, Decimal(2), actor=self.by("erin"), starts=clock.hour_of(clock.now()) + HOUR)

    def told(self) -> Any:
        return audit.subscribe(self.world.web, "siem", "http://127.0.0.1:9/hook", actor=self.by("erin"))[0]

    def share_ask(self) -> Any:
        self.policy_on("share")
        until = clock.now() + WEEK
        return share_asking.share_or_ask(self.world.web, self.world.carol, "view_cost", expires=until, actor=self.by("erin"))

    def share(self) -> Any:
        return sharing.share(self.world.web, self.world.bob, "view_cost", expires=clock.now() + WEEK, actor=self.by("erin"))

    def export(self) -> Any:
        return metering.request_export(self.world.nordwind, f"{clock.now():%Y-%m}", actor=self.by("carol"))

    def ready_export(self) -> Any:
        made = self.export()
        with NamedTemporaryFile("w", suffix=".csv", delete=False) as rows:
            rows.write("rows")
        made.blob, made.state = put_file(Path(rows.name)), ExportState.READY
        made.save()
        return made

    def stopped(self) -> Any:
        self.order(OrderState.WORKING)
        Resource.objects.update(state=ResourceState.STOPPED, desired="stopped")
        return Resource.objects.get()

    def database(self) -> Any:
        self.market.approve(self.market.place(self.market.database_draft()))
        Resource.objects.update(state=ResourceState.RUNNING)
        return Resource.objects.get()

    def kept_secret(self) -> Any:
        resource = self.database()
        parcels.put("s3cr3t", for_user_id=self.world.alice.pk, about=resource.hold_key)
        return resource

    def signed_in(self) -> Any:
        asked = self.request()
        return asked, identity.sign_in(asked, "alice", PASSWORD)


Prepare = Callable[[Stage], Any]
Act = Callable[[Stage, Any], Any]


def nothing(_stage: Stage) -> None:
    """Nothing has to be there before."""


def code_asked(stage: Stage) -> tuple[Any, str]:
    """alice gave her password, and her app says a code."""
    asked = stage.request()
    key = set_up(stage.world, asked)[0]
    identity.sign_in(asked, "alice", PASSWORD)
    return asked, key


def with_code(stage: Stage, prepared: Any) -> None:
    with clock.travel(clock.now() + timedelta(seconds=60)):
        asked, key = prepared
        identity.halfway.put(asked, stage.world.alice)
        identity.sign_in_with_code(asked, code_of(key))


# name -> (what must be there before, the call): the event must come from the call
ACTS: dict[str, tuple[Prepare, Act]] = {
    "approvals.services.ask": (nothing, lambda on, _: on.market.place()),
    "approvals.services.vote": (
        lambda on: on.waiting(),
        lambda on, it: approvals.vote(it, "approve", it.card_hash, actor=on.by("bob")),
    ),
    "approvals.services.withdraw": (lambda on: on.waiting(), lambda on, it: approvals.withdraw(it, actor=on.by("alice"))),
    "approvals.services.facts_changed": (
        lambda on: (on.waiting(), Order.objects.update(note="Another")),
        lambda on, it: approvals.facts_changed("order", it[0].subject_id, actor=on.by("alice")),
    ),
    "approvals.services.publish_policy": (nothing, lambda on, _: on.policy()),
    "approvals.services.retire_policy": (
        lambda on: on.policy(),
        lambda on, it: approvals.retire_policy(it, actor=on.by("erin")),
    ),
    "catalogue.publishing.publish_or_ask": (nothing, lambda on, _: on.offering_ask()),
    "catalogue.publishing.publish_decided": (
        lambda on: on.offering_ask(),
        lambda on, it: publishing.publish_decided(it, actor=on.by("bob")),
    ),
    "catalogue.services.publish_offering": (
        nothing,
        lambda on, _: catalogue.publish_offering(on.world.nordwind, SERVER, actor=on.by("erin")),
    ),
    "catalogue.services.withdraw_offering": (
        lambda on: on.market.server.version.offering,
        lambda on, it: catalogue.withdraw_offering(it, actor=on.by("erin")),
    ),
    "clouds.services.connect_cloud": (nothing, lambda on, _: on.connection()),
    "clouds.services.change_credentials": (
        lambda on: on.market.aws,
        lambda on, it: clouds.change_credentials(
            it, {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "other"}, actor=on.by("dave")
        ),
    ),
    "clouds.services.check_connection": (
        lambda on: on.market.aws,
        lambda on, it: clouds.check_connection(it, actor=on.by("dave")),
    ),
    "clouds.services.rename_connection": (
        lambda on: on.market.aws,
        lambda on, it: clouds.rename_connection(it, "Other", actor=on.by("dave")),
    ),
    "clouds.services.disable_connection": (
        lambda on: on.market.aws,
        lambda on, it: clouds.disable_connection(it, actor=on.by("dave")),
    ),
    "health.services.run_now": (nothing, lambda on, _: health.run_now("orders.sweep", actor=on.by("dave"))),
    "identity.services.sign_in": (nothing, lambda on, _: on.signed_in()),
    "identity.services.sign_in_with_code": (code_asked, with_code),
    "identity.services.refuse_sign_in": (nothing, lambda on, _: identity.refuse_sign_in(on.request(), "alice")),
    "identity.services.sign_out": (
        lambda on: on.signed_in(),
        lambda on, it: identity.sign_out(it[0], actor=it[1]),
    ),
    "identity.services.sign_out_everywhere": (nothing, lambda on, _: identity.sign_out_everywhere(actor=on.by("alice"))),
    "identity.services.end_session": (
        lambda on: Session.objects.create(user=on.world.alice, key="hers", method="password"),
        lambda on, it: identity.end_session(it.pk, actor=on.by("alice")),
    ),
    "metering.raising.ask_budget": (nothing, lambda on, _: on.budget_ask()),
    "metering.raising.withdraw_budget_ask": (
        lambda on: on.budget_ask(),
        lambda on, it: budgets.withdraw_budget_ask(it, actor=on.by("alice")),
    ),
    "metering.raising.raise_budget": (
        lambda on: on.budget_ask(),
        lambda on, it: budgets.raise_budget(it, actor=on.by("bob")),
    ),
    "metering.services.meter_now": (nothing, lambda on, _: metering.meter_now(actor=on.by("dave"))),
    "metering.services.set_budget": (
        nothing,
        lambda on, _: metering.set_budget(on.world.retail, Decimal(9), actor=on.by("carol")),
    ),
    "metering.services.remove_budget": (
        lambda on: metering.set_budget(on.world.retail, Decimal(9), actor=on.by("carol")),
        lambda on, it: metering.remove_budget(it, actor=on.by("carol")),
    ),
    "metering.services.request_export": (nothing, lambda on, _: on.export()),
    "metering.services.open_export": (
        lambda on: on.ready_export(),
        lambda on, it: metering.open_export(it, actor=on.by("carol")),
    ),
    "audit.services.subscribe": (nothing, lambda on, _: on.told()),
    "audit.services.pause": (lambda on: on.told(), lambda on, it: audit.pause(it, actor=on.by("erin"))),
    "audit.services.resume": (
        lambda on: audit.pause(on.told(), actor=on.by("erin")),
        lambda on, it: audit.resume(it, actor=on.by("erin")),
    ),
    "audit.services.rotate_secret": (lambda on: on.told(), lambda on, it: audit.rotate_secret(it, actor=on.by("erin"))),
    "audit.services.unsubscribe": (lambda on: on.told(), lambda on, it: audit.unsubscribe(it, actor=on.by("erin"))),
    "audit.services.replay_from": (lambda on: on.told(), lambda on, it: audit.replay_from(it, 1, actor=on.by("erin"))),
    "audit.services.send_test": (lambda on: on.told(), lambda on, it: audit.send_test(it, actor=on.by("erin"))),
    "audit.services.replay": (
        lambda on: Delivery.objects.create(subscription=on.told(), action="orders.place", position=1),
        lambda on, it: audit.replay(it, actor=on.by("erin")),
    ),
    "orders.services.place_order": (nothing, lambda on, _: on.market.place()),
    "orders.services.withdraw_order": (
        lambda on: on.market.place(),
        lambda on, it: orders.withdraw_order(it, actor=on.by("alice")),
    ),
    "orders.services.retry_order": (
        lambda on: on.order(OrderState.FAILED),
        lambda on, it: orders.retry_order(it, actor=on.by("alice")),
    ),
    "orders.services.give_up_order": (
        lambda on: on.order(OrderState.FAILED),
        lambda on, it: orders.give_up_order(it, actor=on.by("alice")),
    ),
    "orders.services.advance": (
        lambda on: (on.order(OrderState.WORKING), Resource.objects.update(state=ResourceState.RUNNING)),
        lambda on, it: orders.advance(it[0].pk, actor=Actor.system()),
    ),
    "pricing.services.open_price_book": (
        nothing,
        lambda on, _: pricing.open_price_book(on.world.other, name="List", currency="EUR", actor=on.by("mallory")),
    ),
    "pricing.services.set_price": (nothing, lambda on, _: on.price()),
    "provisioning.services.request_resource": (nothing, lambda on, _: on.order(OrderState.WORKING)),
    "provisioning.services.end_resource": (
        lambda on: on.stopped(),
        lambda on, it: provisioning.end_resource(it, cause="order:1", actor=on.by("alice")),
    ),
    "provisioning.services.operate": (
        lambda on: on.stopped(),
        lambda on, it: provisioning.operate(it, "start", actor=on.by("alice")),
    ),
    "provisioning.operating.operate_or_ask": (nothing, lambda on, _: on.operation_ask()),
    "provisioning.operating.operate_decided": (
        lambda on: on.operation_ask(),
        lambda on, it: operating.operate_decided(it, actor=on.by("bob")),
    ),
    "provisioning.services.rotate_secret": (
        lambda on: on.database(),
        lambda on, it: provisioning.rotate_secret(it, actor=on.by("alice")),
    ),
    "provisioning.services.take_secret": (
        lambda on: on.kept_secret(),
        lambda on, it: provisioning.take_secret(it, actor=on.by("alice")),
    ),
    "provisioning.services.retry_resource": (
        lambda on: (on.order(OrderState.FAILED), Resource.objects.get())[1],
        lambda on, it: provisioning.retry_resource(it, actor=on.by("alice")),
    ),
    "provisioning.services.sync_connection": (
        lambda on: on.market.aws,
        lambda on, it: provisioning.sync_connection(it, actor=on.by("dave")),
    ),
    "tenancy.asking.ask_project": (nothing, lambda on, _: on.project_ask()),
    "tenancy.asking.ask_to_join": (
        nothing,
        lambda on, _: asking.ask_to_join(on.world.fleet, on.role("viewer"), reason="To look", actor=on.by("alice")),
    ),
    "tenancy.asking.withdraw_ask": (
        lambda on: on.project_ask(),
        lambda on, it: asking.withdraw_ask(it, actor=on.by("alice")),
    ),
    "tenancy.asking_more.ask_quota": (nothing, lambda on, _: on.quota_ask()),
    "tenancy.asking_more.withdraw_quota_ask": (
        lambda on: on.quota_ask(),
        lambda on, it: asking_more.withdraw_quota_ask(it, actor=on.by("alice")),
    ),
    "tenancy.glass.break_glass": (nothing, lambda on, _: on.taken()),
    "tenancy.glass.end_break_glass": (
        lambda on: on.taken(),
        lambda on, it: glass.end_break_glass(it, actor=on.by("alice")),
    ),
    "tenancy.glass.end": (lambda on: on.taken(), lambda on, it: glass.end(it, actor=on.by("alice"))),
    "tenancy.glass.find": (
        lambda on: on.taken(),
        lambda on, it: glass.find(it, glass.Finding.CONFIRMED, actor=on.by("erin")),
    ),
    "tenancy.role_asking.give_role": (lambda on: on.policy_on("role"), lambda on, _: on.role_ask()),
    "tenancy.role_asking.give_decided": (
        lambda on: (on.policy_on("role"), on.role_ask())[1],
        lambda on, it: role_asking.give_decided(it, actor=on.by("bob")),
    ),
    "tenancy.services.create_organization": (
        nothing,
        lambda on, _: tenancy.create_organization("New", currency="EUR", actor=Actor.system()),
    ),
    "tenancy.services.create_tenant": (
        nothing,
        lambda on, _: tenancy.create_tenant(on.world.nordwind, "New", actor=on.by("erin")),
    ),
    "tenancy.services.create_project": (
        nothing,
        lambda on, _: tenancy.create_project(on.world.retail, "New", actor=on.by("erin")),
    ),
    "tenancy.services.change_project": (
        nothing,
        lambda on, _: tenancy.change_project(on.world.web, cost_centre="4711", actor=on.by("erin")),
    ),
    "tenancy.services.rename_scope": (nothing, lambda on, _: tenancy.rename_scope(on.world.web, "Shop", actor=on.by("erin"))),
    "tenancy.services.close_scope": (nothing, lambda on, _: tenancy.close_scope(on.world.fleet, actor=on.by("erin"))),
    "tenancy.services.assign_role": (
        nothing,
        lambda on, _: tenancy.assign_role(on.world.dave, on.role("viewer"), on.world.web, actor=on.by("erin")),
    ),
    "tenancy.services.assign_roles": (
        lambda on: [tenancy.Grant(on.world.dave, on.role("viewer"), on.world.web)],
        lambda on, it: tenancy.assign_roles(it, actor=on.by("erin")),
    ),
    "tenancy.services.end_assignment": (
        lambda on: on.world.alice.assignments.get(),
        lambda on, it: tenancy.end_assignment(it, actor=on.by("erin")),
    ),
    "tenancy.services.set_quota": (
        nothing,
        lambda on, _: tenancy.set_quota(on.world.web, "servers", 3, actor=on.by("erin")),
    ),
    "tenancy.share_asking.share_or_ask": (nothing, lambda on, _: on.share_ask()),
    "tenancy.share_asking.share_decided": (
        lambda on: on.share_ask(),
        lambda on, it: share_asking.share_decided(it, actor=on.by("bob")),
    ),
    "tenancy.sharing.share": (nothing, lambda on, _: on.share()),
    "tenancy.sharing.end_share": (
        lambda on: on.share(),
        lambda on, it: sharing.end_share(it, actor=on.by("erin")),
    ),
}


def approved(desk: Desk) -> Any:
    """A lease that may be taken now."""
    lease = desk.ask()
    lease.state = LeaseState.READY
    lease.take_until = clock.now() + HOUR
    lease.save()
    return lease


LEASE_ACTS: dict[str, tuple[Callable[[Desk], Any], Callable[[Desk, Any], Any]]] = {
    "leases.services.ask_lease": (lambda desk: None, lambda desk, _: desk.ask()),
    "leases.services.take_lease": (approved, lambda desk, it: leases.take_lease(it, actor=desk.world.actor("alice"))),
    "leases.services.take_secret": (
        lambda desk: desk.held(),
        lambda desk, it: leases.take_secret(it, actor=desk.world.actor("alice")),
    ),
    "leases.services.end_lease": (
        lambda desk: desk.held(),
        lambda desk, it: leases.end_lease(it, actor=desk.world.actor("alice")),
    ),
    "leases.services.end_leases_of": (
        lambda desk: desk.held(),
        lambda desk, it: leases.end_leases_of(it.connection, actor=desk.world.actor("dave")),
    ),
}

READS = "it reads, and changes nothing"
EXEMPT: dict[str, str] = {
    "events.services.record": "it is what writes an event",
    "events.services.record_all": "it is what writes events",
    **dict.fromkeys(("events.services.event_of", "events.services.cause_of", "events.services.redact"), READS),
    "identity.services.check_live": READS,
    **dict.fromkeys(("leases.services.states_counted", "leases.services.why_not", "leases.services.is_from_provider"), READS),
    **dict.fromkeys(("metering.services.check_budget", "metering.raising.check", "metering.raising.budget_of"), READS),
    **dict.fromkeys(("metering.raising.budget_asks_of", "metering.raising.running_at"), READS),
    "metering.raising.drop": "the approval's own event says how it ended",
    "notices.services.notify": "word to people about what has its event",
    "notices.services.addressees": READS,
    **dict.fromkeys(("notices.services.mark_read", "notices.services.mark_all_read"), "a reading mark of one's own"),
    "notices.services.set_preference": "a preference of one's own",
    **dict.fromkeys(("orders.services.locked", "orders.services.title_of", "orders.services.approval_for"), READS),
    **dict.fromkeys(("orders.services.check_order", "orders.services.check_note", "orders.services.is_returned"), READS),
    **dict.fromkeys(("orders.services.check_budget_of", "orders.services.drawn_from"), READS),
    **dict.fromkeys(("audit.services.locked", "audit.services.check_herself", "audit.services.check_address"), READS),
    **dict.fromkeys(("audit.services.is_address", "audit.services.cleaned", "audit.services.check_free"), READS),
    **dict.fromkeys(("audit.services.check_few", "audit.services.check_shape", "audit.services.hooked"), READS),
    **dict.fromkeys(("audit.services.check_unnarrowed", "audit.services.voting_account"), READS),
    "audit.services.keep_secret": "the secret just made or rotated, which has its event, waits to be shown",
    "audit.services.take_secret": "the secret just made or rotated, which has its event, is shown once",
    "provisioning.services.tell_ends": "it tells people, and marks whom it told",
    **dict.fromkeys(
        (
            *("tenancy.asking.tenants_to_ask_in", "tenancy.asking.tenant_to_ask_in", "tenancy.asking.project_to_join"),
            *("tenancy.asking.owner_named", "tenancy.asking.joinable_roles", "tenancy.asking.project_asks_of"),
            *("tenancy.asking.join_asks_of", "tenancy.asking.ask_of", "tenancy.asking.decisions_asked_by"),
            *("tenancy.asking.is_asked_by", "tenancy.asking.projects_made", "tenancy.asking.listed_kinds"),
            *("tenancy.asking.check_asks", "tenancy.asking.clean_text", "tenancy.asking.waiting_like"),
            *("tenancy.asking.holds_for_as_long", "tenancy.asking_more.place_to_ask_for", "tenancy.asking_more.quotas_at"),
            *("tenancy.asking_more.lenders_for", "tenancy.asking_more.check_end", "tenancy.asking_more.title_of"),
            *("tenancy.asking_more.quota_asks_of", "tenancy.asking_more.running_at", "tenancy.glass.roles_to_take"),
            *("tenancy.glass.place_to_take", "tenancy.glass.place_named", "tenancy.glass.taken_visible_to"),
            *("catalogue.services.check_draft", "catalogue.publishing.check_still_hers"),
            *("provisioning.services.check_operation", "provisioning.services.is_wanted"),
            *("provisioning.operating.check_still_hers", "provisioning.operating.waiting_on"),
            *("tenancy.role_asking.waiting_at", "tenancy.role_asking.check_still_hers"),
            *("tenancy.glass.reviews_of", "tenancy.services.clean_name", "tenancy.services.slug_of"),
            *("tenancy.services.manages", "tenancy.services.check_open", "tenancy.services.check_grant"),
            *("tenancy.services.check_role", "tenancy.services.others_admin", "tenancy.sharing.may_share"),
            *("tenancy.sharing.check_share", "tenancy.share_asking.check_still_hers", "tenancy.share_asking.thing_of"),
            *("tenancy.share_asking.waiting_within", "tenancy.share_asking.waiting_of"),
        ),
        READS,
    ),
}


def public_functions() -> set[str]:
    """What each of the modules lets others call: "tenancy.services.assign_role"."""
    return {
        f"{module.removeprefix('portal.')}.{name}"
        for module in SERVICES
        for name, thing in vars(import_module(module)).items()
        if callable(thing) and not isinstance(thing, type) and not name.startswith("_") and thing.__module__ == module
    }
