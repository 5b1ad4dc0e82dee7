"""Pushed people and groups between the words of SCIM and our tables."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.db.models.fields.json import KeyTextTransform
from scim2_models import (
    Context,
    EnterpriseUser,
    Group,
    GroupMember,
    GroupMembership,
    InvalidValueException,
    Meta,
    Resource,
    ScimPolicy,
    User,
)

from portal.identity.models import ScimGroup, ScimMember, ScimUser

Person: Any = User[EnterpriseUser]
"""What a pushed person is: the core schema and the enterprise extension."""
POLICY = ScimPolicy(
    remove_value_as_filter=ScimPolicy.RemoveValue.apply, unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create
)
"""What Microsoft Entra sends beside the standard is taken; attributes that nobody declares are refused."""
ROOT = "/scim/v2"
LARGEST = 64_000
"""Characters of text in one person or group, without members."""
OURS = ("id", "meta", "groups", "members", "schemas")
"""What is ours to say, or kept in rows of its own."""


def data_of(resource: Resource[Any]) -> dict[str, Any]:
    """What is kept of a resource. A password is never among it."""
    shown = resource.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    kept: dict[str, Any] = {name: part for name, part in shown.items() if name not in OURS}
    if size_of(kept) > LARGEST:
        raise InvalidValueException(detail=f"One resource holds at most {LARGEST} characters.")
    return kept


def folded(value: Any) -> Any:
    """The same for comparing: names and text in small letters, each letter written in one way."""
    if isinstance(value, Mapping):
        return {str(name).lower(): folded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [folded(part) for part in value]
    return key_of(value) if isinstance(value, str) else value


def key_of(text: str) -> str:
    """A name, in whichever case and way of writing its letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def size_of(value: Any) -> int:
    """How many characters of text it holds."""
    if isinstance(value, Mapping):
        return sum(len(str(name)) + size_of(part) for name, part in value.items())
    if isinstance(value, list):
        return sum(size_of(part) for part in value)
    return len(str(value))


def with_groups(users: QuerySet[ScimUser]) -> QuerySet[ScimUser]:
    """The same with the groups they are in, in one more statement."""
    named = ScimMember.objects.annotate(name=KeyTextTransform("displayName", "group__data")).order_by(
        "group__created_at", "group_id"
    )
    return users.prefetch_related(Prefetch("memberships", named))


def with_members(groups: QuerySet[ScimGroup]) -> QuerySet[ScimGroup]:
    """The same with their members, in one more statement."""
    named = ScimMember.objects.annotate(name=KeyTextTransform("userName", "user__data")).order_by("pk")
    return groups.prefetch_related(Prefetch("memberships", named))


def person_shown(row: Any) -> Any:
    """A pushed person as SCIM shows her."""
    groups = [
        GroupMembership(value=str(each.group_id), ref=location("Groups", each.group_id), display=each.name, type="direct")
        for each in row.memberships.all()
    ]
    return _resource(Person, row, "User", groups=groups or None)


def group_shown(row: Any, *, members: bool = True) -> Any:
    """A pushed group as SCIM shows it, with its members unless nobody asked for them."""
    people = [member(each.user_id, each.display or each.name) for each in row.memberships.all()] if members else []
    return _resource(Group, row, "Group", members=people or None)


def member(user_id: Any, name: str) -> GroupMember:
    """Somebody in a group."""
    return GroupMember(value=str(user_id), ref=location("Users", user_id), display=name or None, type="User")


def location(kind: str, pk: Any) -> Any:
    """Where a person or group is read."""
    return f"{settings.PUBLIC_URL}{ROOT}/{kind}/{pk}"


def etag(row: ScimUser | ScimGroup) -> str:
    """Its version as an entity tag: weak, for the bytes are not promised."""
    return f'W/"{row.version}"'


def one_line(text: Any, most: int, name: str) -> str:
    """A text that can be kept and found again; InvalidValueException else."""
    given = str(text or "").strip()
    if not given or len(given) > most or not given.isprintable():
        raise InvalidValueException(detail=f"{name} is one line of at most {most} characters.")
    return given


def _resource(model: Any, row: ScimUser | ScimGroup, kind: str, **also: Any) -> Any:
    resource = model.model_validate(row.data, scim_policy=POLICY)
    resource.id = str(row.pk)
    resource.meta = Meta(
        resource_type=kind,
        created=row.created_at,
        last_modified=row.changed_at,
        location=location(f"{kind}s", row.pk),
        version=etag(row),
    )
    for name, value in also.items():
        setattr(resource, name, value)
    return resource
