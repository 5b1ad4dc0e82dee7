"""Local accounts: the way in where no identity provider is connected. Service accounts: what acts for a person."""

import secrets
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.access.guard import holds, require
from portal.access.models import Assignment, Scope
from portal.access.resolver import in_force
from portal.core.errors import Forbidden, Invalid, NotFound
from portal.events.services import record
from portal.users.actor import Actor, Auth
from portal.users.models import User, UserKind


@transaction.atomic
def create_local_account(username: str, *, name: str, email: str, password: str, actor: Actor) -> User:
    """A person who signs in with a name and a password. Only the system makes one; Invalid where name or password won't do."""
    if not actor.is_system:
        raise Forbidden(_("Accounts are made at installation or by an operator's command."))
    user = User(username=username, name=name, email=email)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(_("This password will not do."), fields={"password": list(error.messages)}) from error
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid(fields={"username": [_("This name is taken.")]}) from error
    record("identity.create_account", user, actor=actor)
    return user


@transaction.atomic
def create_service_account(scope: Scope, name: str, *, actor: Actor, owner: User | None = None) -> User:
    """An account for a program, without a password. What it may do comes from roles given to it, and it counts as its
    owner wherever persons are told apart. The owner (the actor, unless named) has a role at the scope or above it, and
    answers for no other of that name: a form sent twice makes one account.
    """
    require(actor, "manage_service_accounts", scope)
    owner = owner or actor.user
    name = " ".join(name.split())
    if not name or len(name) > 80 or "\x00" in name:
        raise Invalid(fields={"name": [_("A name of at most 80 characters is needed.")]})
    if owner.kind_of_user != UserKind.PERSON or not owner.is_active or not _is_known(owner, scope):
        raise Invalid(fields={"owner": [_("Choose a person who has a role here.")]})
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)  # two at once of one name wait for each other
    if User.objects.filter(owner=owner, name=name, is_active=True).exists():
        said = _("%(owner)s answers for an account of this name already. End that one, or choose another name.")
        raise Invalid(fields={"name": [said % {"owner": owner}]})
    username = f"{slugify(name)[:80] or 'service'}-{secrets.token_hex(4)}"
    account = User(kind_of_user=UserKind.SERVICE, username=username, name=name, owner=owner)
    account.set_unusable_password()
    account.save(force_insert=True)
    record("identity.create_service_account", account, actor=actor, scope_path=scope.scope_path, name=name, owner=owner)
    return account


@transaction.atomic
def end_service_account(account: User, *, actor: Actor) -> User:
    """End a service account of hers: every token of it is dead at its next request. Ended already, nothing changes."""
    if account.owner_id != actor.user.pk:
        raise NotFound
    if actor.narrowed_to is not None or actor.viewed_as_by:
        raise Forbidden(_("A narrowed token ends no accounts."))
    account = User.objects.select_for_update().get(pk=account.pk)
    if account.is_active:
        account.is_active, account.access_epoch = False, account.access_epoch + 1
        account.save(update_fields=["is_active", "access_epoch"])
        record("identity.end_service_account", account, actor=actor)
    return account


def service_accounts_of(actor: Actor) -> QuerySet[User]:
    """The service accounts she answers for, by name."""
    return User.objects.filter(owner=actor.user, is_active=True).order_by("name", "pk")


def service_accounts_in(scope: Scope, actor: Actor) -> QuerySet[User]:
    """Hers, and those that hold a role at a scope, there or above it; by name, with who answers for each."""
    held = Assignment.objects.filter(in_force(), scope__path__above=scope.path, user__kind_of_user=UserKind.SERVICE)
    known = Q(owner=actor.user) | Q(pk__in=held.values("user"))
    found = User.objects.filter(known, kind_of_user=UserKind.SERVICE, is_active=True)
    return found.select_related("owner").order_by("name", "pk")


def service_account_of(actor: Actor, pk: UUID | str) -> User:
    """One of them, or NotFound."""
    account = service_accounts_of(actor).filter(pk=pk).first()
    if account is None:
        raise NotFound
    return account


def _is_known(owner: User, scope: Scope) -> bool:
    return holds(Actor(owner, Auth("none")), "view_scope", scope)
