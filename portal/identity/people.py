"""The people of an organization: who they are, what disabling one of them ends, and disabling and enabling her."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import holds, require_fresh
from portal.access.models import Assignment, Scope
from portal.access.queries import roles_in_force
from portal.access.resolver import in_force, paths_of
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.identity import journal, sessions, tokens, upstream
from portal.identity.models import Feed, IdentityProvider, Leaving, ProviderStep
from portal.identity.plane import issuer
from portal.users.actor import Actor
from portal.users.models import Identity, User, UserKind

PERMISSION = "manage_people"
ADMIN = "organization_admin"
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Cost:
    """What ends when a person is disabled: so many sessions and tokens of hers, and these service accounts stop working."""

    sessions: int
    tokens: int
    accounts: list[User]
    account_tokens: int


@dataclass(frozen=True, slots=True)
class ProviderState:
    """How many people the provider has not confirmed yet, since when, with its last error; since when its events are not read."""

    waiting: int
    waiting_since: datetime | None
    error: str
    deaf_since: datetime | None
    deaf_error: str


def people_managed_by(actor: Actor) -> QuerySet[User]:
    """The people of the organizations that she manages people of, by name: who holds, held or will hold a role there, and who left."""
    within = _roots(actor)
    direct = Assignment.objects.filter(scope__path__within_any=within)
    known = Q(pk__in=direct.values("user")) | Q(portal_groups__scope__path__within_any=within)
    known |= Q(pk__in=Leaving.objects.filter(organization__path__within_any=within).values("person"))
    people = User.objects.filter(known, kind_of_user=UserKind.PERSON).order_by("name", "pk").distinct()
    return people if within else people.none()


def person_of(actor: Actor, pk: UUID | str) -> User:
    """One of them, or NotFound."""
    person = people_managed_by(actor).filter(pk=pk).first()
    if person is None:
        raise NotFound
    return person


def person_named(username: str) -> User:
    """The person of this sign-in name, whole; or NotFound."""
    person = User.objects.filter(username=username, kind_of_user=UserKind.PERSON).first()
    if person is None:
        raise NotFound(_("Nobody has this name."))
    return person


def manages_people_in(scope: Scope, actor: Actor) -> bool:
    """Whether the people who hold a role at a scope are among them."""
    return scope.organization_id in _roots(actor)


def cost_of_disabling(person: User) -> Cost:
    """What would end now."""
    accounts = list(User.objects.filter(owner=person, is_active=True).order_by("name", "pk"))
    return Cost(
        sessions=sessions.living_of(person).count(),
        tokens=tokens.living_tokens(person).count(),
        accounts=accounts,
        account_tokens=tokens.living_tokens(*accounts).count() if accounts else 0,
    )


def roles_shown(person: User, actor: Actor) -> Any:
    """Her roles in the organizations that the actor manages people of."""
    return roles_in_force(person).filter(scope__path__within_any=_roots(actor))


def identities_of(person: User) -> list[Identity]:
    """The ways she is recognised, oldest first, each with `provider_name`: what people call her provider; None where it is gone."""
    named = person.identities.annotate(provider_name=IdentityProvider.name_of(OuterRef("provider")))
    return list(named.order_by("created_at", "pk"))


def unconfirmed(person: User) -> list[ProviderStep]:
    """What her identity provider was told of her being disabled or enabled and has not confirmed, oldest first."""
    steps = journal.open_steps().filter(identity__user=person).exclude(verb=journal.SIGN_OUT)
    return list(steps.order_by("created_at", "turn"))


def provider_state() -> ProviderState:
    """How far the identity provider and the portal know of each other: at most three queries, none without a provider."""
    if not issuer():
        return ProviderState(0, None, "", None, "")
    oldest = journal.open_steps().order_by("created_at").first()
    failing = Feed.objects.filter(issuer=issuer(), failing_since__isnull=False).order_by("failing_since").first()
    waiting = journal.open_steps().values("identity__user").distinct().count() if oldest else 0
    return ProviderState(
        waiting=waiting,
        waiting_since=oldest.created_at if oldest else None,
        error=oldest.error if oldest else "",
        deaf_since=failing.failing_since if failing else None,
        deaf_error=failing.error if failing else "",
    )


def why_not(person: User, actor: Actor) -> str:
    """Why the actor may not disable or enable this person of hers; empty where she may."""
    try:
        _check_governs(person, actor)
    except (Forbidden, Refused) as error:
        return str(error)
    return ""


@transaction.atomic
def disable_person(person: User, *, actor: Actor, reason: str) -> User:
    """Shut a person out, at once: her sessions, her tokens, those of her service accounts, and secrets that wait for her are
    dead at their next use, and her identity provider is told until it confirms. Disabled already, nothing changes.

    Whoever disables governs every organization where the person holds a role; else only the system does. Nobody disables
    herself, nor the last organization admin.
    """
    person = _locked(person, actor)
    reason = clean_reason(reason)
    if person.disabled_at is not None:
        return person
    check_admin_left(person)
    ending = cost_of_disabling(person)
    person.disabled_at = clock.now()
    ended = upstream.end_access(person)
    journal.tell(person, "disable", "logout")
    counts = {"sessions": ended, "keys": ending.tokens + ending.account_tokens, "service_accounts": len(ending.accounts)}
    _record("identity.disable_person", person, actor, reason=reason, **counts)
    return person


@transaction.atomic
def enable_person(person: User, *, actor: Actor, reason: str = "") -> User:
    """Let a person sign in again, here and at her identity provider. What ended stays ended. Not disabled, nothing changes.

    Whatever still lives there is signed out before it is enabled: an account that is disabled and enabled would find its
    old sessions alive.
    """
    person = _locked(person, actor)
    reason = reason.strip()[:LONGEST_REASON].replace("\x00", "")
    if person.disabled_at is None and person.is_active:
        return person
    person.disabled_at = None
    upstream.open_access(person)
    journal.tell(person, "logout", "enable")
    _record("identity.enable_person", person, actor, reason=reason)
    return person


def _locked(person: User, actor: Actor) -> User:
    """The person's row, locked, if this actor may decide on it now."""
    require_fresh(actor)
    if not actor.is_system:
        person_of(actor, person.pk)
    elif person.kind_of_user != UserKind.PERSON:
        raise NotFound
    _check_governs(person, actor)
    return User.objects.select_for_update().get(pk=person.pk)


def _check_governs(person: User, actor: Actor) -> None:
    if actor.is_system:
        return
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    if person.pk == actor.person_id:
        raise Forbidden(_("Nobody disables or enables herself; ask another admin."))
    if any(not holds(actor, PERMISSION, root) for root in organizations_of(person)):
        said = _("She holds a role in another organization, too. End her roles in yours; an operator's command disables her.")
        raise Refused(said)


def check_admin_left(person: User, *, of: Scope | None = None) -> None:
    """Someone else stays admin of each organization of hers, or of one. The rows are locked first and read afterwards, so
    two at once see it.
    """
    roots = [role.scope_id for role in roles_in_force(person) if role.role.key == ADMIN and role.scope.parent_id is None]
    roots = [root for root in roots if of is None or root == of.pk]
    for root in roots:
        held = Assignment.objects.filter(in_force(), scope=root, role__key=ADMIN)
        list(held.order_by("pk").select_for_update(of=("self",)))
        others = User.objects.filter(Q(pk__in=held.values("user")) | Q(portal_groups__in=held.values("group")))
        if not others.filter(is_active=True, kind_of_user=UserKind.PERSON).exclude(pk=person.pk).exists():
            raise Conflict(_("She is the last organization admin. Make someone else one first."))


def organization_for(person: User, actor: Actor, pk: UUID | str = "") -> Scope:
    """The organization that she would leave: the one named, else the first by name of those where she holds, held or will hold
    a role and whose people the actor manages. NotFound where there is none.
    """
    held = Q(assignments__user=person) | Q(groups__members=person)
    within = Scope.objects.filter(held).values_list("path", flat=True)
    roots = {path.split(".")[0] for path in within} & set(_roots(actor))
    found = Scope.objects.filter(pk__in=[UUID(root) for root in roots]).order_by("name", "pk")
    organization: Scope | None = (found.filter(pk=pk) if pk else found).first()
    if organization is None:
        raise NotFound
    return organization


def organizations_of(person: User) -> list[Scope]:
    """The organizations where she holds a role now."""
    return list(Scope.objects.filter(pk__in={UUID(role.scope.organization_id) for role in roles_in_force(person)}))


def _record(action: str, person: User, actor: Actor, **detail: Any) -> None:
    """One event in each organization of hers, so that each can read it; one without a place where she has none."""
    paths: list[str | None] = [root.scope_path for root in organizations_of(person)]
    for path in paths or [None]:
        record(action, person, actor=actor, scope_path=path, **detail)


def _roots(actor: Actor) -> list[str]:
    """The paths of the organizations whose people she manages: held at the root, for it reaches all of a person's access."""
    return [path for path in paths_of(actor, PERMISSION) if "." not in path]


def clean_reason(reason: str) -> str:
    """A reason in one line; Invalid where it is none."""
    reason = " ".join(reason.split())
    if not reason or len(reason) > LONGEST_REASON or "\x00" in reason:
        raise Invalid(fields={"reason": [_("Say why, in at most 2,000 characters; it is kept with the event.")]})
    return reason
