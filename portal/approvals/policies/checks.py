"""What a proposed rule may ask about, and whom: facts of its kind with values they can have, people and places that are there."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from portal.access.models import Assignment, Group, Scope
from portal.access.queries import roles_for
from portal.access.resolver import in_force
from portal.approvals.asked import EVERYWHERE, OPERATORS_OF, Asked, Sort
from portal.approvals.kinds import kinds
from portal.approvals.policies.publishing import Content
from portal.approvals.routes import SCOPES, Condition, StagePlan, read_conditions, read_stages
from portal.core.errors import Invalid
from portal.users.models import User

MOST_ROWS = 20
MOST_TEXT = 200


def asked_of(kind: str) -> Mapping[str, Asked]:
    """What a policy about this kind of act may ask: the facts of its own first, then those of the place and of who asks."""
    known = kinds().get(kind)
    return {**(known.asks if known else {}), **EVERYWHERE}


def check_rule(content: Content, scope: Scope) -> None:
    """Return, or raise Invalid with what is wrong under `conditions-0`, `stages-1`: the row as it was given."""
    wrong: dict[str, list[str]] = {}
    known = asked_of(content.subject_kind)
    conditions, stages = read_conditions(content.conditions), read_stages(content.stages)
    for name, rows in (("conditions", conditions), ("stages", stages)):
        if len(rows) > MOST_ROWS:
            wrong[name] = [_("At most %(most)s.") % {"most": MOST_ROWS}]
    for index, condition in enumerate(conditions[:MOST_ROWS]):
        if said := _wrong_condition(condition, known):
            wrong[f"conditions-{index}"] = [said]
    for index, stage in enumerate(stages[:MOST_ROWS]):
        if said := _wrong_stage(stage, scope):
            wrong[f"stages-{index}"] = [said]
    if wrong:
        raise Invalid(_("The rule cannot be kept as it is."), fields=wrong)


def _wrong_condition(condition: Condition, known: Mapping[str, Asked]) -> str:
    """What is wrong with it; empty where nothing is."""
    asked = known.get(condition.field)
    if asked is None:
        return _("Nothing is known of %(field)s here.") % {"field": condition.field[:40]}
    if condition.operator not in OPERATORS_OF[asked.sort]:
        return _("%(field)s is not compared so.") % {"field": asked.label}
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    shape = bool if asked.sort == Sort.TRUTH else str | int if asked.sort in (Sort.AMOUNT, Sort.NUMBER) else str
    if not all(isinstance(value, shape) and len(str(value)) <= MOST_TEXT for value in values):
        return _("%(field)s cannot have this value.") % {"field": asked.label}
    offered = {value for value, _label in asked.choices} if not callable(asked.choices) else set()
    if asked.sort == Sort.CHOICE and offered and not offered.issuperset(values):
        return _("%(field)s cannot have this value.") % {"field": asked.label}
    return ""


def _wrong_stage(stage: StagePlan, scope: Scope) -> str:
    """What is wrong with who it names; empty where nothing is."""
    who, root = stage.who, str(scope.path).split(".")[0]
    if who.at not in SCOPES and not Scope.objects.filter(pk=UUID(who.at), path__within=root).exists():
        return _("There is no such place here.")
    if who.pick == "role" and not roles_for(scope).filter(key=who.role).exists():
        return _("There is no such role here.")
    groups = {UUID(group) for group in (who.groups if who.pick == "groups" else (who.group,) if who.pick == "group" else ())}
    if Group.objects.filter(pk__in=groups, scope__path__within=root).count() != len(groups):
        return _("There is no such group here.")
    people = {UUID(person) for person in (who.people if who.pick == "named" else ())}
    if len(people_there(scope, people)) != len(people):
        return _("Not all of them are here.")
    if stage.mode == "quorum" and who.pick == "named" and stage.needed > len(people):
        return _("More are asked for than are named.")
    return ""


def people_there(scope: Scope, ids: set[UUID]) -> set[UUID]:
    """Those of these accounts that are active and hold a role in the organization of a scope now."""
    root = str(scope.path).split(".")[0]
    held = Assignment.objects.filter(in_force(), scope__path__within=root)
    there = User.objects.filter(pk__in=ids, is_active=True)
    mine, ours = there.filter(pk__in=held.values("user")), there.filter(portal_groups__in=held.values("group"))
    return {*mine.values_list("pk", flat=True), *ours.values_list("pk", flat=True)}


def same_rule(one: Any, other: Content) -> bool:
    """Whether a version says what is proposed."""
    return bool(
        read_conditions(one.conditions) == read_conditions(other.conditions)
        and read_stages(one.stages) == read_stages(other.stages)
    )
