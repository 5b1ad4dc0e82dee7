"""How decisions go: what was asked and what became of it, how long it took, who decided, and what waits longest."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.db.models import (
    Aggregate,
    Case,
    CharField,
    Count,
    DurationField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast

from portal.access.resolver import permissions_of
from portal.approvals.calendars import hours_of_week, with_weeks
from portal.approvals.hours import Hours, hours_between
from portal.approvals.models import OPEN, Approval, Choice, Stage, StageState, State, Vote
from portal.approvals.queries import approvals_visible_to
from portal.core import clock
from portal.core.errors import NotFound
from portal.users.actor import Actor

DAYS = (30, 90)
TOLD = frozenset({"vote", "manage_policies"})
MOST_DECIDERS, MOST_SLOW, MOST_WORKED = 50, 10, 1000
HIGH = 0.9
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Span:
    """How long something took in hours: at the median, and what nine of ten did not exceed. None where nothing did."""

    median: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of what was asked: of one kind, or of all where `kind` is empty.

    Asked and allowed by a rule count by when they were asked; the rest by when it happened; `waiting` and `overdue` are of now.
    `took` is the time from asked to approved or denied, whatever happened between; `worked` the same in working hours of the
    place, over the last MOST_WORKED; `stage` how long one stage was open that people decided.
    """

    kind: str = ""
    asked: int = 0
    allowed: int = 0
    approved: int = 0
    denied: int = 0
    returned: int = 0
    withdrawn: int = 0
    expired: int = 0
    waiting: int = 0
    overdue: int = 0
    took: Span = Span()
    worked: Span = Span()
    stage: Span = Span()

    @property
    def decided(self) -> int:
        return self.approved + self.denied

    @property
    def allowed_share(self) -> float | None:
        """The share of what was asked that a rule allowed, from 0 to 1."""
        return self.allowed / self.asked if self.asked else None

    @property
    def is_empty(self) -> bool:
        """Nothing was asked, nothing ended, nothing waits."""
        return not (self.asked or self.decided or self.returned or self.withdrawn or self.expired or self.waiting)


@dataclass(frozen=True, slots=True)
class Decider:
    """How often one person voted so that it counted or returned something, and how long after the stage had opened."""

    id: UUID
    name: str
    votes: int
    approved: int
    denied: int
    returned: int
    took: Span


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of the last so many days: of all, by kind, by decider; and what waits longest in its stage now."""

    days: int
    since: datetime
    whole: Figures
    kinds: Sequence[Figures]
    deciders: Sequence[Decider]
    slowest: Sequence[Approval]


class Percentile(Aggregate):
    """PostgreSQL's percentile_cont of lengths of time: interpolated between the two nearest ones."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    name = "Percentile"

    def __init__(self, length: Any, share: float, **extra: Any) -> None:
        super().__init__(length, share=share, output_field=DurationField(), **extra)


def statistics_for(actor: Actor, *, days: int = DAYS[0], kind: str = "", within: str = "") -> Statistics:
    """The figures of what she may see, of one kind and at or below a place (its path) where those are given.

    For who decides or makes the policies somewhere; NotFound for anybody else. As many queries whatever there is.
    """
    if not (actor.is_system or TOLD & permissions_of(actor)):
        raise NotFound
    now = clock.now()
    since, rows = now - timedelta(days=days), approvals_visible_to(actor)
    if kind:
        rows = rows.filter(subject_kind=kind)
    if within:
        rows = rows.filter(scope__path__within=within)
    bare = rows.order_by().select_related(None)
    counted = _figures(bare, since, now)
    deciders, stages = _deciders_and_stages(bare, since)
    worked = _worked(bare, since)
    whole, *kinds = [
        replace(counted[name], worked=worked.get(name, Span()), stage=stages.get(name, Span()))
        for name in sorted(counted, key=lambda name: (name != "", -counted[name].asked, name))
    ]
    return Statistics(days, since, whole, [each for each in kinds if not each.is_empty], deciders, _slowest(rows))


def percentile(lengths: Iterable[float], share: float) -> float | None:
    """What percentile_cont says of these numbers; None of none."""
    ordered = sorted(lengths)
    if not ordered:
        return None
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def _figures(rows: QuerySet[Approval], since: datetime, now: datetime) -> dict[str, Figures]:
    """By kind, and of all under the empty name: one query."""
    told = Vote.objects.filter(approval=OuterRef("pk"), choice=Choice.RETURN, created_at__gte=since)
    ended, took = Q(settled_at__gte=since), F("settled_at") - F("created_at")
    decided = ended & Q(state__in=(State.APPROVED, State.DENIED))
    measures: dict[str, Any] = {
        "asked": Count("pk", filter=Q(created_at__gte=since)),
        "allowed": Count("pk", filter=Q(state=State.ALLOWED, created_at__gte=since)),
        "approved": Count("pk", filter=ended & Q(state=State.APPROVED)),
        "denied": Count("pk", filter=ended & Q(state=State.DENIED)),
        "returned": Count("pk", filter=Q(Exists(told))),
        "withdrawn": Count("pk", filter=ended & Q(state=State.WITHDRAWN)),
        "expired": Count("pk", filter=ended & Q(state=State.EXPIRED)),
        "waiting": Count("pk", filter=Q(state=State.WAITING)),
        "overdue": Count("pk", filter=Q(state=State.WAITING, decision_due__lte=now)),
        "median": Percentile(took, 0.5, filter=decided),
        "high": Percentile(took, HIGH, filter=decided),
    }
    rows = rows.filter(Q(created_at__gte=since) | ended | Q(state__in=OPEN))
    by_kind = rows.values(of=F("subject_kind")).annotate(**measures)
    whole = rows.values(of=Value("", CharField())).annotate(**measures)
    found, counted = {"": Figures()}, cast("Iterable[dict[str, Any]]", by_kind.union(whole, all=True))
    for row in counted:
        name, took_them = row.pop("of"), _span(row.pop("median"), row.pop("high"))
        found[name] = Figures(kind=name, took=took_them, **row)
    return found


def _deciders_and_stages(rows: QuerySet[Approval], since: datetime) -> tuple[list[Decider], Mapping[str, Span]]:
    """Who voted, the most busy first, and how long stages were open, by kind and of all: one query.

    A vote that was set aside is nobody's decision, but for the one that returned it and by that set all aside.
    """
    counts = Q(void=False) | Q(choice=Choice.RETURN)
    took, nothing = F("created_at") - F("stage__opened_at"), Value(0)
    name = Case(When(~Q(person__name=""), then=F("person__name")), default=F("person__username"), output_field=CharField())
    votes = (
        Vote.objects.filter(counts, approval__in=rows.values("pk"), created_at__gte=since)
        .order_by()
        .values(what=Value("vote", CharField()), of=Cast("person", TextField()), word=name)
        .annotate(
            count=Count("pk"),
            approved=Count("pk", filter=Q(choice=Choice.APPROVE)),
            denied=Count("pk", filter=Q(choice=Choice.DENY)),
            returned=Count("pk", filter=Q(choice=Choice.RETURN)),
            median=Percentile(took, 0.5),
            high=Percentile(took, HIGH),
        )
        .order_by("-count", "word", "of")[:MOST_DECIDERS]
    )
    against = Vote.objects.filter(Q(choice=Choice.RETURN) | Q(choice=Choice.DENY, void=False), stage=OuterRef("pk"))
    done = Stage.objects.filter(Q(state=StageState.DONE) | Q(Exists(against)), approval__in=rows.values("pk"))
    done = done.filter(opened_at__isnull=False, ended_at__gte=since, by_time=False)
    lay = F("ended_at") - F("opened_at")
    stages = [
        done.order_by()
        .values(what=Value("stage", CharField()), of=of, word=Value("", CharField()))
        .annotate(
            count=Count("pk"),
            approved=nothing,
            denied=nothing,
            returned=nothing,
            median=Percentile(lay, 0.5),
            high=Percentile(lay, HIGH),
        )
        for of in (Cast("approval__subject_kind", TextField()), Value("", TextField()))
    ]
    people, waits = [], {}
    for row in cast("Iterable[dict[str, Any]]", votes.union(*stages, all=True)):
        what, of, word, span = row.pop("what"), row.pop("of"), row.pop("word"), _span(row.pop("median"), row.pop("high"))
        if what == "vote":
            people.append(Decider(id=UUID(of), name=word, votes=row.pop("count"), took=span, **row))
        else:
            waits[of] = span
    return sorted(people, key=lambda each: (-each.votes, each.name)), waits


def _worked(rows: QuerySet[Approval], since: datetime) -> dict[str, Span]:
    """The working hours from asked to decided, by kind and of all, each by the calendar and in the zone of its place."""
    decided = rows.filter(settled_at__gte=since, state__in=(State.APPROVED, State.DENIED)).order_by("-settled_at")
    columns = ("subject_kind", "created_at", "settled_at", "scope__zone", "week")
    lengths: dict[str, list[float]] = defaultdict(list)
    known: dict[tuple[str, str], Hours] = {}
    for kind, asked, settled, zone, week in with_weeks(decided).values_list(*columns)[:MOST_WORKED]:
        place = (week["id"] if week else "", zone)
        if place not in known:
            known[place] = hours_of_week(week, zone)
        hours = hours_between(asked, settled, known[place])
        lengths[kind].append(hours)
        lengths[""].append(hours)
    return {name: Span(percentile(each, 0.5), percentile(each, HIGH)) for name, each in lengths.items()}


def _slowest(rows: QuerySet[Approval]) -> list[Approval]:
    """What waits for a decision, what lies longest in its stage first; each with `opened_at`, when that stage began."""
    stages = Stage.objects.filter(approval=OuterRef("pk"), state=StageState.OPEN).order_by("opened_at")
    waiting = rows.filter(state=State.WAITING).select_related(None).select_related("scope")
    waiting = waiting.annotate(opened_at=Subquery(stages.values("opened_at")[:1]))
    return list(waiting.order_by(F("opened_at").asc(nulls_last=True), "id")[:MOST_SLOW])


def _span(median: timedelta | None, high: timedelta | None) -> Span:
    return Span(*(None if each is None else each / HOUR for each in (median, high)))
