"""Play the demo's story through the services that people and workers use, each act at its own time."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from portal.access.models import Scope
from portal.approvals import services as approvals
from portal.approvals.queries import approval_of
from portal.approvals.timeouts import expire
from portal.catalogue.models import Plan
from portal.clouds.models import Connection
from portal.core import clock
from portal.demo.clouds import AWS, MANAGED, image_in
from portal.demo.story import DATABASE, LATE, WAITING, WISHES, Wish
from portal.notices import mail
from portal.notices.services import mark_all_read
from portal.orders import services as orders
from portal.orders.drafts import ItemDraft
from portal.orders.models import KIND, Action, Order
from portal.provisioning import services as provisioning
from portal.provisioning.models import Desired, Resource, ResourceState
from portal.provisioning.reconcile import reconcile
from portal.users.actor import Actor, Auth
from portal.users.models import User

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
EVENING, MORNING = 19 * HOUR, 5 * HOUR
FRIDAY = 4
NIGHTS = 12
"""So many nights ago the servers that sleep began to."""
UNREAD = timedelta(days=2)
Act = tuple[datetime, Callable[[], None]]


class History:
    """The world of the demo while its past is played: people and scopes by name, the clouds, and `now`, where it ends."""

    def __init__(
        self, people: dict[str, User], scopes: dict[str, Scope], clouds: dict[str, Connection], now: datetime
    ) -> None:
        self.people, self.scopes, self.clouds, self.now = people, scopes, clouds, now
        self.today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        self.orders: dict[str, Order] = {}
        plans = Plan.objects.select_related("version__offering")
        self.plans = {(plan.version.offering.name, plan.key): plan for plan in plans}
        self.images = {region: image_in(clouds[AWS], region) for region in clouds[AWS].region_keys()}

    def actor(self, name: str) -> Actor:
        """One of the cast, acting now."""
        return Actor(self.people[name], Auth("demo"))

    def play(self) -> None:
        """All acts in the order of their time, then what is under way now."""
        for at, act in sorted(self._acts(), key=lambda each: each[0]):
            with clock.travel(at):
                act()
        self._late(self.now - 5 * HOUR)
        for number, wish in enumerate(WAITING):
            with clock.travel(self.now - (130 - 90 * number) * MINUTE):
                self._place(wish)
        self._read()

    def _acts(self) -> Iterator[Act]:
        for number, wish in enumerate(WISHES):
            placed = self.today - timedelta(days=wish.days) + 8 * HOUR + (number * 37 % 420) * MINUTE
            decided = placed + (12 + number * 53 % 280) * MINUTE
            yield placed, partial(self._place, wish)
            if wish.outcome == "expired":
                yield placed + timedelta(days=5), partial(self._expire, wish)
            elif wish.plan != "tiny":
                yield decided, partial(self._decide, wish)
            if wish.ended:
                leaving = self.today - timedelta(days=wish.ended) + 10 * HOUR + number * MINUTE
                yield leaving, partial(self._order_end, wish)
                yield leaving + 45 * MINUTE, partial(self._decide_end, wish)
            yield from self._sleeps(wish)

    def _sleeps(self, wish: Wish) -> Iterator[Act]:
        """Stopped in the evening, started in the morning: each night of late, or over weekends."""
        first = min(wish.days - 1, NIGHTS) if wish.sleeps == "nights" else wish.days - 1
        until = self.today - timedelta(days=wish.ended) if wish.ended else self.now
        for days in range(first, -1, -1):
            day = self.today - timedelta(days=days)
            length = {"nights": 1, "weekends": 3 if day.weekday() == FRIDAY else 0}.get(wish.sleeps, 0)
            turns = (day + EVENING, "stop"), (day + timedelta(days=length) + MORNING, "start")
            yield from ((at, partial(self._operate, wish, verb)) for at, verb in turns if length and at < until)

    def _place(self, wish: Wish) -> None:
        """Order it; what a rule allows is made at once."""
        plan = self.plans[wish.offering, wish.plan]
        answers: dict[str, object] = {"name": wish.name, "region": wish.place}
        if wish.offering == DATABASE:
            answers["storage_gib"] = wish.size_gib
        else:
            answers |= {"disk_gib": wish.size_gib, "image": self.images[wish.place]}
        cloud = self.clouds[MANAGED if wish.offering == DATABASE else AWS]
        draft = ItemDraft(plan_id=plan.pk, connection_id=cloud.pk, answers=answers)
        project, key = self.scopes[wish.project], f"demo:{wish.name}"
        order = orders.place_order(project, [draft], key=key, actor=self.actor(wish.who))
        self.orders[wish.name] = order
        if order.rule:
            work(order)

    def _decide(self, wish: Wish) -> None:
        order = self.orders[wish.name]
        if wish.outcome == "withdrawn":
            orders.withdraw_order(order, actor=self.actor(wish.who), reason=wish.note)
            return
        self._vote(order, "deny" if wish.outcome == "denied" else "approve", wish)
        if wish.outcome == "approved":
            work(order)

    def _vote(self, order: Order, choice: str, wish: Wish) -> None:
        approval = approval_of(KIND, order.pk)
        assert approval is not None
        approvals.vote(approval, choice, approval.card_hash, actor=self.actor(wish.decider), note=wish.note)

    def _expire(self, wish: Wish) -> None:
        approval = approval_of(KIND, self.orders[wish.name].pk)
        assert approval is not None
        expire(approval.pk, actor=Actor.system())

    def _order_end(self, wish: Wish) -> None:
        draft = ItemDraft(action=Action.TERMINATE, resource_id=resource_of(self.orders[wish.name]).pk)
        project, key = self.scopes[wish.project], f"demo:end:{wish.name}"
        self.orders[f"end:{wish.name}"] = orders.place_order(project, [draft], key=key, actor=self.actor(wish.who))

    def _decide_end(self, wish: Wish) -> None:
        order = self.orders[f"end:{wish.name}"]
        self._vote(order, "approve", wish)
        work(order)

    def _operate(self, wish: Wish, verb: str) -> None:
        resource = provisioning.operate(resource_of(self.orders[wish.name]), verb, actor=self.actor(wish.who))
        reconcile(resource.pk)

    def _late(self, at: datetime) -> None:
        """Ordered, approved an hour later, and refused by the cloud."""
        with clock.travel(at):
            self._place(LATE)
        with clock.travel(at + HOUR):
            self._decide(LATE)

    def _read(self) -> None:
        """What is older than two days was read, and its mail has left; the newer mail is a worker's to send."""
        until = self.now - UNREAD
        for delivery in mail.due_deliveries(until):
            with clock.travel(delivery.due_at):
                mail.deliver(delivery.pk, at=delivery.due_at)
        with clock.travel(until + HOUR):
            for name in self.people:
                mark_all_read(actor=self.actor(name), until=until)


def resource_of(order: Order) -> Resource:
    """What an order of one thing made or ends."""
    found: Resource = Resource.objects.select_related("project").get(order_items__order=order)
    return found


def work(order: Order) -> None:
    """What a worker does for one order: reconcile its resource until it is settled, then look at the order."""
    began, pk = clock.now(), resource_of(order).pk
    for number in range(4):
        with clock.travel(began + number * timedelta(seconds=20)):
            reconcile(pk)
            orders.advance(order.pk, actor=Actor.system())
        if is_settled(pk):
            return


def is_settled(resource_id: UUID) -> bool:
    """Whether nothing more is to be done for it now."""
    row = Resource.objects.get(pk=resource_id)
    wanted = ResourceState.GONE if row.desired == Desired.GONE else row.desired
    return bool(row.error) or row.state == wanted
