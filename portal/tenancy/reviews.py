"""Access reviews: begin one, keep or revoke what it lists, close it, and hand it on as a record."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh, scope_ids
from portal.access.models import Assignment, Scope
from portal.access.resolver import scope_id_of
from portal.access.shares import key_of, keys_within, live_keys, loaded, share_keyed
from portal.approvals.eligibility import accounts_holding
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError
from portal.events.services import record
from portal.notices.services import notify
from portal.tenancy.models import Review, ReviewItem, Verdict
from portal.tenancy.services import clean_name, end_assignment
from portal.tenancy.sharing import end_share
from portal.users.actor import Actor
from portal.users.models import User

SHORTEST, LONGEST = timedelta(days=1), timedelta(days=180)
REMINDED = timedelta(days=3)
LONGEST_REASON = 2000
COLUMNS = ("who", "account", "holds", "of", "at", "source", "since", "until", "verdict", "reason", "decided_by", "decided_at")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item that was not decided as asked, and why."""

    item: ReviewItem
    why: str


def reviews_visible_to(actor: Actor) -> Any:
    """The reviews of scopes whose people she manages, open ones first, with how many items each has and are undecided."""
    counted = {"items_count": Count("items"), "open_count": Count("items", filter=Q(items__verdict=""))}
    found = Review.objects.visible_to(actor).select_related("scope", "started_by").annotate(**counted)
    return found.order_by(F("closed_at").desc(nulls_first=True), "due", "pk")


def review_of(actor: Actor, pk: UUID | str) -> Review:
    """One of them, or NotFound."""
    review: Review | None = reviews_visible_to(actor).filter(pk=pk).first()
    if review is None:
        raise NotFound
    return review


def items_of(review: Review, actor: Actor) -> QuerySet[ReviewItem]:
    """What is looked through, of the scopes whose people she manages: undecided first, then by place and name."""
    found = ReviewItem.objects.filter(review=review, scope__in=scope_ids(actor, "manage_members"))
    ordered = found.order_by("verdict", "scope__path", "user__name", "group", "pk")
    return ordered.select_related("user", "scope", "decided_by")


@transaction.atomic
def start_review(scope: Scope, name: str, *, due: datetime, actor: Actor, ends_undecided: bool = False) -> Review:
    """Look through every role and share at a scope and below until a moment, one day to half a year away.

    One review of a scope is open at a time. Its admins are told.
    """
    require_fresh(actor)
    require(actor, "manage_members", scope)
    now = clock.now()
    if not now + SHORTEST - timedelta(hours=1) <= due <= now + LONGEST + SHORTEST:
        raise Invalid(fields={"due": [_("Choose a day from tomorrow on, within half a year.")]})
    review = Review(scope=scope, name=clean_name(name), started_by=actor.user, due=due, ends_undecided=ends_undecided)
    try:
        with transaction.atomic():
            review.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("A review of %(scope)s is open already.") % {"scope": scope}) from error
    items = ReviewItem.objects.bulk_create(_listed(review, now), batch_size=1000)
    record("tenancy.start_review", review, actor=actor, items=len(items), due=due, ends_undecided=ends_undecided)
    notify(_admins(scope), "review_started", target=review, actor=actor, scope=scope, date=due.date())
    return review


@transaction.atomic
def decide(items: Sequence[ReviewItem], verdict: str, *, actor: Actor, reason: str = "") -> list[Refusal]:
    """Keep or revoke these items of one review; what may not be done is left as it is and named. Revoking says why, and what
    it ends holds no more at the very next request. Kept may be revoked later while the review is open, revoked is revoked.
    """
    require_fresh(actor)
    reason = " ".join(reason.split())
    if verdict not in (Verdict.KEEP, Verdict.REVOKE):
        raise Invalid(fields={"verdict": [_("Keep or revoke.")]})
    if (verdict == Verdict.REVOKE and not reason) or len(reason) > LONGEST_REASON or "\x00" in reason:
        raise Invalid(fields={"reason": [_("Say why, in at most 2,000 characters; it is kept with the review.")]})
    if not items:
        raise Invalid(_("Choose at least one."), fields={})
    review = Review.objects.select_for_update().get(pk=items[0].review_id)
    if not review.is_open:
        raise Conflict(_("This review is closed."))
    refused = []
    asked = [item.pk for item in items if item.review_id == review.pk]
    for item in ReviewItem.objects.filter(pk__in=asked).select_related("scope", "user").order_by("pk"):
        try:
            with transaction.atomic():
                _decide(item, verdict, reason, actor)
        except PortalError as error:
            refused.append(Refusal(item, str(error)))
    return refused


@transaction.atomic
def close_review(review: Review, *, actor: Actor) -> Review:
    """End it before its day, when everything is decided; Conflict while something is not. Closed already, nothing changes."""
    require(actor, "manage_members", review)
    review = Review.objects.select_for_update().get(pk=review.pk)
    if not review.is_open:
        return review
    _note_ended(review)
    left = ReviewItem.objects.filter(review=review, verdict="").count()
    if left:
        raise Conflict(_("%(count)s are not decided yet.") % {"count": left})
    return _close(review, actor)


def due_reviews(now: datetime) -> QuerySet[Review]:
    """Open reviews whose day has passed."""
    return Review.objects.filter(closed_at=None, due__lte=now).order_by("due")


@transaction.atomic
def close_overdue(review_id: UUID, *, actor: Actor) -> None:
    """Its day has passed: what nobody decided ends or stays, as it was begun, and the review is closed. Closed already, or its
    day not come, nothing changes. What may not end (the last organization admin, what a rule gives) stays, and says so.
    """
    review = Review.objects.select_for_update().get(pk=review_id)
    if not review.is_open or review.due > clock.now():
        return
    _note_ended(review)
    if review.ends_undecided:
        why = _("Nobody decided until the review was over.")
        for item in ReviewItem.objects.filter(review=review, verdict="").select_related("scope", "user"):
            try:
                with transaction.atomic():
                    _decide(item, Verdict.REVOKE, why, actor)
            except PortalError as error:
                item.reason = str(error)
                item.save(update_fields=["reason"])
    _close(review, actor)


@transaction.atomic
def remind(now: datetime, *, actor: Actor) -> int:
    """Tell the admins of reviews that are over within three days and not decided, once each; returns of how many."""
    soon = Review.objects.filter(closed_at=None, reminded_at=None, due__gt=now, due__lte=now + REMINDED)
    told = 0
    for review in soon.select_for_update(skip_locked=True):
        review.reminded_at = now
        review.save(update_fields=["reminded_at"])
        if ReviewItem.objects.filter(review=review, verdict="").exists():
            notify(
                _admins(review.scope), "review_due", target=review, actor=actor, scope=review.scope, date=review.due.date()
            )
            told += 1
    return told


def report(review: Review, actor: Actor) -> Iterator[tuple[object, ...]]:
    """One row for each item she may see, in COLUMNS; moments in UTC (ISO 8601)."""
    for item in items_of(review, actor).iterator(chunk_size=1000):
        yield (
            item.holder,
            item.user.username if item.user else "",
            item.gives,
            item.about,
            item.scope.name,
            item.source,
            item.since.isoformat(timespec="seconds"),
            item.expires.isoformat(timespec="seconds") if item.expires else "",
            item.verdict,
            item.reason,
            item.decided_by.username if item.decided_by else "",
            item.decided_at.isoformat(timespec="seconds") if item.decided_at else "",
        )


def _listed(review: Review, now: datetime) -> Iterator[ReviewItem]:
    """Every role and share at the scope and below that has not ended, whether it began yet or not."""
    lives = Q(expires=None) | Q(expires__gt=now)
    roles = Assignment.objects.filter(lives, scope__path__within=review.scope.path).select_related("role", "group")
    for row in roles:
        yield ReviewItem(
            review=review,
            thing=str(row.pk),
            user_id=row.user_id,
            group=row.group.name if row.group else "",
            gives=row.role.name,
            scope_id=row.scope_id,
            source=row.source,
            since=row.created_at,
            expires=row.expires,
        )
    for share in loaded(keys_within(review.scope)):
        thing = share.content_object
        yield ReviewItem(
            review=review,
            is_share=True,
            thing=key_of(share),
            user_id=share.user_id,
            gives=share.permission.codename,
            about="" if isinstance(thing, Scope) else str(thing),
            scope_id=scope_id_of(thing),
            since=share.created_at,
            expires=share.expires,
        )


def _decide(item: ReviewItem, verdict: str, reason: str, actor: Actor) -> None:
    require(actor, "manage_members", item.scope)
    if item.user and item.user.person_id == actor.person_id and not actor.is_system:
        raise Forbidden(_("Nobody reviews her own access; another admin does."))
    if item.verdict in (Verdict.REVOKE, Verdict.ENDED):
        if item.verdict != verdict:
            raise Conflict(_("This has ended already."))
        return
    thing = _thing(item)
    if thing is None:
        verdict, reason = Verdict.ENDED, ""
    elif verdict == Verdict.REVOKE:
        _revoke(item, thing, reason, actor)
    item.verdict, item.reason = verdict, reason
    item.decided_by, item.decided_at = None if verdict == Verdict.ENDED else actor.user, clock.now()
    item.save(update_fields=["verdict", "reason", "decided_by", "decided_at"])
    record("tenancy.review_access", item.review, actor=actor, reason=reason, verdict=verdict, item=item.pk, thing=item.thing)


def _revoke(item: ReviewItem, thing: Any, reason: str, actor: Actor) -> None:
    if item.comes_from_elsewhere:
        raise Conflict(_("A rule or SCIM gives this and would give it again: take the person out of the group there."))
    if item.is_share:
        end_share(thing, actor=actor)
    else:
        end_assignment(thing, actor=actor, reason=reason)


def _thing(item: ReviewItem) -> Any:
    """What the item speaks of, while it lives."""
    if item.is_share:
        return share_keyed(item.thing)
    return Assignment.objects.filter(pk=item.thing).first()


def _note_ended(review: Review) -> None:
    """Mark what ended by itself, or by somebody's hand, while it was under review."""
    waiting = ReviewItem.objects.filter(review=review, verdict="")
    now = clock.now()
    lives = Q(expires=None) | Q(expires__gt=now)
    roles = {
        str(pk)
        for pk in Assignment.objects.filter(lives, pk__in=_ids(waiting.filter(is_share=False))).values_list("pk", flat=True)
    }
    shares = live_keys(_ids(waiting.filter(is_share=True)))
    gone = [item.pk for item in waiting if item.thing not in (shares if item.is_share else roles)]
    ReviewItem.objects.filter(pk__in=gone).update(verdict=Verdict.ENDED, decided_at=now)


def _ids(items: QuerySet[ReviewItem]) -> list[str]:
    return list(items.values_list("thing", flat=True))


def _close(review: Review, actor: Actor) -> Review:
    review.closed_at = clock.now()
    review.save(update_fields=["closed_at"])
    found = ReviewItem.objects.filter(review=review).values_list("verdict").annotate(count=Count("pk"))
    counts = {verdict or "undecided": count for verdict, count in found}
    record("tenancy.close_review", review, actor=actor, **counts)
    return review


def _admins(scope: Scope) -> Iterable[User]:
    return User.objects.filter(pk__in=accounts_holding("manage_members", scope))
