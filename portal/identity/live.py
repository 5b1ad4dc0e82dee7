"""Whether who acts may still act: asked of the database, and of the identity provider that her session came from."""

from uuid import UUID

from django.utils.translation import gettext as _

from portal.core.errors import Forbidden
from portal.identity import grants, sessions, tokens, upstream
from portal.identity.models import Session
from portal.identity.plane import issuer
from portal.users.actor import Actor
from portal.users.models import User


def stands(actor: Actor) -> bool:
    """Whether user, owner, epoch, and the session or token she came with are as they were; of who looks as another, hers."""
    came = actor.viewed_as_by or actor.user
    user = User.objects.select_related("owner").filter(pk=came.pk).first()
    if user is None or not user.is_active or (user.owner is not None and not user.owner.is_active):
        return False
    if tokens.epoch_of(user) != tokens.epoch_of(came):
        return False
    if actor.auth.method == "token":
        return tokens.opens_still(actor.auth.session)
    session_id = session_id_of(actor)
    return session_id is None or sessions.living_of(user).filter(pk=session_id).exists()


def ask_provider(actor: Actor) -> None:
    """Where her session came from the identity provider, have its token renewed: only who may still act there has it renewed.
    Of a shell the token that it sent is asked about; its row ends when the provider says so to the puller.

    Forbidden where it is over there, and then it is over here. Unavailable where the provider gives no answer in two seconds,
    or one that says nothing about her. One call a session: what comes back renews the next one.
    """
    if actor.auth.method == sessions.SHELL:
        if not grants.stands(actor.bearer):
            raise Forbidden(_("Your sign-in has ended at the identity provider. Sign in again."))
        return
    session_id = session_id_of(actor)
    living = Session.objects.select_related("identity").defer("identity__claims").filter(ended_at=None)
    session = living.filter(pk=session_id).first() if session_id else None
    if session is None or session.identity is None:
        return
    renewed = grants.renew(session.refresh_token) if session.identity.issuer == issuer() else None
    if renewed is None:
        upstream.sign_out(Session.objects.filter(pk=session.pk), cause=session)
        raise Forbidden(_("Your sign-in has ended at the identity provider. Sign in again."))
    session.refresh_token = str(renewed["refresh_token"])
    Session.objects.filter(pk=session.pk, ended_at=None).update(sealed=session.sealed)


def session_id_of(actor: Actor) -> UUID | None:
    """The row of the session she came with; None where she came otherwise."""
    try:
        return UUID(actor.auth.session)
    except ValueError:
        return None
