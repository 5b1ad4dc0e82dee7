"""Let another decide in one's place for a time, and end it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.access.guard import require_fresh
from portal.access.models import Assignment, Scope
from portal.access.resolver import covers, held_by, in_force, may_now, paths_of
from portal.approvals.kinds import kinds as every_kind
from portal.approvals.models import Delegation
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User, UserKind

LONGEST = timedelta(days=90)
AHEAD = timedelta(days=365)
MOST_FOR_ONE = 10
LARGEST = Decimal(10) ** 12


@transaction.atomic
def delegate(
    organization: Scope,
    to: User,
    *,
    ends: datetime,
    reason: str,
    starts: datetime | None = None,
    kinds: Sequence[str] = (),
    most_per_month: Decimal | None = None,
    actor: Actor,
) -> Delegation:
    """Let `to` use her own seats in an organization for a time: of some kinds of acts or all, up to an amount or any.

    Only a person, only for herself, to another who sees something of what she decides. Refused with Invalid (the field is
    named), Conflict (another window speaks of the same then), Forbidden (she decides nothing there).
    """
    require_fresh(actor)
    at = clock.now()
    check_delegates(organization, actor)
    starts = max(starts or at, at)
    check_words(organization, kinds, most_per_month, reason)
    check_times(starts, ends, at)
    check_delegate(organization, to, actor)
    User.objects.select_for_update().filter(pk__in=sorted((actor.user.pk, to.pk))).order_by("pk").count()
    check_alone(organization, actor.user, kinds, starts, ends)
    check_few(to, at)
    window = Delegation.objects.create(
        organization=organization,
        delegator=actor.user,
        delegate=to,
        kinds=sorted(set(kinds)),
        most_per_month=most_per_month,
        starts=starts,
        ends=ends,
        reason=reason.strip(),
    )
    said = {"kinds": window.kinds, "most_per_month": most_per_month, "starts": starts.isoformat(), "ends": ends.isoformat()}
    record("approvals.delegate", window, actor=actor, reason=window.reason, to=to, **said)
    first, last = f"{starts:%Y-%m-%d}", f"{ends:%Y-%m-%d}"
    words: dict[str, Any] = {"person": actor.user, "note": window.reason, "date": first, "until": last}
    notify([to], "delegated", target=window, actor=actor, **words)
    return window


@transaction.atomic
def end_delegation(window: Delegation, *, actor: Actor) -> Delegation:
    """End it now: who gave it, or give it back: who has it. Over already, nothing changes; votes given stay."""
    require_fresh(actor)
    rows = Delegation.objects.select_for_update(of=("self",)).select_related("organization", "delegator", "delegate")
    found: Delegation | None = rows.filter(pk=window.pk).first()
    if found is None or actor.user.pk not in (found.delegator_id, found.delegate_id):
        raise NotFound
    if not may_now(actor, "vote"):
        raise Forbidden(_("Looking as another person does not allow writing."))
    if found.ended_at is not None or found.ends <= clock.now():
        return found
    found.ended_at, found.ended_by = clock.now(), actor.user
    found.save(update_fields=["ended_at", "ended_by"])
    record("approvals.end_delegation", found, actor=actor, to=found.delegate)
    people = [found.delegator, found.delegate]
    notify(people, "delegation_ended", target=found, actor=actor, person=found.delegator, who=found.delegate)
    return found


def check_delegates(organization: Scope, actor: Actor) -> None:
    """She is a person, as herself, and decides something there."""
    if not may_now(actor, "vote") or actor.user.kind_of_user != UserKind.PERSON:
        raise Forbidden(_("Only a person delegates, and only what she decides herself."))
    if not paths_within(organization, actor):
        raise Forbidden(
            _("You decide nothing in %(organization)s, so there is nothing to delegate.") % {"organization": organization}
        )


def paths_within(organization: Scope, actor: Actor) -> list[str]:
    """Where in an organization she decides."""
    return [path for path in paths_of(actor, "vote") if covers(str(organization.path), path)]


def check_words(organization: Scope, kinds: Sequence[str], most: Decimal | None, reason: str) -> None:
    """Kinds that there are, an amount that can be one, and a reason."""
    unknown = sorted(set(kinds) - set(every_kind()))
    if unknown:
        raise Invalid(fields={"kinds": [_("There is no kind %(name)s.") % {"name": unknown[0][:40]}]})
    if most is not None and not (most.is_finite() and 0 <= most <= LARGEST):
        raise Invalid(fields={"most_per_month": [_("Say an amount from 0 on.")]})
    if not reason.strip() or len(reason) > 500:
        raise Invalid(fields={"reason": [_("Say why, in at most 500 characters.")]})


def check_times(starts: datetime, ends: datetime, at: datetime) -> None:
    """It ends after it starts, at most 90 days later, and starts within a year."""
    if ends <= starts:
        raise Invalid(fields={"ends": [_("It ends after it starts, and not in the past.")]})
    if ends - starts > LONGEST:
        raise Invalid(fields={"ends": [_("At most 90 days. Delegate again when they are over.")]})
    if starts - at > AHEAD:
        raise Invalid(fields={"starts": [_("Choose a day within a year.")]})


def check_delegate(organization: Scope, to: User, actor: Actor) -> None:
    """Another active person of the organization, who sees something of what is decided."""
    if to.person_id == actor.person_id:
        raise Invalid(fields={"delegate": [_("This is you. Name somebody else.")]})
    rows = Assignment.objects.filter(held_by(to), in_force(), scope__path__within=organization.path)
    held = list(rows.values_list("scope__path", "role__permissions"))
    if not to.is_active or to.kind_of_user != UserKind.PERSON or not held:
        raise Invalid(
            fields={"delegate": [_("Nobody in %(place)s is known by exactly this name.") % {"place": organization}]}
        )
    seen = [str(path) for path, permissions in held if {"view_order", "vote"} & set(permissions)]
    mine = paths_within(organization, actor)
    if not any(covers(one, other) or covers(other, one) for one in seen for other in mine):
        said = _("%(person)s sees nothing of what you decide, so she could not. An admin can give her a role there.")
        raise Refused(said % {"person": to}, fields={"delegate": [said % {"person": to}]})


def check_alone(organization: Scope, delegator: User, kinds: Sequence[str], starts: datetime, ends: datetime) -> None:
    """No other window of hers speaks of the same kind at the same time: it stays clear who stands in."""
    others = Delegation.objects.filter(organization=organization, delegator=delegator, ended_at=None)
    others = others.filter(starts__lt=ends, ends__gt=starts).select_related("delegate").order_by("starts")
    same = others.filter(Q(kinds=[]) | Q(kinds__overlap=list(kinds))) if kinds else others
    other = same.first()
    if other:
        said: Any = {"person": other.delegate, "starts": f"{other.starts:%Y-%m-%d}", "ends": f"{other.ends:%Y-%m-%d}"}
        raise Conflict(_("%(person)s stands in for you from %(starts)s to %(ends)s already. End that first.") % said)


def check_few(to: User, at: datetime) -> None:
    """Nobody stands in for a whole house."""
    if Delegation.objects.filter(delegate=to, ended_at=None, ends__gt=at).count() >= MOST_FOR_ONE:
        raise Refused(_("%(person)s stands in for %(most)s people already.") % {"person": to, "most": MOST_FOR_ONE})
