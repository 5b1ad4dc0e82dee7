"""Send events to a subscription in their order, each until it is taken: at least once, with the same id each time.

One worker holds a subscription at a time. Before a call a row says that it is tried; after it another says how it went,
together with the position that is done with. A worker killed in between leaves the position where it was, so the next one
sends the event again, and the receiver knows it by its id. What the owner may see is asked anew before each event.
"""

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_noop

from portal.audit import messages, queries, shapes, signing
from portal.audit.models import Attempt, Delivery, DeliveryState, HookAnswer, Paused, Shape, Subscription, SubscriptionState
from portal.audit.positions import head, positioned
from portal.core import clock, queue
from portal.core.errors import PortalError
from portal.core.journal import back_off
from portal.events.models import Event
from portal.events.services import record
from portal.identity import outside
from portal.notices.services import notify
from portal.users.actor import Actor

logger = logging.getLogger(__name__)
HOLD = timedelta(seconds=90)
TURN_S = 40.0
MOST_FAILURES = 10
KEPT = timedelta(days=30)
NOT_SEEN = gettext_noop("Its owner may not see this event any more, or its time is over.")
NOT_WAITING = gettext_noop("Nothing of this waits for its account any more.")


@dataclass(frozen=True, slots=True)
class Result:
    """How one try went."""

    status: int | None
    duration_ms: int
    error: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and not self.error


def deliver(pk: uuid.UUID) -> None:
    """Send what is due for one subscription, for at most a turn; nothing where another worker holds it."""
    holder = uuid.uuid4()
    if not hold(pk, holder):
        return
    ends = time.monotonic() + TURN_S
    try:
        while (goes_on := step(pk, holder)) and time.monotonic() < ends:
            pass
    finally:
        Subscription.objects.filter(pk=pk, holder=holder).update(holder=None, held_until=None)
    if goes_on:
        queue.after_commit("audit.deliver", pk)


def hold(pk: uuid.UUID, holder: uuid.UUID) -> bool:
    """Make it ours, or ours for longer; false where it is another's, or gone."""
    at = clock.now()
    free = Subscription.objects.filter(pk=pk, held_until=None) | Subscription.objects.filter(pk=pk, held_until__lte=at)
    ours = Subscription.objects.filter(pk=pk, holder=holder)
    return bool((free | ours).update(holder=holder, held_until=at + HOLD))


def step(pk: uuid.UUID, holder: uuid.UUID) -> bool:
    """Send one: what a person asked for first, else the next in turn. False where nothing can be sent now."""
    if not hold(pk, holder):
        return False
    subscription = Subscription.objects.select_related("scope", "owner__owner", "account__owner").get(pk=pk)
    asked = subscription.deliveries.filter(is_asked=True, due_at__lte=clock.now()).order_by("due_at", "pk").first()
    if asked is not None:
        send_asked(subscription, asked)
        return True
    if not subscription.is_active or subscription.due_at > clock.now():
        return False
    return send_next(subscription)


def send_next(subscription: Subscription) -> bool:
    """Send the event after the position, or pass over those that are not for it. False where it waits, or is at the end."""
    owner = queries.owner_of(subscription)
    if owner is None:
        pause(subscription.pk, Paused.OWNER)
        return False
    if subscription.shape == Shape.DECISIONS and queries.account_of(subscription) is None:
        pause(subscription.pk, Paused.ACCOUNT)
        return False
    until = min(head(), subscription.position + queries.WINDOW)
    if until <= subscription.position:
        return False
    found = positioned(queries.events_for(subscription, owner), after=subscription.position, until=until).first()
    if found is None:
        move(subscription, until)
        return True
    said = messages.of_event(subscription, found, found.position)
    if said is None:
        move(subscription, found.position)
        return True
    delivery = begin(subscription, found)
    result = call(subscription, delivery, said)
    return end_turn(subscription, delivery, result, found.position)


def begin(subscription: Subscription, event: Event) -> Delivery:
    """Say, before the call, that an event is tried."""
    about = {
        "position": event.position,  # type: ignore[attr-defined]  # annotated by `positioned`
        "action": event.action,
        "target": f"{event.target_kind} {event.target_label}"[:250],
    }
    delivery, _made = Delivery.objects.get_or_create(subscription=subscription, event_id=event.pk, defaults=about)
    tried(delivery)
    return delivery


def tried(delivery: Delivery) -> None:
    """Count a try before it is made."""
    Delivery.objects.filter(pk=delivery.pk).update(tries=F("tries") + 1, state=DeliveryState.WAITING)


@transaction.atomic
def end_turn(subscription: Subscription, delivery: Delivery, result: Result, position: int) -> bool:
    """Write down how it went: taken, and the position moves on; else it is tried again later, or pauses after ten failures."""
    if not note(delivery, result):
        return False
    if result.is_taken:
        move(subscription, position)
        return True
    failures, mine = subscription.failures + 1, Subscription.objects.filter(pk=subscription.pk)
    mine.update(failures=failures, due_at=clock.now() + back_off(failures))
    if failures >= MOST_FAILURES:
        pause(subscription.pk, Paused.FAILING, error=result.error)
    return False


def move(subscription: Subscription, position: int) -> None:
    """Everything up to here is done with, unless its owner set another position meanwhile."""
    at = clock.now()
    mine = Subscription.objects.filter(pk=subscription.pk, position=subscription.position)
    mine.update(position=position, failures=0, due_at=at)


def send_asked(subscription: Subscription, delivery: Delivery) -> None:
    """Send one that a person asked for; it is tried a few times and holds up nothing else."""
    said = message_of(subscription, delivery)
    tried(delivery)
    unsaid = NOT_WAITING if subscription.shape == Shape.DECISIONS else NOT_SEEN
    result = call(subscription, delivery, said) if said is not None else Result(None, 0, unsaid)
    with transaction.atomic():
        note(delivery, result)
        failures = 0 if result.is_taken else delivery.failures + 1
        is_over = result.is_taken or said is None or failures >= MOST_FAILURES
        due_at = clock.now() + back_off(failures)
        Delivery.objects.filter(pk=delivery.pk).update(is_asked=not is_over, failures=failures, due_at=due_at)


def message_of(subscription: Subscription, delivery: Delivery) -> dict[str, object] | None:
    """What a delivery that was asked for says; None where its owner may not see the event now."""
    if delivery.event_id is None:
        return messages.of_test(subscription, delivery)
    owner = queries.owner_of(subscription)
    rows = queries.events_for(subscription, owner).filter(pk=delivery.event_id) if owner else None
    found = positioned(rows, after=0, until=head()).first() if rows is not None else None
    return messages.of_event(subscription, found, found.position) if found else None


def call(subscription: Subscription, delivery: Delivery, said: object) -> Result:
    """One signed POST to an allowed address, without following where it leads."""
    body, at = shapes.as_bytes(said), clock.now()
    keys = subscription.secrets(at)
    headers = signing.signed_headers(delivery.message_id, int(at.timestamp()), body, keys)
    began = time.monotonic()
    try:
        answer = outside.post(subscription.url, body, {**headers, "Content-Type": messages.content_type(subscription)})
    except PortalError as error:
        return Result(None, spent(began), str(error)[:300])
    return Result(answer.status, spent(began), messages.why_refused(subscription, answer))


def spent(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def note(delivery: Delivery, result: Result) -> bool:
    """Write one try into the log; false where the subscription was removed meanwhile. Call it inside a transaction."""
    if not Subscription.objects.select_for_update().filter(pk=delivery.subscription_id).exists():
        return False
    Attempt.objects.create(delivery=delivery, status=result.status, duration_ms=result.duration_ms, error=result.error[:300])
    state = DeliveryState.SENT if result.is_taken else DeliveryState.FAILED
    sent_at = clock.now() if result.is_taken else None
    Delivery.objects.filter(pk=delivery.pk).update(state=state, sent_at=sent_at)
    if result.is_taken:
        Subscription.objects.filter(pk=delivery.subscription_id).update(taken_at=sent_at)
    return True


@transaction.atomic
def pause(pk: uuid.UUID, why: Paused, *, error: str = "") -> None:
    """Stop sending, and tell its owner; what was not taken waits at its position."""
    subscription = Subscription.objects.select_for_update(of=("self",)).select_related("scope", "owner").get(pk=pk)
    if not subscription.is_active:
        return
    subscription.state, subscription.paused_why = SubscriptionState.PAUSED, why
    subscription.save(update_fields=["state", "paused_why"])
    system = Actor.system()
    event = record("audit.pause_subscription", subscription, actor=system, outcome="failed", reason=str(why.label))
    if why == Paused.FAILING:
        notify([subscription.owner], "subscription_paused", target=subscription, actor=system, event=event, error=error)
    elif why == Paused.ACCOUNT:
        notify([subscription.owner], "hook_paused", target=subscription, actor=system, event=event)


def forget_old() -> int:
    """Drop deliveries and answers whose time in the log is over; returns how many rows went.

    Answers are dropped long after their signatures are good for nothing, so none counts again.
    """
    HookAnswer.objects.filter(created_at__lt=clock.now() - KEPT).delete()
    return Delivery.objects.filter(created_at__lt=clock.now() - KEPT, is_asked=False).delete()[0]
