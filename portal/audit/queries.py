"""Subscriptions a person may see, what was sent to them, and what is due."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery

from portal.access.guard import scope_ids
from portal.access.models import Scope
from portal.access.queries import events_visible_to
from portal.audit.models import Attempt, Delivery, Subscription, SubscriptionState
from portal.audit.positions import head
from portal.core.errors import NotFound
from portal.events.models import Event, Position
from portal.identity.tokens import epoch_of
from portal.users.actor import Actor, Auth, Narrowing

PERMISSION = "view_event"
MANAGE = "manage_members"
WINDOW = 2000
HOOK = "hook"


def subscriptions_visible_to(actor: Actor) -> QuerySet[Subscription]:
    """Her own, and those of others in scopes whose members she manages; newest first."""
    rows = Subscription.objects.select_related("owner", "scope", "account")
    mine = Q(owner=actor.user) & Q(scope__in=scope_ids(actor, PERMISSION)) if actor.narrowed_to else Q(owner=actor.user)
    return rows.filter(mine | Q(scope__in=scope_ids(actor, MANAGE))).order_by("-created_at", "-id")


def subscription_for(actor: Actor, pk: UUID) -> Subscription:
    """One of those, with the last position that is sealed as `sealed_to`; NotFound where it is none."""
    sealed_to = Subquery(Position.objects.order_by("-position").values("position")[:1])
    found = subscriptions_visible_to(actor).annotate(sealed_to=sealed_to).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def is_hers(subscription: Subscription, actor: Actor) -> bool:
    """Whether she is its owner: only she sees where exactly it goes, and what was sent."""
    return subscription.owner_id == actor.user.pk


def deliveries_of(subscription: Subscription) -> QuerySet[Delivery]:
    """What was sent to it, newest first, with each try."""
    tries = Prefetch("attempts", queryset=Attempt.objects.order_by("pk"))
    return Delivery.objects.filter(subscription=subscription).prefetch_related(tries).order_by("-created_at", "-id")


def delivery_of(subscription: Subscription, pk: UUID) -> Delivery:
    """One of them; NotFound where it is none."""
    found = deliveries_of(subscription).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def own_delivery(actor: Actor, pk: UUID) -> Delivery:
    """One that was sent to a subscription of hers; NotFound where it is none."""
    hers = subscriptions_visible_to(actor).filter(owner=actor.user)
    found = Delivery.objects.select_related("subscription").filter(pk=pk, subscription__in=hers.order_by()).first()
    if found is None:
        raise NotFound
    return found


def owner_of(subscription: Subscription) -> Actor | None:
    """Its owner as she is at this moment, with the roles that are in force now; None once she is disabled."""
    owner = subscription.owner
    is_active = owner.is_active and (owner.owner is None or owner.owner.is_active)
    return Actor(owner, Auth("webhook")) if is_active else None


def account_of(hook: Subscription, *, address: str = "", correlation_id: str = "") -> Actor | None:
    """The account that a decision hook votes as, which may vote and do nothing else; None once it is not its owner's to use."""
    account = hook.account
    if account is None or account.owner is None or account.owner_id != hook.owner_id or hook.epoch != epoch_of(account):
        return None
    if not (account.is_active and account.owner.is_active):
        return None
    auth = Auth(HOOK, session=str(hook.pk)[-12:], address=address)
    narrowed = Narrowing(frozenset({"vote"}), hook.scope_path)
    made = Actor(account, auth, narrowed_to=narrowed)
    return replace(made, correlation_id=correlation_id) if correlation_id else made


def events_for(subscription: Subscription, owner: Actor) -> QuerySet[Event]:
    """The events of its filter that its owner may see now."""
    wanted = Q(scope_path__within=subscription.scope.path)
    if subscription.actions:
        begins = Q()
        for action in subscription.actions:
            begins |= Q(action__startswith=action)
        wanted &= begins
    if subscription.kinds:
        wanted &= Q(target_kind__in=subscription.kinds)
    rows: QuerySet[Event] = events_visible_to(owner).select_related("actor", "acting_for", "viewed_as_by")
    return rows.filter(wanted)


def place_named(event: Event) -> str:
    """The name of the scope it happened in; empty where it belongs to none, or that is gone."""
    if not event.scope_path:
        return ""
    found = Scope.objects.filter(path=event.scope_path).values_list("name", flat=True).first()
    return str(found or "")


def event_visible_to(actor: Actor, pk: UUID) -> Event:
    """One event she may read, with its place in the sealed order as `position`; NotFound where it is none."""
    place = Subquery(Position.objects.filter(event_id=OuterRef("pk")).values("position"))
    rows = events_visible_to(actor).select_related("actor", "acting_for", "viewed_as_by").annotate(position=place)
    found: Event | None = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def siblings_of(event: Event, actor: Actor) -> QuerySet[Event]:
    """The others of the same request that she may read, oldest first."""
    rows: QuerySet[Event] = events_visible_to(actor).exclude(pk=event.pk).order_by("at", "id")
    return rows.filter(correlation_id=event.correlation_id) if event.correlation_id else rows.none()


def due_subscriptions(at: datetime) -> QuerySet[Subscription]:
    """Those that nobody holds and that have something to send: the next event in turn, or what a person asked for."""
    free = Q(held_until=None) | Q(held_until__lte=at)
    behind = Q(state=SubscriptionState.ACTIVE, due_at__lte=at, position__lt=head())
    asked = Exists(Delivery.objects.filter(subscription=OuterRef("pk"), is_asked=True, due_at__lte=at))
    return Subscription.objects.filter(free & (behind | Q(asked))).order_by(F("due_at"))
