"""Who is invited and has no account: where people sign in with local accounts, the link of the mail makes her one."""

import re

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.core.errors import Conflict, Forbidden, Invalid
from portal.events.services import record
from portal.identity import oidc, sessions
from portal.identity.accounts import create_local_account
from portal.identity.federated import RESERVED
from portal.tenancy import invitations
from portal.tenancy.addresses import is_same, written
from portal.tenancy.models import Invitation
from portal.users.actor import Actor, Auth
from portal.users.models import User, UserKind

USERNAME = re.compile(r"[a-z0-9][a-z0-9._+-]{0,99}", re.IGNORECASE)


def may_make_account(invitation: Invitation) -> bool:
    """Whether who opens the link makes an account there: people sign in with local ones, and nobody has the address yet."""
    return not oidc.is_on() and not accounts_of(invitation)


def accounts_of(invitation: Invitation) -> list[User]:
    """The people whose account is of the address, disabled ones as well."""
    rows = User.objects.filter(written("email", invitation.address), kind_of_user=UserKind.PERSON).order_by("pk")
    return [user for user in rows[:20] if is_same(user.email, invitation.address)]


@transaction.atomic
def accept_as_new(request: HttpRequest, secret: str, *, username: str, name: str, password: str) -> Actor:
    """Make a local account of the address that was invited, accept as its person, and sign her in: all of it or nothing.

    Raises what `accept_invitation` does, Invalid where name or password will not do, Forbidden where people sign in with
    their organization, and Conflict where somebody has an account of the address: a disabled person gets no second one.
    """
    invitation = invitations.lock_open(secret)
    if oidc.is_on():
        raise Forbidden(_("People sign in with their organization here."))
    if accounts_of(invitation):
        raise Conflict(_("There is an account of this address already. Sign in with it, or have a new password sent to you."))
    correlation_id = str(getattr(request, "correlation_id", ""))
    facts = {"name": " ".join(name.split()), "email": invitation.address, "password": password}
    user = create_local_account(_clean(username), **facts, actor=Actor.system(correlation_id))
    invitations.accept_invitation(secret, actor=Actor(user, Auth("invitation", address=sessions.address_of(request))))
    actor = sessions.begin(request, user, method="password")
    record("identity.sign_in", user, actor=actor)
    return actor


def _clean(username: str) -> str:
    username = username.strip()
    if not USERNAME.fullmatch(username):
        said = _("A sign-in name is at most 100 letters, digits, dots, dashes, plus signs and underscores.")
        raise Invalid(fields={"username": [said]})
    if username.casefold() in RESERVED or User.objects.filter(username__iexact=username).exists():
        raise Invalid(fields={"username": [_("This name is taken.")]})
    return username
