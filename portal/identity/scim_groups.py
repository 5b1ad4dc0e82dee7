"""Groups pushed by an organization's directory; who is in one is said to be, and rules give at once what follows from it."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.fields.json import KT, KeyTextTransform
from scim2_models import Group, InvalidValueException, NotFoundException, PatchOp

from portal.access.models import Scope
from portal.core import clock
from portal.events.services import record
from portal.identity import mapping, scim_members
from portal.identity.models import ScimGroup, ScimMember, ScimUser
from portal.identity.scim import check_free, check_version, claims_of, external_id_of, hold, id_in
from portal.identity.scim_resources import data_of, folded, group_shown, key_of, one_line, with_members
from portal.identity.scim_tokens import check_client
from portal.users.actor import Actor
from portal.users.models import Identity, User

MOST_MEMBERS = 50_000
BATCH = 1000
Members = dict[UUID, str]
"""Who is in a group, and what she is called there where that is not her sign-in name."""


def pushed_groups(organization: Scope, *, actor: Actor) -> QuerySet[ScimGroup]:
    """Every group that this organization's directory pushed."""
    check_client(organization, actor)
    return ScimGroup.objects.filter(organization=organization)


def pushed_group(organization: Scope, pk: str, *, actor: Actor, members: bool = True) -> ScimGroup:
    """One of them, with its members unless nobody asks for them; or NotFoundException."""
    rows = pushed_groups(organization, actor=actor).filter(pk=id_in(pk))
    found = (with_members(rows) if members else rows).first()
    if found is None:
        raise NotFoundException
    return found


@transaction.atomic
def push_group(organization: Scope, resource: Group, *, actor: Actor) -> ScimGroup:
    """Take a group in with its members, who have been pushed before. UniquenessException where its name or id is taken."""
    check_client(organization, actor)
    hold(organization)
    row = ScimGroup(organization=organization)
    _read(row, resource)
    row.save(force_insert=True)
    _bring_in_step("identity.push_group", row, {}, _members(row, resource), actor)
    return pushed_group(organization, str(row.pk), actor=actor)


@transaction.atomic
def replace_group(organization: Scope, pk: str, resource: Group, *, actor: Actor, match: str = "") -> ScimGroup:
    """Describe it anew, with exactly these members."""
    row = _locked(organization, pk, match, actor)
    before = group_shown(row)
    if resource.replace(before):
        _change(row, resource, actor)
    return pushed_group(organization, pk, actor=actor)


@transaction.atomic
def patch_group(organization: Scope, pk: str, patch: PatchOp[Group], *, actor: Actor, match: str = "") -> ScimGroup:
    """Change what is named and leave the rest: all of it, or nothing."""
    row = _locked(organization, pk, match, actor)
    resource = group_shown(row)
    if scim_members.patch(resource, patch):
        _change(row, resource, actor)
    return pushed_group(organization, pk, actor=actor)


@transaction.atomic
def drop_group(organization: Scope, pk: str, *, actor: Actor, match: str = "") -> None:
    """Forget it; nobody is in it any more, and what followed from it ends at once."""
    row = _locked(organization, pk, match, actor)
    _bring_in_step("identity.drop_group", row, _held(row), {}, actor)
    row.delete()


def _locked(organization: Scope, pk: str, match: str, actor: Actor) -> ScimGroup:
    check_client(organization, actor)
    hold(organization)
    row = pushed_group(organization, pk, actor=actor)
    check_version(row, match)
    return row


def _read(row: ScimGroup, resource: Group) -> None:
    """Take over what the resource says of the group itself; refused where it cannot be kept or is another's."""
    name = one_line(resource.display_name, 200, "displayName")
    row.key = key_of(name)
    row.external_id = external_id_of(resource)
    row.data = data_of(resource)
    row.folded = folded(row.data)
    check_free(row)


def _change(row: ScimGroup, resource: Group, actor: Actor) -> None:
    before, name = _held(row), str(row)
    members = _members(row, resource)
    _read(row, resource)
    row.version, row.changed_at = row.version + 1, clock.now()
    row.save()
    _bring_in_step("identity.change_group", row, before, members, actor, renamed=str(row) != name)


def _held(row: ScimGroup) -> Members:
    return {each.user_id: each.display for each in row.memberships.all()}


def _members(row: ScimGroup, resource: Group) -> Members:
    """The members that the resource names, each once. All were pushed to the same organization, and none is a group."""
    said = resource.members or []
    if len(said) > MOST_MEMBERS:
        raise InvalidValueException(detail=f"A group has at most {MOST_MEMBERS} members.")
    if any((each.type or "User").lower() != "user" for each in said):
        raise InvalidValueException(detail="Members are people: groups in groups are not taken. Push their people.")
    wanted = {_id(each.value): each.display or "" for each in said}
    rows = ScimUser.objects.filter(organization=row.organization, pk__in=wanted)
    known = dict(rows.values_list("pk", KT("data__userName")))
    missing = sorted(str(each) for each in wanted.keys() - known.keys())
    if missing:
        raise InvalidValueException(detail=f"Nobody here has the id {missing[0]}: push people before their groups.")
    shown = {each: one_line(name, 200, "display") if name else "" for each, name in wanted.items()}
    return {each: "" if name == known[each] else name for each, name in shown.items()}


def _bring_in_step(
    action: str, row: ScimGroup, before: Members, after: Members, actor: Actor, *, renamed: bool = False
) -> None:
    """Write who came, who left and who is called otherwise, and let what rules give them follow."""
    came, left = after.keys() - before.keys(), before.keys() - after.keys()
    others = {each for each in before.keys() & after.keys() if before[each] != after[each]}
    ScimMember.objects.filter(group=row, user__in=left | others).delete()
    made = [ScimMember(group=row, user_id=each, display=after[each]) for each in sorted(came | others)]
    ScimMember.objects.bulk_create(made, batch_size=5 * BATCH)
    event = record(action, row, actor=actor, came=len(came), left=len(left))
    touched = before.keys() | after.keys() if renamed else came | left
    if touched:
        _say(row.organization, touched, Actor.system(actor.correlation_id), cause=event)


def _say(organization: Scope, people: Collection[UUID], actor: Actor, *, cause: Any) -> None:
    """Write what is said of these people now into their identities. The number of statements grows with thousands of them."""
    identities = list(Identity.objects.filter(scim_user__in=people).order_by("user_id"))
    list(User.objects.select_for_update().filter(pk__in=[each.user_id for each in identities]).order_by("pk").values("pk"))
    groups = _groups_by_identity(people)
    for each in identities:
        each.claims = claims_of(organization, groups.get(each.pk, ()))
    Identity.objects.bulk_update(identities, ["claims"], batch_size=BATCH)
    mapping.apply(identities, actor=actor, cause=cause)


def _groups_by_identity(people: Iterable[UUID]) -> dict[Any, list[str]]:
    rows = ScimMember.objects.filter(user__in=people).annotate(name=KeyTextTransform("displayName", "group__data"))
    found: dict[Any, list[str]] = {}
    for identity, name in rows.values_list("user__identity_id", "name"):
        found.setdefault(identity, []).append(name)
    return found


def _id(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise InvalidValueException(detail=f"{str(value)[:80]!r} is nobody's id.") from error
