"""People pushed by an organization's directory: added, changed, shut out, removed."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db import connection as database
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from scim2_models import NotFoundException, PreconditionFailedException, UniquenessException

from portal.access.models import Scope
from portal.core import clock
from portal.core.errors import Conflict
from portal.events.services import record
from portal.identity import mapping, scim_links, upstream
from portal.identity.brokered import GROUPS, PROVIDER
from portal.identity.federated import TRIES, address_in, free_name
from portal.identity.federated import one_line as shown_line
from portal.identity.models import ScimUser, scim_issuer
from portal.identity.scim_resources import data_of, etag, folded, key_of, one_line, person_shown, with_groups
from portal.identity.scim_tokens import check_client
from portal.users.actor import Actor
from portal.users.models import Identity, User


def pushed_people(organization: Scope, *, actor: Actor) -> QuerySet[ScimUser]:
    """Everybody whom this organization's directory pushed."""
    check_client(organization, actor)
    return ScimUser.objects.filter(organization=organization)


def pushed_person(organization: Scope, pk: str, *, actor: Actor) -> ScimUser:
    """One of them with her groups, or NotFoundException."""
    found = with_groups(pushed_people(organization, actor=actor)).filter(pk=id_in(pk)).first()
    if found is None:
        raise NotFoundException
    return found


@transaction.atomic
def push_person(organization: Scope, resource: Any, *, actor: Actor) -> ScimUser:
    """Take somebody in: whom a provider of the organization vouched for under the same id, else a new person.

    UniquenessException where the organization pushed somebody of this name or id already; what others have does not count.
    """
    check_client(organization, actor)
    hold(organization)
    resource.active = resource.active is not False
    row = ScimUser(organization=organization)
    _read(row, resource)
    person = scim_links.known_as(row.external_id, organization)
    row.made_her = person is None
    person = person or _new_person(row)
    row.identity = Identity.objects.create(
        user=person,
        issuer=scim_issuer(organization),
        subject=str(row.pk),
        provider=scim_issuer(organization),
        claims=claims_of(organization, ()),
    )
    row.save(force_insert=True)
    event = _record("identity.push_person", row, actor, linked=not row.made_her, active=row.active)
    _carry_out(row, actor, event)
    return pushed_person(organization, str(row.pk), actor=actor)


@transaction.atomic
def replace_person(organization: Scope, pk: str, resource: Any, *, actor: Actor, match: str = "") -> ScimUser:
    """Describe her anew. Whether she may sign in stays as it was where it is not said."""
    row = _locked(organization, pk, match, actor)
    before = person_shown(row)
    if resource.replace(before):
        _change(row, resource, actor)
    return pushed_person(organization, pk, actor=actor)


@transaction.atomic
def patch_person(organization: Scope, pk: str, patch: Any, *, actor: Actor, match: str = "") -> ScimUser:
    """Change what is named and leave the rest: all of it, or nothing."""
    row = _locked(organization, pk, match, actor)
    resource = person_shown(row)
    if patch.patch(resource):
        _change(row, resource, actor)
    return pushed_person(organization, pk, actor=actor)


@transaction.atomic
def drop_person(organization: Scope, pk: str, *, actor: Actor, match: str = "") -> None:
    """Shut her out by every way and forget what was pushed of her. She stays, disabled, for what she did; a portal admin may
    enable her. Pushed again she is somebody new.
    """
    row = _locked(organization, pk, match, actor)
    person = User.objects.select_for_update().get(pk=row.identity.user_id)
    event = _record("identity.drop_person", row, actor)
    Identity.objects.filter(pk=row.identity_id).delete()
    person.disabled_at = person.disabled_at or clock.now()
    upstream.end_access(person)
    mapping.apply_to([person.pk], actor=Actor.system(actor.correlation_id), cause=event)


def claims_of(organization: Scope, groups: Any) -> dict[str, Any]:
    """What is said of somebody who is in these groups: of this organization's directory alone, and nothing else."""
    return {PROVIDER: scim_issuer(organization), GROUPS: sorted(groups)}


def hold(organization: Scope) -> None:
    """One directory writes into an organization at a time, until the transaction ends."""
    with database.cursor() as cursor:
        name = f"identity:{scim_issuer(organization)}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def check_version(row: Any, match: str) -> None:
    """Refuse where it was asked for another version than there is."""
    if match and match.strip() != "*" and etag(row) not in [part.strip() for part in match.split(",")]:
        raise PreconditionFailedException


def check_free(row: Any) -> None:
    """Refuse a name or id that another of the same organization has."""
    alike = type(row).objects.filter(organization=row.organization).exclude(pk=row.pk)
    if alike.filter(key=row.key).exists():
        raise UniquenessException(detail="There is one of this name already.")
    if row.external_id and alike.filter(external_id=row.external_id).exists():
        raise UniquenessException(detail="There is one of this externalId already.")


def id_in(text: str) -> UUID:
    """An id as it stands in an address, or NotFoundException."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFoundException from error


def external_id_of(resource: Any) -> str:
    """The id that the directory has for it; empty where it says none."""
    return one_line(resource.external_id, 300, "externalId") if resource.external_id else ""


def _locked(organization: Scope, pk: str, match: str, actor: Actor) -> ScimUser:
    check_client(organization, actor)
    hold(organization)
    row = pushed_person(organization, pk, actor=actor)
    check_version(row, match)
    return row


def _read(row: ScimUser, resource: Any) -> None:
    """Take over what the resource says; refused where it cannot be kept or is another's."""
    row.key = key_of(one_line(resource.user_name, 200, "userName"))
    row.external_id = external_id_of(resource)
    row.active = row.active if resource.active is None else resource.active
    row.data = data_of(resource)
    row.folded = folded(row.data)
    check_free(row)


def _change(row: ScimUser, resource: Any, actor: Actor) -> None:
    before = row.active
    _read(row, resource)
    row.version, row.changed_at = row.version + 1, clock.now()
    row.save()
    said = {"active": row.active} if row.active != before else {}
    _carry_out(row, actor, _record("identity.change_person", row, actor, **said))


def _carry_out(row: ScimUser, actor: Actor, event: Any) -> None:
    """Her name and address where she came by SCIM, and whether she is let in."""
    identity = row.identity
    if row.made_her:
        named = {"name": _name(row.data), "email": _address(row.data)}
        User.objects.filter(pk=identity.user_id).update(**named)
    if row.active == (identity.disabled_at is not None):
        (upstream.let_in if row.active else upstream.shut_out)(identity, cause=event)
        mapping.apply_to([identity.user_id], actor=Actor.system(actor.correlation_id), cause=event)


def _new_person(row: ScimUser) -> User:
    """Somebody new under the next free sign-in name: another organization may take the same one at the same moment."""
    person = User(name=_name(row.data), email=_address(row.data))
    person.set_unusable_password()
    for _attempt in range(TRIES):
        person.username = free_name(str(row.data["userName"]))
        try:
            with transaction.atomic():
                person.save(force_insert=True)
        except IntegrityError:
            continue
        return person
    raise Conflict(_("Too many people arrived at once. Try again."))


def _name(data: dict[str, Any]) -> str:
    """What she is called: as she is displayed, else her name in full, else her first and last name."""
    name = data.get("name", {})
    whole = f"{name.get('givenName', '')} {name.get('familyName', '')}"
    return next(
        (line for text in (data.get("displayName"), name.get("formatted"), whole) if (line := shown_line(text, 150))), ""
    )


def _address(data: dict[str, Any]) -> str:
    """Her primary e-mail address, else her first."""
    emails = sorted(data.get("emails", []), key=lambda each: not each.get("primary"))
    return next((address for each in emails if (address := address_in(each.get("value")))), "")


def _record(action: str, row: ScimUser, actor: Actor, **detail: Any) -> Any:
    person = row.identity.user
    return record(action, person, actor=actor, scope_path=row.organization.scope_path, pushed=row.pk, **detail)
