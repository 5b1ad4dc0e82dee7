"""The working hours of a place: which calendar holds there, and how an admin sets one."""

from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, JSONObject
from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Scope, ScopeKind
from portal.access.queries import chain_of
from portal.access.resolver import scope_ids
from portal.approvals.hours import Hours
from portal.approvals.models import Calendar
from portal.core.errors import Invalid, NotFound
from portal.core.models import new_id
from portal.events.services import record
from portal.users.actor import Actor

USUAL = "default"
MOST_HOLIDAYS = 400


def work_of(scope: Scope) -> Hours:
    """The working hours of a place: its own calendar, else that of the nearest place above, else Monday to Friday, 9 to 17.

    The hours are read in the place's own zone.
    """
    chosen = (one.calendar for one in reversed(chain_of(scope)))
    key = next((key for key in chosen if key != USUAL), USUAL)
    found = Calendar.objects.filter(scope__path__above=scope.path, key=key).first()
    return hours_of(found, scope.zone) if found else Hours(zone=scope.zone)


def hours_of(calendar: Calendar, zone: str) -> Hours:
    """The calendar as the pure core counts with it."""
    return Hours(frozenset(calendar.days), calendar.begins, calendar.ends, zone, frozenset(calendar.holidays))


def with_weeks(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Rows of things in a scope, each with the `week` that is worked there, None where that is the usual one of the house.

    The twin of `work_of` for many; `hours_of_week` reads it.
    """
    chosen = Scope.objects.filter(path__above=OuterRef(OuterRef("scope__path"))).exclude(calendar=USUAL)
    depth = Func(F("path"), function="nlevel", output_field=IntegerField())
    nearest = Subquery(chosen.order_by(depth.desc()).values("calendar")[:1])
    found = Calendar.objects.filter(scope__path__above=OuterRef("scope__path"), key=Coalesce(nearest, Value(USUAL)))
    week = JSONObject(id="id", days="days", begins="begins", ends="ends", holidays="holidays")
    annotated: QuerySet[Any] = rows.annotate(week=Subquery(found.values(week=week)[:1]))
    return annotated


def hours_of_week(week: Mapping[str, Any] | None, zone: str) -> Hours:
    """A `week` as the pure core counts with it."""
    if week is None:
        return Hours(zone=zone)
    begins, ends = time.fromisoformat(week["begins"]), time.fromisoformat(week["ends"])
    return Hours(frozenset(week["days"]), begins, ends, zone, frozenset(map(date.fromisoformat, week["holidays"])))


def calendars_visible_to(actor: Actor) -> QuerySet[Calendar]:
    """The calendars that hold, or could be chosen, where she manages policies; the usual ones first, then by name."""
    usual = Case(When(key=USUAL, then=0), default=1, output_field=IntegerField())
    rows = Calendar.objects.select_related("scope").order_by(usual, "scope__name", "name", "pk")
    return rows if actor.is_system else rows.filter(scope__in=scope_ids(actor, "manage_policies", reach="up"))


def calendar_visible_to(actor: Actor, pk: UUID | str) -> Calendar:
    """One of them, or NotFound."""
    found = calendars_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def set_calendar(
    organization: Scope,
    name: str,
    *,
    days: Iterable[int],
    begins: time,
    ends: time,
    holidays: Iterable[date] = (),
    key: str = "",
    usual: bool = False,
    actor: Actor,
) -> Calendar:
    """Make a calendar of an organization, or with its `key` change it; what is due already stays due.

    The usual one, under the key "default", holds wherever no other was chosen. A new one is refused where its name is taken,
    a new usual one where there is one.
    """
    require(actor, "manage_policies", organization)
    if organization.scope_kind != ScopeKind.ORGANIZATION:
        raise Invalid(fields={"organization": [_("Calendars are those of an organization.")]})
    name, free = name.strip()[:120], sorted(set(holidays))
    if not name:
        raise Invalid(fields={"name": [_("A calendar needs a name.")]})
    key = key or _new_key(organization, name, usual=usual)
    if len(free) > MOST_HOLIDAYS:
        raise Invalid(fields={"holidays": [_("At most %(most)s days.") % {"most": MOST_HOLIDAYS}]})
    try:
        week = Hours(frozenset(days), begins, ends)
    except ValueError as error:
        field = "days" if begins < ends else "ends"
        raise Invalid(fields={field: [_("One working day at least, that begins before it ends.")]}) from error
    calendar, _made = Calendar.objects.update_or_create(
        scope=organization,
        key=key,
        defaults={
            "name": name,
            "days": sorted(week.days),
            "begins": begins,
            "ends": ends,
            "holidays": free,
        },
    )
    record("approvals.set_calendar", calendar, actor=actor, days=calendar.days, begins=begins, ends=ends, holidays=free)
    return calendar


@transaction.atomic
def choose_calendar(scope: Scope, key: str, *, actor: Actor) -> Scope:
    """Let a place and what is below it work by one of its organization's calendars; "default" takes that of above."""
    require(actor, "manage_policies", scope)
    if key != USUAL and not Calendar.objects.filter(scope__path__above=scope.path, key=key).exists():
        raise Invalid(fields={"calendar": [_("There is no such calendar.")]})
    if scope.calendar != key:
        scope.calendar = key
        scope.save(update_fields=["calendar"])
        record("approvals.choose_calendar", scope, actor=actor, calendar=key)
    return scope


def _new_key(organization: Scope, name: str, *, usual: bool) -> str:
    """The key of a calendar to be made: of its name where that has letters to make one from. The organization's row is locked."""
    Scope.objects.select_for_update().get(pk=organization.pk)
    key = USUAL if usual else slugify(name)[:40].strip("-") or f"calendar-{new_id().hex[-12:]}"
    there = Calendar.objects.filter(scope=organization)
    if usual and there.filter(key=USUAL).exists():
        raise Invalid(fields={"usual": [_("There is a usual one already. Change that calendar.")]})
    if (key == USUAL and not usual) or there.filter(Q(key=key) | Q(name__iexact=name)).exists():
        raise Invalid(fields={"name": [_("This name is taken. Change that calendar, or choose another name.")]})
    return key
