"""The second factor of a local account: set up, confirmed by a first code, used at sign-in, removed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.core import clock, parcels
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.identity import alerts, codes, lockout
from portal.identity.models import Factor
from portal.users.actor import Actor
from portal.users.models import User

SET_UP_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SignInWays:
    """How she signs in with her local account, for her profile. `pending` is a factor shown to her and not confirmed."""

    has_password: bool
    since: datetime | None = None
    codes_left: int = 0
    pending: Factor | None = None


def ways_of(actor: Actor) -> SignInWays:
    """In one query; none for who has no local account."""
    if not actor.user.has_usable_password():
        return SignInWays(False)
    left = Count("codes", filter=Q(codes__used_at=None))
    factor = Factor.objects.filter(user=actor.user).annotate(left=left).first()
    if factor is None:
        return SignInWays(True)
    if factor.confirmed_at:
        return SignInWays(True, factor.confirmed_at, factor.left)
    factor.user = actor.user
    return SignInWays(True, pending=factor if _is_fresh(factor) else None)


def is_asked_of(user: User) -> bool:
    """Whether a code is needed after her password."""
    return Factor.objects.filter(user=user, confirmed_at__isnull=False).exists()


def set_up(request: HttpRequest, password: str, *, actor: Actor) -> Factor:
    """Make a key for her app, to be confirmed within ten minutes. It asks for her password: a screen left open is not she."""
    check_local(actor)
    if lockout.verify(request, actor.user.username, password) is None:
        raise Invalid(fields={"password": [_("This is not your password.")]})
    with transaction.atomic():
        User.objects.select_for_update().get(pk=actor.user.pk)
        Factor.objects.filter(user=actor.user, confirmed_at=None).delete()
        if Factor.objects.filter(user=actor.user).exists():
            raise Conflict(_("A second factor is set up already. Remove it first."))
        factor = Factor(user=actor.user)
        factor.key = codes.new_key()
        factor.save(force_insert=True)
    return factor


@transaction.atomic
def confirm(code: str, *, actor: Actor) -> UUID:
    """The factor counts from now on; the first recovery codes wait sealed for `take_codes`, by the id returned."""
    check_local(actor)
    factor = Factor.objects.select_for_update().filter(user=actor.user, confirmed_at=None).first()
    if factor is None or not _is_fresh(factor):
        raise Conflict(_("This key is too old. Begin again."))
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6 and codes.use_step(factor, digits)):
        raise Invalid(fields={"code": [_("This is not the code. Enter the six digits that the app shows now.")]})
    factor.confirmed_at = clock.now()
    factor.save(update_fields=["confirmed_at", "last_step"])
    record("identity.set_up_factor", actor.user, actor=actor)
    return _put_codes(factor, actor)


def remove(request: HttpRequest, proof: str, *, actor: Actor) -> None:
    """Ask for no code any more. `proof` is a code of her app or her password; removed already, nothing changes."""
    check_local(actor)
    prove(request, proof, actor=actor)
    with transaction.atomic():
        if Factor.objects.filter(user=actor.user).delete()[0]:
            event = record("identity.remove_factor", actor.user, actor=actor)
            alerts.factor_removed(actor.user, actor=actor, event=event)


def make_codes(request: HttpRequest, proof: str, *, actor: Actor) -> UUID:
    """Ten new recovery codes; those of before work no more. They wait sealed for `take_codes`, by the id returned."""
    check_local(actor)
    prove(request, proof, actor=actor)
    with transaction.atomic():
        factor = Factor.objects.select_for_update().filter(user=actor.user, confirmed_at__isnull=False).first()
        if factor is None:
            raise Conflict(_("There is no second factor to recover."))
        record("identity.make_recovery_codes", actor.user, actor=actor)
        return _put_codes(factor, actor)


@transaction.atomic
def take_codes(parcel_id: str, *, actor: Actor) -> list[str]:
    """The codes, once; empty when they were read already."""
    return (parcels.take(parcel_id, for_user_id=actor.user.pk) or "").split()


@transaction.atomic
def remove_for(username: str, *, actor: Actor) -> User:
    """For who lost app and codes. Only an operator's command asks; NotFound where she has no second factor."""
    if not actor.is_system:
        raise Forbidden(_("A second factor is removed by its owner or by an operator's command."))
    factor = Factor.objects.select_related("user").filter(user__username=username).first()
    if factor is None:
        raise NotFound(_("Nobody of this name has a second factor."))
    factor.delete()
    event = record("identity.remove_factor", factor.user, actor=actor)
    alerts.factor_removed(factor.user, actor=actor, event=event)
    return factor.user


def prove(request: HttpRequest, proof: str, *, actor: Actor) -> None:
    """Raise Invalid unless `proof` is the code of now (six digits) or her password. Wrong ones count towards the lockout."""
    username = actor.user.username
    lockout.check_open(request, username)
    if proof.isascii() and proof.isdigit() and len(proof) == 6:
        with transaction.atomic():
            good = bool(use_code(actor.user, proof))
        if not good:
            lockout.count_failure(request, username)
    else:
        good = lockout.verify(request, username, proof) is not None
    if not good:
        raise Invalid(fields={"proof": [_("This is neither your password nor the code your app shows now.")]})


def use_code(user: User, code: str) -> str:
    """Use up a code of hers inside the caller's transaction: "totp", "recovery", or empty where it is wrong.

    Of two that bring one code at once, one is right. The caller commits either way, for a wrong one is counted.
    """
    factor = Factor.objects.select_for_update().filter(user=user, confirmed_at__isnull=False).first()
    return codes.use(factor, code) if factor else ""


def check_local(actor: Actor) -> None:
    """Password and second factor are hers alone, and only where the portal keeps them."""
    if actor.viewed_as_by or actor.narrowed_to is not None:
        raise Forbidden(_("Only you yourself change how you sign in."))
    if not actor.user.has_usable_password():
        raise Refused(_("You sign in with your organization; password and second factor are kept there."))


def _put_codes(factor: Factor, actor: Actor) -> UUID:
    about = f"recovery:{factor.pk}"
    parcels.forget(about)
    return parcels.put("\n".join(codes.new_recovery_codes(factor)), for_user_id=actor.user.pk, about=about)


def _is_fresh(factor: Factor) -> bool:
    return factor.created_at > clock.now() - SET_UP_WITHIN
