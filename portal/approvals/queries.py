"""Approvals and policies that a person may see, what waits for her, and the policies in force somewhere."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import (
    BooleanField,
    Count,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    Model,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import GreaterThanOrEqual

from portal.access.models import Assignment, GroupMember, Scope, ScopeShare
from portal.access.resolver import in_force, paths_of, permissions_of, scope_ids
from portal.approvals.models import (
    Approval,
    Comment,
    Delegation,
    File,
    Policy,
    Question,
    Stage,
    StageState,
    State,
    Vote,
)
from portal.approvals.routes import Rule, read_conditions, read_stages
from portal.approvals.standing_in import spoken_of, windows_of, with_amount
from portal.core import clock
from portal.core.errors import NotFound
from portal.users.actor import Actor
from portal.users.models import User

Ask = TypeVar("Ask", bound=Model)
ADMIN = "manage_members"
SETTLED = timedelta(days=7)  # after which a role that somebody gave makes deciders of what she asks for as well


def approvals_visible_to(actor: Actor) -> QuerySet[Approval]:
    """What she may see: approvals of scopes whose orders she sees or decides, and whatever she asked for, newest first."""
    seen = Q(scope__in=scope_ids(actor, "view_order") | scope_ids(actor, "vote"))
    if actor.is_system:
        seen = Q()
    elif actor.narrowed_to is None:
        seen |= is_party(actor.person_id)
    rows = Approval.objects.filter(seen).select_related("scope", "requester", "beneficiary")
    return rows.order_by("-created_at", "-id")


def approval_visible_to(actor: Actor, pk: UUID | str) -> Approval:
    """One approval, or NotFound."""
    found = approvals_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def inbox_count(actor: Actor) -> int:
    """How many things wait for her own vote; nothing is asked where she votes nowhere."""
    return own_inbox_of(actor).count() if "vote" in permissions_of(actor) else 0


def inbox_of(actor: Actor) -> QuerySet[Approval]:
    """What waits for her vote, on her own seat or on one delegated to her, what is due first on top.

    Exactly what `vote` would take from her.
    """
    return _waiting(actor, _hers(actor) | _delegated(actor))


def own_inbox_of(actor: Actor) -> QuerySet[Approval]:
    """Of those, what waits for her in her own right."""
    return _waiting(actor, _hers(actor))


def delegated_inbox_of(actor: Actor) -> QuerySet[Approval]:
    """Of those, what waits for her only because somebody delegated it."""
    return _waiting(actor, _delegated(actor) & ~_hers(actor))


def overdue_for(actor: Actor) -> QuerySet[Approval]:
    """What waits past its time, or was raised to the admins above, where she decides or gives roles; what is due first on top."""
    rows = with_amount(Approval.objects.filter(_late(actor), state=State.WAITING))
    return rows.select_related("scope", "requester", "beneficiary").order_by("decision_due", "id")


def with_waits(approvals: QuerySet[Approval]) -> QuerySet[Approval]:
    """The rows, each saying whether it waits for an answer (`asks`)."""
    asked = Question.objects.filter(approval=OuterRef("pk"), ended_at=None, stage__state=StageState.OPEN)
    return approvals.annotate(asks=Exists(asked))


def inbox_counts(actor: Actor) -> dict[str, int]:
    """How many things wait in each part of her inbox: `mine`, `delegated`, `overdue`."""
    apart = ~is_party(actor.person_id)
    counts: dict[str, int] = with_amount(Approval.objects.filter(state=State.WAITING)).aggregate(
        mine=Count("pk", filter=_hers(actor) & apart),
        delegated=Count("pk", filter=_delegated(actor) & ~_hers(actor) & apart),
        overdue=Count("pk", filter=_late(actor)),
    )
    return counts


def files_of(approval: Approval) -> QuerySet[File]:
    """The files that belong to it now, oldest first."""
    rows = File.objects.filter(approval=approval, removed_at=None)
    return rows.select_related("put_by").order_by("created_at", "id")


def comments_of(approval: Approval) -> QuerySet[Comment]:
    """What was said, oldest first."""
    return Comment.objects.filter(approval=approval).select_related("author").order_by("created_at", "id")


def questions_of(approval: Approval) -> list[Question]:
    """What was asked before deciding, oldest first."""
    people = ("stage", "asked_by", "asked_of", "answered_by")
    rows = list(Question.objects.filter(approval=approval).select_related(*people).order_by("created_at", "id"))
    for row in rows:
        row.approval = approval
    return rows


def question_of(approval: Approval, pk: UUID | str) -> Question:
    """One of them, or NotFound."""
    found = next((row for row in questions_of(approval) if str(row.pk) == str(pk)), None)
    if found is None:
        raise NotFound
    return found


def stage_of(approval: Approval, pk: UUID | str) -> Stage:
    """One stage of it, or NotFound."""
    found: Stage | None = Stage.objects.filter(approval=approval, pk=pk).select_related("place").first()
    if found is None:
        raise NotFound
    return found


def similar(approval: Approval, *, actor: Actor, most: int = 5) -> QuerySet[Approval]:
    """The last decisions on the same kind of thing in the same scope, as far as she may see them."""
    decided = approvals_visible_to(actor).filter(
        subject_kind=approval.subject_kind,
        scope=approval.scope_id,
        state__in=(State.APPROVED, State.DENIED, State.ALLOWED),
    )
    return decided.exclude(pk=approval.pk).order_by("-settled_at")[:most]


def votes_of(actor: Actor) -> QuerySet[Vote]:
    """What she decided and what still counts, newest first."""
    mine = Vote.objects.filter(person=actor.person_id, void=False)
    return mine.select_related("approval__scope").order_by("-created_at", "-id")


def delegations_of(actor: Actor) -> QuerySet[Delegation]:
    """What she delegated and what was delegated to her, newest first."""
    hers = Q(delegator=actor.user) | Q(delegate=actor.user)
    rows = Delegation.objects.filter(hers).select_related("organization", "delegator", "delegate", "ended_by")
    return rows.order_by("-created_at", "-id")


def delegation_of(actor: Actor, pk: UUID | str) -> Delegation:
    """One of them, or NotFound."""
    found = delegations_of(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def organizations_to_delegate_in(actor: Actor) -> list[Scope]:
    """The organizations in which she decides something."""
    roots = {path.split(".")[0] for path in paths_of(actor, "vote")}
    return list(Scope.objects.filter(path__in=roots).order_by("name", "pk"))


def organization_to_delegate_in(actor: Actor, pk: UUID | str) -> Scope:
    """One of them, though she may not see the whole of it; or NotFound."""
    found = next((each for each in organizations_to_delegate_in(actor) if str(each.pk) == str(pk)), None)
    if found is None:
        raise NotFound
    return found


def approval_of(subject_kind: str, subject_id: Any) -> Approval | None:
    """The latest approval of a subject."""
    found = Approval.objects.filter(subject_kind=subject_kind, subject_id=str(subject_id))
    return found.select_related("scope", "requester", "beneficiary").order_by("-created_at", "-id").first()


def has_file(approval: Approval) -> bool:
    """Whether a file belongs to it now: what a stage that asks for evidence wants before anybody approves."""
    return File.objects.filter(approval=approval, removed_at=None).exists()


def with_decisions(kind: str, asks: Iterable[Ask], *, actor: Actor) -> list[tuple[Ask, Approval | None]]:
    """Each ask of a kind with its approval, where she may see that; nothing is asked where there are none."""
    rows = list(asks)
    if not rows:
        return []
    found = approvals_visible_to(actor).filter(subject_kind=kind, subject_id__in=[str(row.pk) for row in rows])
    decisions = {each.subject_id: each for each in found.order_by("created_at")}
    return [(row, decisions.get(str(row.pk))) for row in rows]


def is_party(person_id: Any) -> Q:
    """She asked for it or it is for her, under any account of hers; the twin of `eligibility.apart_of`."""
    asked = Q(requester=person_id) | Q(requester__owner=person_id, requester__owner__isnull=False)
    meant = Q(beneficiary=person_id) | Q(beneficiary__owner=person_id, beneficiary__owner__isnull=False)
    return asked | (Q(beneficiary__isnull=False) & meant) | Q(apart__contains=[person_id])


def rules_for(subject_kind: str, scope: Scope, at: datetime) -> list[Rule]:
    """The policy versions in force at a moment for one kind of act at a scope: its own and those above it."""
    return rules_of(subject_kind, [UUID(label) for label in str(scope.path).split(".")], at)


def rules_of(subject_kind: str, scopes: Sequence[UUID], at: datetime) -> list[Rule]:
    """The same for a place by the ids from its organization down to it, as they were then."""
    rows = Policy.objects.filter(subject_kind=subject_kind, scope__in=scopes, starts__lte=at)
    rows = rows.filter(Q(ends=None) | Q(ends__gt=at))
    return [rule_of(row, depth=scopes.index(row.scope_id)) for row in rows]


def rule_of(policy: Policy, *, depth: int) -> Rule:
    """The policy version as the pure core reads it; `depth` is that of its scope below the organization."""
    return Rule(
        id=str(policy.pk),
        name=policy.name,
        version=policy.version,
        depth=depth,
        conditions=read_conditions(policy.conditions),
        stages=read_stages(policy.stages),
    )


def places_of_rules(subject_kind: str, scopes: Iterable[Scope], at: datetime) -> set[str]:
    """The paths of those scopes, or of scopes above them, where a policy has a say on one kind of act."""
    above = {UUID(label) for scope in scopes for label in str(scope.path).split(".")}
    rows = Policy.objects.filter(subject_kind=subject_kind, scope__in=above, starts__lte=at).filter(
        Q(ends=None) | Q(ends__gt=at)
    )
    return set(rows.values_list("scope__path", flat=True))


def _waiting(actor: Actor, takes: Q) -> QuerySet[Approval]:
    waiting = with_amount(Approval.objects.filter(state=State.WAITING)).filter(takes, ~is_party(actor.person_id))
    return waiting.select_related("scope", "requester", "beneficiary").order_by("decision_due", "id")


def _hers(actor: Actor) -> Q:
    return Q(_has_seat(actor.user, (actor.person_id,)), _votes_at(actor.user), scope__in=scope_ids(actor, "vote"))


def _delegated(actor: Actor) -> Q:
    """The seats of those who delegated theirs to her, where the window speaks of it; the twin of `seats.open_seat`."""
    found = Q(pk__in=())
    for window in windows_of(actor):
        holder = window.delegator
        seat = Q(_has_seat(holder, (holder.pk, actor.person_id))) & _votes_at(holder) & ~is_party(holder.pk)
        found |= seat & spoken_of(window, actor)
    return found


def _late(actor: Actor) -> Q:
    raised = Stage.objects.filter(approval=OuterRef("pk"), state=StageState.OPEN, raised_from__isnull=False)
    places = scope_ids(actor, "vote") | scope_ids(actor, ADMIN)
    return Q(scope__in=places) & (Q(decision_due__lte=clock.now()) | Q(Exists(raised)))


def _has_seat(user: User, names: Collection[Any]) -> Exists:
    """A stage is open that picks this account, and none of these people had a say that would make it count twice."""
    heard = Vote.objects.filter(Q(person__in=names) | Q(seat__in=names), void=False)
    stages = Stage.objects.alias(role_named=KT("who__role"), group_named=KT("who__group"), groups_named=F("who__groups"))
    seats = stages.filter(
        _seated(user),
        ~Exists(heard.filter(stage=OuterRef("pk"))),
        Q(again=True) | ~Exists(heard.filter(approval=OuterRef("approval"))),
        approval=OuterRef("pk"),
        state=StageState.OPEN,
    )
    return Exists(seats)


def _seated(user: User) -> Any:
    """The stages that pick this account, as one condition: the twin of `eligibility.accounts_for`."""
    held = _held(user, "approval__").filter(scope__path__above=OuterRef("place__path"))
    groups = _joined(user, "approval__").annotate(word=Cast("group", TextField()))
    seats: Any = Q(who__pick="named", who__people__contains=[str(user.pk)])
    seats |= Q(who__pick="owner", place__owner=user)
    seats |= Q(who__pick="group") & Exists(groups.filter(word=OuterRef("group_named")))
    seats |= Q(who__pick="groups") & Exists(groups.filter(_is_among(F("word"), OuterRef("groups_named"))))
    seats |= Q(who__pick="voters") & Exists(held.filter(role__permissions__contains=["vote"]))
    seats |= Q(who__pick="admins") & Exists(held.filter(role__permissions__contains=[ADMIN]))
    return seats | Q(who__pick="role") & Exists(held.filter(role__key=OuterRef("role_named")))


def _votes_at(user: User) -> Any:
    """She may vote where the approval is, and not only by what its own parties gave her just for that."""
    held = _held(user, "").filter(role__permissions__contains=["vote"], scope__path__above=OuterRef("scope__path"))
    shared = ScopeShare.objects.filter(
        ~_by_hand("granted_by", "created_at", ""),
        user=user,
        permission__codename="vote",
        expires__gt=clock.now(),
        content_object__path__above=OuterRef("scope__path"),
    )
    return Q(Exists(held)) | Q(Exists(shared))


def _held(user: User, approval: str) -> QuerySet[Assignment]:
    """Her assignments in force, without those that the approval's parties made for the occasion; `approval` leads to it."""
    by_group = Exists(_joined(user, approval, deeper=True).filter(group=OuterRef("group")))
    mine = Q(user=user) | Q(by_group)
    return Assignment.objects.filter(in_force(), mine, ~_by_hand("granted_by", "granted_at", approval))


def _joined(user: User, approval: str, *, deeper: bool = False) -> QuerySet[GroupMember]:
    return GroupMember.objects.filter(~_by_hand("added_by", "added_at", approval, deeper=deeper), user=user)


def _by_hand(by: str, at: str, approval: str, *, deeper: bool = False) -> Any:
    """One of the approval's parties gave it, a week before it was asked or later: the twin of `eligibility.Hands`."""

    def of(name: str) -> Any:
        return OuterRef(OuterRef(f"{approval}{name}")) if deeper else OuterRef(f"{approval}{name}")

    person = Coalesce(F(f"{by}__owner"), F(by))
    gave = Func(person, of("apart"), template="%(expressions)s)", arg_joiner=" = ANY(", output_field=BooleanField())
    recent = GreaterThanOrEqual(F(at), ExpressionWrapper(of("created_at") - SETTLED, output_field=DateTimeField()))
    return Q(Coalesce(gave, Value(False))) & Q(recent)


def _is_among(word: Any, texts: Any) -> Any:
    """Whether a JSON list has this text."""
    return Func(texts, word, function="jsonb_exists", output_field=BooleanField())
