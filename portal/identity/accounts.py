"""Local accounts: the way in where no identity provider is connected."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal.core.errors import Forbidden, Invalid
from portal.events.services import record
from portal.users.actor import Actor
from portal.users.models import User


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
