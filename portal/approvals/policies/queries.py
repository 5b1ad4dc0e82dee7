"""Policies and proposed changes that somebody may see, the versions of one, and what an editor offers."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from portal.access.models import Group, Scope
from portal.access.queries import roles_for, scopes_where
from portal.access.resolver import scope_ids
from portal.approvals.kinds import kinds
from portal.approvals.models import Approval, ChangeState, Policy, PolicyChange, PolicyState, Vote
from portal.approvals.policies.checks import people_there
from portal.approvals.policies.publishing import POLICY
from portal.approvals.queries import approvals_visible_to
from portal.core.errors import NotFound
from portal.users.actor import Actor
from portal.users.models import User

MOST_PLACES = 500


def policies_visible_to(actor: Actor) -> QuerySet[Policy]:
    """The policies in force that she may see, by scope, kind and name: those of scopes she sees, and those that bind scopes
    whose policies she manages.
    """
    return every_version(actor).filter(state=PolicyState.ACTIVE)


def every_version(actor: Actor) -> QuerySet[Policy]:
    """The same with the versions that are in force no more."""
    rows = Policy.objects.select_related("scope", "made_by")
    if not actor.is_system:
        seen = scope_ids(actor, "view_scope") | scope_ids(actor, "manage_policies", reach="up")
        rows = rows.filter(scope__in=seen)
    waiting = PolicyChange.objects.filter(
        state=ChangeState.WAITING,
        scope=OuterRef("scope"),
        subject_kind=OuterRef("subject_kind"),
        name=OuterRef("name"),
    )
    found: QuerySet[Policy] = rows.annotate(is_changing=Exists(waiting))
    return found.order_by("scope__path", "subject_kind", "name", "-version")


def retired_visible_to(actor: Actor) -> QuerySet[Policy]:
    """The last version of each policy that is in force no more."""
    rows = every_version(actor).annotate(
        place=Window(RowNumber(), partition_by=[F("scope"), F("subject_kind"), F("name")], order_by=F("version").desc())
    )
    return rows.filter(place=1, state=PolicyState.RETIRED)


def policy_visible_to(actor: Actor, pk: UUID | str) -> Policy:
    """One version of one policy, or NotFound."""
    found = every_version(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def current_of(policy: Policy) -> Policy | None:
    """The version of a policy that is in force; None where it is retired."""
    return versions_of(policy).filter(state=PolicyState.ACTIVE).first()


def versions_of(policy: Policy) -> QuerySet[Policy]:
    """All versions of a policy that she was shown, the last one first."""
    rows = Policy.objects.filter(scope=policy.scope_id, subject_kind=policy.subject_kind, name=policy.name)
    return rows.select_related("scope", "made_by").order_by("-version")


def changes_of(policy: Policy) -> QuerySet[PolicyChange]:
    """What was proposed of a policy that she was shown, the last first."""
    rows = PolicyChange.objects.filter(scope=policy.scope_id, subject_kind=policy.subject_kind, name=policy.name)
    return rows.select_related("scope", "asked_by", "replaces", "made").order_by("-created_at", "-pk")


def changes_visible_to(actor: Actor) -> QuerySet[PolicyChange]:
    """What is proposed, and was, in scopes whose policies she manages, the last first."""
    rows: QuerySet[PolicyChange] = PolicyChange.objects.visible_to(actor)
    return rows.select_related("scope", "asked_by", "replaces", "made").order_by("-created_at", "-pk")


def changes_waiting(actor: Actor, most: int = 20) -> list[PolicyChange]:
    """What waits for a decision, or for its day in sight of all, the last first."""
    return list(changes_visible_to(actor).filter(state=ChangeState.WAITING)[:most])


def votes_on(changes: Iterable[PolicyChange]) -> dict[str, list[Vote]]:
    """Who said what on changes that she was shown, by the id of the change."""
    found: dict[str, list[Vote]] = {}
    ids = [str(change.pk) for change in changes]
    rows = Vote.objects.filter(approval__subject_kind=POLICY, approval__subject_id__in=ids, void=False)
    for vote in rows.select_related("person", "approval"):
        found.setdefault(vote.approval.subject_id, []).append(vote)
    return found


def change_visible_to(actor: Actor, pk: UUID | str) -> PolicyChange:
    """One proposed change, for who manages policies there or votes there; else NotFound."""
    rows = PolicyChange.objects.visible_to(actor) | PolicyChange.objects.visible_to(actor, "vote")
    found: PolicyChange | None = rows.select_related("scope", "asked_by", "replaces", "made").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def places_for_policies(actor: Actor) -> Any:
    """The open scopes whose policies she manages, those nearest the root first."""
    return scopes_where(actor, "manage_policies")


def places_below(scope: Scope) -> Any:
    """A scope and what lies below it, in the order of the tree, as many as can be chosen from."""
    return Scope.objects.filter(path__within=scope.path).order_by("path")[:MOST_PLACES]


def roles_at(scope: Scope) -> list[tuple[str, str]]:
    """The roles that can be given at a scope, by key and name."""
    return list(roles_for(scope).values_list("key", "name"))


def groups_near(scope: Scope, actor: Actor) -> list[tuple[str, str]]:
    """The groups of the organization of a scope that she may see, by id and name."""
    rows = Group.objects.visible_to(actor).filter(scope__path__within=str(scope.path).split(".")[0])
    return [
        (str(pk), f"{name} ({place})") for pk, name, place in rows.order_by("name").values_list("pk", "name", "scope__name")
    ]


def people_named(names: list[str], scope: Scope) -> tuple[list[User], list[str]]:
    """The people of an organization by sign-in name or e-mail address, and the names nobody there has."""
    rows = User.objects.filter(Q(username__in=names) | Q(email__in=names), is_active=True)
    there = people_there(scope, set(rows.values_list("pk", flat=True)))
    found = {word: user for user in rows.filter(pk__in=there) for word in (user.email, user.username) if word}
    known = [found[name] for name in names if name in found]
    return list({user.pk: user for user in known}.values()), [name for name in names if name not in found]


def people_by_id(ids: list[str]) -> list[User]:
    """The accounts of these ids, in this order."""
    found = {str(user.pk): user for user in User.objects.filter(pk__in=ids)}
    return [found[each] for each in ids if each in found]


def past_visible_to(actor: Actor, kind: str, scope: Scope, most: int = 20) -> list[Approval]:
    """The last approvals of a kind at or below a scope that she may see."""
    rows = approvals_visible_to(actor).filter(subject_kind=kind, scope__path__within=scope.path)
    return list(rows[:most])


def kinds_offered() -> list[tuple[str, Any]]:
    """The kinds of acts a policy can speak of, by name and label."""
    return [(name, kind.label) for name, kind in kinds().items()]


def approval_of_change(change: PolicyChange) -> Approval | None:
    """The approval that decides, or decided, on a change; None where nobody else could."""
    rows = Approval.objects.filter(subject_kind=POLICY, subject_id=str(change.pk)).select_related("scope", "requester")
    return rows.order_by("-created_at").first()
