"""Subscribe to events, change, pause and resume it, rotate its secret, send once more, and end it."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import holds, require, require_fresh
from portal.access.models import Scope
from portal.approvals.models import Approval
from portal.audit import shapes, signing
from portal.audit.asking import ACTIONS
from portal.audit.models import Delivery, DeliveryState, Paused, Shape, Subscription, SubscriptionState
from portal.audit.positions import head
from portal.audit.queries import HOOK, MANAGE, PERMISSION, is_hers
from portal.core import clock, outbound, parcels, queue
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.identity.outside import is_loopback
from portal.identity.service_accounts import service_accounts_of
from portal.identity.tokens import epoch_of
from portal.users.actor import Actor, Auth
from portal.users.models import User

MOST_EACH = 50
OVERLAP = timedelta(hours=24)
MOST_FILTERS = 20
LONGEST_BOT_SECRET = 200


@transaction.atomic
def subscribe(
    scope: Scope,
    name: str,
    url: str,
    *,
    actor: Actor,
    actions: Iterable[str] = (),
    kinds: Iterable[str] = (),
    from_start: bool = False,
    shape: str = Shape.CLOUDEVENTS,
    bot_secret: str = "",
    account: UUID | None = None,
) -> tuple[Subscription, str]:
    """Tell an address of the events of a scope from now on, or from the first one kept. Returns the secret, shown once.

    The same name again is a Conflict. Invalid says what of the address cannot be called; names are looked up when sent.
    `bot_secret` is what a bot of Feishu signs with beside it, where it was given one there. A decision hook votes as
    `account`, which is hers and may vote in that scope; it chooses what it is told of by itself.
    """
    require_fresh(actor)
    require(actor, PERMISSION, scope)
    check_herself(actor)
    check_address(url)
    check_shape(shape, bot_secret)
    wanted: dict[str, Any] = {"actions": cleaned(actions, "actions"), "kinds": cleaned(kinds, "kinds")}
    if shape == Shape.DECISIONS or account is not None:
        wanted = hooked(shape, wanted) | {"account": voting_account(account, scope, actor)}
    check_free(name, actor)
    key = signing.new_key()
    position = 0 if from_start else head()
    made = Subscription(owner=actor.user, scope=scope, name=name, url=url, shape=shape, position=position, **wanted)
    made.seal_secret(key)
    made.seal_bot_secret(bot_secret)
    made.epoch = epoch_of(made.account) if made.account else 0
    made.save(force_insert=True)
    told = wanted | {"address": made.host, "shape": shape, "from_start": from_start}
    record("audit.subscribe", made, actor=actor, **told)
    queue.after_commit("audit.deliver", made.pk)
    return made, signing.secret_text(key)


@transaction.atomic
def pause(subscription: Subscription, *, actor: Actor) -> Subscription:
    """Stop sending; what happens meanwhile waits. Paused already, nothing changes. Its owner may, and who manages members."""
    found = locked(subscription, actor, others=True)
    if found.is_active:
        found.state, found.paused_why = SubscriptionState.PAUSED, Paused.BY_HAND
        found.save(update_fields=["state", "paused_why"])
        record("audit.pause_subscription", found, actor=actor)
    return found


@transaction.atomic
def resume(subscription: Subscription, *, actor: Actor) -> Subscription:
    """Go on where it stopped. Active already, nothing changes."""
    require_fresh(actor)
    found = locked(subscription, actor)
    if not found.is_active:
        found.state, found.paused_why, found.failures, found.due_at = SubscriptionState.ACTIVE, "", 0, clock.now()
        found.save(update_fields=["state", "paused_why", "failures", "due_at"])
        record("audit.resume_subscription", found, actor=actor)
        queue.after_commit("audit.deliver", found.pk)
    return found


@transaction.atomic
def rotate_secret(subscription: Subscription, *, actor: Actor) -> str:
    """A new secret, shown once. For a day messages carry a signature of each, so that no receiver is caught in between."""
    require_fresh(actor)
    found = locked(subscription, actor)
    key = signing.new_key()
    found.sealed_before, found.before_until = found.sealed, clock.now() + OVERLAP
    found.seal_secret(key)
    if found.account:
        check_unnarrowed(actor)
        found.epoch = epoch_of(voting_account(found.account_id, found.scope, actor))
    found.save(update_fields=["sealed", "sealed_before", "before_until", "epoch"])
    record("audit.rotate_subscription", found, actor=actor)
    return signing.secret_text(key)


@transaction.atomic
def unsubscribe(subscription: Subscription, *, actor: Actor) -> None:
    """End it for good, with its secret and its log. Its owner may, and who manages members."""
    found = locked(subscription, actor, others=True)
    record("audit.unsubscribe", found, actor=actor, address=found.host, position=found.position)
    found.delete()


@transaction.atomic
def replay_from(subscription: Subscription, position: int, *, actor: Actor) -> Subscription:
    """Send every event from this position on once more, with the ids they had. A later position passes over those before it."""
    require_fresh(actor)
    found = locked(subscription, actor)
    last = head()
    if not 1 <= position <= last + 1:
        raise Invalid(fields={"position": [_("Choose a position from 1 to %(last)s.") % {"last": last + 1}]})
    before, found.position = found.position, position - 1
    found.failures, found.due_at = 0, clock.now()
    found.save(update_fields=["position", "failures", "due_at"])
    record("audit.replay_subscription", found, actor=actor, position=position, before=before)
    queue.after_commit("audit.deliver", found.pk)
    return found


@transaction.atomic
def replay(delivery: Delivery, *, actor: Actor) -> Delivery:
    """Send one event once more, beside the others. Asked twice before it left, it leaves once."""
    require_fresh(actor)
    found = locked(delivery.subscription, actor)
    again = Delivery.objects.select_for_update().filter(pk=delivery.pk, subscription=found).first()
    if again is None:
        raise NotFound
    if not again.is_asked:
        check_few(found)
        again.is_asked, again.state, again.failures, again.due_at = True, DeliveryState.WAITING, 0, clock.now()
        again.save(update_fields=["is_asked", "state", "failures", "due_at"])
        record("audit.replay_delivery", found, actor=actor, message=again.message_id)
    queue.after_commit("audit.deliver", found.pk)
    return again


@transaction.atomic
def send_test(subscription: Subscription, *, actor: Actor) -> Delivery:
    """Send an event that tells nothing, also while it is paused, to see whether it arrives."""
    require_fresh(actor)
    found = locked(subscription, actor)
    check_few(found)
    made = Delivery.objects.create(subscription=found, action=shapes.TEST, is_asked=True)
    record("audit.test_subscription", found, actor=actor)
    queue.after_commit("audit.deliver", found.pk)
    return made


@transaction.atomic
def keep_secret(subscription: Subscription, plain: str, *, actor: Actor) -> uuid.UUID:
    """Let a secret just made wait, sealed, for the page that shows it once."""
    return parcels.put(plain, for_user_id=actor.user.pk, about=f"subscription:{subscription.pk}")


@transaction.atomic
def take_secret(parcel_id: str, *, actor: Actor) -> str:
    """The secret that waits, once; empty where it was read or its time is over."""
    return parcels.take(parcel_id, for_user_id=actor.user.pk) or ""


def locked(subscription: Subscription, actor: Actor, *, others: bool = False) -> Subscription:
    """The row, ours to change. NotFound for who may not know of it; Forbidden for who may only look at it, or look as others."""
    rows = Subscription.objects.select_for_update(of=("self",)).select_related("scope", "owner", "account__owner")
    found: Subscription | None = rows.filter(pk=subscription.pk).first()
    if found is None:
        raise NotFound
    if is_hers(found, actor):
        check_herself(actor)
        if actor.narrowed_to and not holds(actor, PERMISSION, found):
            raise NotFound
        return found
    require(actor, MANAGE, found)
    if not others:
        raise Forbidden(_("Only its owner can do this: it is told what she may see."))
    return found


def check_herself(actor: Actor) -> None:
    """Forbidden for who looks as another: reading events is open to her, and being told of them is not."""
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))


def check_address(url: str) -> None:
    """Invalid where an address can never be called: not https (on this machine http, too), with a password, or forbidden."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid(fields={"url": [_("This is no address.")]}) from None
    if not host or parts.scheme not in ("https", "http") or not url.isprintable() or " " in url or len(url) > 500:
        raise Invalid(fields={"url": [_("Give an address that begins with https://.")]})
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Invalid(fields={"url": [_("Leave out user, password and what comes after #; messages are signed.")]})
    literal = is_address(host)
    if parts.scheme == "http" and not (host == "localhost" or (literal and is_loopback(host))):
        raise Invalid(fields={"url": [_("Events leave encrypted only; use https.")]})
    if literal and not outbound.may_reach(host, settings.OUTBOUND_ALLOW):
        raise Invalid(fields={"url": [_("Concord may not call %(address)s.") % {"address": host}]})


def check_shape(shape: str, bot_secret: str) -> None:
    """Invalid where nobody reads that shape, or a secret came with one that takes none."""
    if shape not in Shape.values:
        raise Invalid(fields={"shape": [_("Choose one of %(known)s.") % {"known": ", ".join(Shape.values)}]})
    if bot_secret and shape != Shape.FEISHU:
        raise Invalid(fields={"bot_secret": [_("Only a bot of Feishu has one.")]})
    if len(bot_secret) > LONGEST_BOT_SECRET or not bot_secret.isprintable():
        raise Invalid(fields={"bot_secret": [_("This is no secret of a bot.")]})


def hooked(shape: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """What a decision hook is told of. Invalid where another shape came with an account, or somebody narrowed it herself."""
    if shape != Shape.DECISIONS:
        raise Invalid(fields={"account": [_("Only what is sent as decisions has an account that decides.")]})
    if named := [field for field, words in wanted.items() if words]:
        said = _("A decision hook is told of what waits for its account, and of nothing else. Leave this empty.")
        raise Invalid(fields={field: [said] for field in named})
    return {"actions": list(ACTIONS), "kinds": [Approval.kind()]}


def voting_account(pk: UUID | None, scope: Scope, actor: Actor) -> User:
    """A service account of hers that may vote in the scope. Whoever holds the hook's secret votes as it, as with a token."""
    check_unnarrowed(actor)
    account: User | None = service_accounts_of(actor).filter(pk=pk).first() if pk else None
    if account is None:
        raise Invalid(fields={"account": [_("Choose a service account that you answer for.")]})
    if not holds(Actor(account, Auth(HOOK)), "vote", scope):
        said = _("%(account)s may decide nothing in %(scope)s. Give it a role there first.")
        raise Invalid(fields={"account": [said % {"account": account, "scope": scope.name}]})
    return account


def check_unnarrowed(actor: Actor) -> None:
    """Forbidden for a token that is narrowed: nobody gets more out of it than it may do itself."""
    if actor.narrowed_to is not None:
        raise Forbidden(_("A narrowed token makes no secret that decides."))


def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        is_loopback(host)
    except ValueError:
        return False
    return True


def cleaned(words: Iterable[str], field: str) -> list[str]:
    """What narrows it, each once; Invalid where one cannot be the name of an action or a kind."""
    found = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    longest = 80 if field == "actions" else 40
    if len(found) > MOST_FILTERS or any(len(word) > longest or not word.replace(".", "_").isidentifier() for word in found):
        said = _("At most %(most)s names of letters, digits, underscores and dots.") % {"most": MOST_FILTERS}
        raise Invalid(fields={field: [said]})
    return found


def check_free(name: str, actor: Actor) -> None:
    """Conflict where she has one of this name; Refused where she has as many as one may."""
    hers = Subscription.objects.filter(owner=actor.user)
    if hers.filter(name=name).exists():
        raise Conflict(_("You have a subscription of this name already."), fields={"name": [_("Choose another name.")]})
    if hers.count() >= MOST_EACH:
        raise Refused(_("You have %(most)s subscriptions; end one first.") % {"most": MOST_EACH})


def check_few(subscription: Subscription) -> None:
    """Refuse to pile up what a person asks for: twenty that have not left are enough."""
    waiting: Any = Delivery.objects.filter(subscription=subscription, is_asked=True)
    if waiting.count() >= MOST_FILTERS:
        raise Refused(_("Twenty wait to be sent already; look at the log whether the address takes them."))
