"""What waits for one person's decision: where she is named, or where nobody but her could decide."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import Scope
from portal.approvals.eligibility import accounts_for, apart_of, can_be_filled, plan_of
from portal.approvals.handing_over import LIVING, reassign
from portal.approvals.models import Stage, State
from portal.approvals.routes import read_who
from portal.users.actor import Actor
from portal.users.models import User


class DecisionBelongings:
    """The stages that wait, or will wait, for one person. They keep no scope open: what is decided on does."""

    name = "stage"
    label = gettext_lazy("Decisions that wait for nobody else")
    permission = "vote"

    def of_person(self, user: User, *, within: Scope) -> QuerySet[Stage]:
        named = _living(within).filter(who__pick="named", who__people__contains=[str(user.pk)])
        alone = _only_hers(_living(within).exclude(who__pick="named"), user)
        found = Stage.objects.filter(Q(pk__in=named.order_by().values("pk")) | Q(pk__in=alone))
        return _with_parts(found)

    def orphaned(self, within: Scope) -> Mapping[UUID, int]:
        named: Counter[str] = Counter()
        for who in _living(within).filter(who__pick="named").values_list("who", flat=True):
            named.update(set(who["people"]))
        disabled = User.objects.filter(pk__in=list(named), is_active=False).values_list("pk", flat=True)
        return {pk: named[str(pk)] for pk in disabled}

    def of_scope(self, scope: Scope) -> list[Any]:
        return []

    def places_of(self, thing: Stage) -> Sequence[Scope]:
        return [thing.approval.scope]

    def why_not(self, thing: Stage, to: User) -> str:
        if to.person_id in apart_of(thing.approval):
            return _("%(person)s asked for it, or it is hers, so she does not decide on it.") % {"person": to}
        return ""

    def hand_over(self, thing: Stage, to: User, *, instead_of: User, actor: Actor) -> None:
        reassign(thing, to, instead_of=instead_of, actor=actor)


def _living(within: Scope) -> QuerySet[Stage]:
    return Stage.objects.filter(state__in=LIVING, approval__state=State.WAITING, approval__scope__path__within=within.path)


def _with_parts(stages: QuerySet[Stage]) -> QuerySet[Stage]:
    parts = ("approval__scope", "approval__requester", "approval__beneficiary", "place")
    return stages.select_related(*parts).order_by("approval__created_at", "approval", "position", "pk")


def _only_hers(stages: QuerySet[Stage], user: User) -> list[UUID]:
    """Those that can be decided with her and not without; who can is asked once for each kind of stage and place."""
    asked: dict[Any, frozenset[UUID]] = {}
    alone = []
    for stage in _with_parts(stages):
        who, scope = read_who(stage.who), stage.approval.scope
        kind = (who, stage.place_id, scope.pk)
        if kind not in asked:
            asked[kind] = frozenset(accounts_for(who, stage.place, scope).values())
        able = asked[kind] - apart_of(stage.approval)
        if user.pk in able and not can_be_filled(plan_of(stage), able - {user.pk}):
            alone.append(stage.pk)
    return alone
