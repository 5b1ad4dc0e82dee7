"""Break-glass: take a role at once in an emergency, for a few hours, and answer for it to two people afterwards.

Anybody who holds anything in an organization may, for what cannot wait finds her where she is: what keeps it honest is that
it is short, that every admin and approver of the place hears of it at once, and that two of them look at it afterwards. No
role that decides on what others ask for can be taken so, nor that of an organization admin.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.access.guard import require_fresh, scope_ids
from portal.access.models import Assignment, Role, Scope, ScopeState, Source
from portal.access.resolver import grants, in_force
from portal.approvals import services as approvals
from portal.approvals.eligibility import accounts_holding
from portal.approvals.models import Approval, Stage
from portal.approvals.queries import approval_of
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.notices.services import notify
from portal.tenancy.asking import check_asks, clean_text, holds_for_as_long
from portal.tenancy.asks import give_approved, is_of_organization
from portal.tenancy.models import BreakGlass, Finding
from portal.tenancy.services import check_open, end_assignment
from portal.users.actor import Actor
from portal.users.models import User, UserKind

BREAK_GLASS = "break_glass"
MOST_HOURS = 4
REVIEWERS = 2
NEVER = ("vote", "view_as")
ADMIN = "organization_admin"


def roles_to_take() -> list[Role]:
    """The built-in roles that may be taken so, by name."""
    roles = Role.objects.filter(scope=None).exclude(key=ADMIN).order_by("name")
    return [role for role in roles if not set(NEVER) & set(role.permissions)]


def place_to_take(actor: Actor, pk: UUID | str) -> Scope:
    """An open scope of an organization of hers; NotFound for every other."""
    found: Scope | None = Scope.objects.filter(pk=pk, state=ScopeState.ACTIVE).first()
    if found is None or not is_of_organization(actor, found):
        raise NotFound
    return found


def place_named(actor: Actor, words: str) -> Scope:
    """The open scope of hers that is called so: its name, or names from above down, "Retail / web". Invalid where none is.

    It is written out because a list would tell everybody in an organization what the others work on.
    """
    *above, name = (part.strip().casefold() for part in words.split("/"))
    roots = {path.split(".")[0] for path, _held in grants(actor)}
    nowhere = not roots or "\x00" in words
    rows = Scope.objects.filter(name__iexact=name, path__within_any=sorted(roots), state=ScopeState.ACTIVE)
    found = [] if nowhere else [scope for scope in rows if _lies_in(scope, above)]
    if len(found) > 1:
        raise Invalid(fields={"place": [_("Several are called so. Write what it lies in before it: Tenant / Project.")]})
    if not found:
        raise Invalid(fields={"place": [_("Nothing of your organization is called exactly so.")]})
    scope: Scope = found[0]
    return scope


@transaction.atomic
def break_glass(scope: Scope, role: Role, *, hours: int, reason: str, actor: Actor) -> BreakGlass:
    """Take a role at a scope now, for at most four hours; two people review it afterwards. Taken again, it is the same.

    Raises NotFound, Invalid, Forbidden, Conflict (a closed place, or she holds this role there), Refused (she may do all of
    it anyway, or there are no two people to review it).
    """
    require_fresh(actor)
    check_asks(actor)
    scope = place_to_take(actor, scope.pk)
    check_open(scope)
    if actor.user.kind_of_user != UserKind.PERSON:
        raise Forbidden(_("Only a person takes a role so."))
    if role.pk not in {each.pk for each in roles_to_take()}:
        raise Invalid(fields={"role": [_("Choose one of the roles offered.")]})
    if not 1 <= hours <= MOST_HOURS:
        raise Invalid(fields={"hours": [_("From 1 to %(most)s hours.") % {"most": MOST_HOURS}]})
    reason = clean_text("reason", reason)
    User.objects.select_for_update(no_key=True).get(pk=actor.user.pk)
    now = clock.now()
    running: BreakGlass | None = BreakGlass.objects.filter(
        user=actor.user, scope=scope, role=role, ended_at=None, expires__gt=now
    ).first()
    if running is not None:
        return running
    expires = now + timedelta(hours=hours)
    _check_needed(actor, role, scope, expires)
    taken: BreakGlass = BreakGlass.objects.create(scope=scope, role=role, user=actor.user, reason=reason, expires=expires)
    record("tenancy.break_glass", taken, actor=actor, reason=reason, role=role.key, expires=expires)
    title = _("Emergency: %(role)s in %(scope)s") % {"role": role.name, "scope": scope.name}
    review = approvals.ask(BREAK_GLASS, taken, actor=actor, scope=scope, title=title)
    if not Stage.objects.filter(approval=review, mode="quorum", needed__gte=REVIEWERS).exists():
        raise Refused(_("It takes two other people who may decide there to review it, and there are not so many."))
    give_approved(actor.user, role, scope, actor=Actor.system(actor.correlation_id), approval=review, expires=expires)
    actor.forget()
    _tell(
        taken, "glass_broken", review, actor=actor, role=role, scope=scope, date=f"{expires:%Y-%m-%d %H:%M} UTC", note=reason
    )
    return taken


@transaction.atomic
def end_break_glass(taken: BreakGlass, *, actor: Actor) -> BreakGlass:
    """Give back a role that she took, before its time; the review goes on. Over already, nothing changes. NotFound for others."""
    if taken.user_id != actor.user.pk or actor.narrowed_to is not None:
        raise NotFound
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    taken = BreakGlass.objects.select_for_update(of=("self",)).select_related("scope", "role", "user").get(pk=taken.pk)
    if taken.is_running:
        end(taken, actor=actor)
    return taken


@transaction.atomic
def end(taken: BreakGlass, *, actor: Actor, reason: str = "") -> None:
    """End the role at once, with all that was taken by it. The caller holds the row."""
    review = approval_of(BREAK_GLASS, taken.pk)
    held = Assignment.objects.filter(user=taken.user, role=taken.role, scope=taken.scope, source=Source.APPROVAL)
    given = held.filter(approval=str(review.pk)).select_related("scope", "role", "user").first() if review else None
    taken.ended_at = min(clock.now(), taken.expires)
    taken.save(update_fields=["ended_at"])
    record("tenancy.end_break_glass", taken, actor=actor, cause=review or "", reason=reason)
    if given is not None:
        end_assignment(given, actor=Actor.system(actor.correlation_id), reason=reason)
    actor.forget()


@transaction.atomic
def find(taken: BreakGlass, finding: Finding, *, actor: Actor) -> None:
    """What the review came to: confirmed, wrong (then the role ends at once), or not looked at in time."""
    taken.finding = finding
    taken.save(update_fields=["finding"])
    review = approval_of(BREAK_GLASS, taken.pk)
    record(f"tenancy.break_glass_{finding.value}", taken, actor=actor, cause=review or "")
    if finding == Finding.WRONG and taken.is_running:
        end(taken, actor=actor, reason=_("The review found it wrong."))
    if finding != Finding.CONFIRMED and review is not None:
        topic = "glass_wrong" if finding == Finding.WRONG else "glass_unreviewed"
        _tell(taken, topic, review, actor=actor, role=taken.role, scope=taken.scope)


def taken_visible_to(actor: Actor) -> Any:
    """What was taken where she manages members or decides, and what she took herself, newest first."""
    seen = Q(scope__in=scope_ids(actor, "manage_members") | scope_ids(actor, "vote"))
    if actor.narrowed_to is None:
        seen |= Q(user=actor.user)
    return BreakGlass.objects.filter(seen).select_related("scope", "role", "user")


def reviews_of(rows: list[BreakGlass]) -> dict[UUID, Approval]:
    """The review of each."""
    ids = [str(row.pk) for row in rows]
    found = Approval.objects.filter(subject_kind=BREAK_GLASS, subject_id__in=ids)
    return {UUID(review.subject_id): review for review in found}


def _check_needed(actor: Actor, role: Role, scope: Scope, expires: Any) -> None:
    if holds_for_as_long(actor.user, role, scope, expires):
        raise Refused(_("You may do all that a %(role)s does there already, for as long.") % {"role": role})
    mine = Assignment.objects.filter(in_force(), user=actor.user, role=role, scope=scope, source=Source.APPROVAL)
    if mine.exists():
        raise Conflict(_("You hold this role there until a moment that was decided on."))


def _tell(taken: BreakGlass, topic: str, review: Approval, *, actor: Actor, **words: Any) -> None:
    people = {*accounts_holding("manage_members", taken.scope), *accounts_holding("vote", taken.scope), taken.user_id}
    notify(User.objects.filter(pk__in=people), topic, target=review, actor=actor, **words)


def _lies_in(scope: Scope, above: list[str]) -> bool:
    if not above:
        return True
    ids = [UUID(label) for label in str(scope.path).split(".")[:-1]]
    names = {each.pk: each.name.casefold() for each in Scope.objects.filter(pk__in=ids)}
    return [names[pk] for pk in ids][-len(above) :] == above
