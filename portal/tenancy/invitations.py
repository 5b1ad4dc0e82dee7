"""Invite people by mail into a scope, send the link again, revoke it, accept it.

The secret of the link proves that whoever opens it reads the mailbox: it is in that mail alone. That her account names the
same address only guards against mix-ups (a mail passed on, a browser signed in as somebody else), so it is compared with what
her account says, whether or not her identity provider verified it: an address that she made up is of no use without the link.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Assignment, Role, Scope, Source
from portal.access.resolver import in_force
from portal.core import clock, queue
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Refused
from portal.events.models import Event
from portal.events.services import event_of, record, record_all
from portal.notices.services import notify
from portal.tenancy.addresses import addresses_in, folded, is_same
from portal.tenancy.models import Invitation, InvitationMail, InvitationState, standing
from portal.tenancy.services import Grant, assign_role, check_grant, check_open
from portal.users.actor import Actor, Auth
from portal.users.models import User, UserKind

PERMISSION = "manage_members"
OPEN_FOR = timedelta(days=14)
MOST_PENDING = 100
MOST_AN_HOUR = 20
HOUR = timedelta(hours=1)


def invitations_in(scope: Scope, actor: Actor) -> Any:
    """What was sent from right there, newest first, each with `sent` (how many mails left), `failed` (one could not) and `leaves_at` (of one that waits).

    NotFound where she may not see the scope, Forbidden where she does not manage its people.
    """
    require(actor, PERMISSION, scope)
    return _with_mails(Invitation.objects.filter(scope=scope))


def invitations_visible_to(actor: Actor) -> Any:
    """The same of every scope whose people she manages."""
    return _with_mails(Invitation.objects.visible_to(actor))


def invitation_visible_to(actor: Actor, pk: UUID | str) -> Invitation:
    """One of them, or NotFound."""
    found: Invitation | None = invitations_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def invite(
    scope: Scope, addresses: Sequence[str], role: Role, *, actor: Actor, expires: datetime | None = None
) -> list[Invitation]:
    """Invite each address to a role at a scope and all below, until a moment or without an end: all of them, or none.

    It takes what giving the role takes. A mail leaves for each, at most 20 an hour from one person; the rest follow by
    themselves. Invalid says which line is no address, or is invited or holds the role already.
    """
    require_fresh(actor)
    _check_may_give(role, scope, expires, actor)
    given = addresses_in(list(addresses), field="addresses")
    Scope.objects.select_for_update(no_key=True).get(pk=scope.pk)  # two who invite at once wait for each other
    _check_new(scope, role, given, actor)
    pending = Invitation.objects.filter(standing(InvitationState.PENDING), scope=scope).count()
    if pending + len(given) > MOST_PENDING:
        full = _("At most %(most)s invitations may be open in one place; %(count)s are. Revoke some, or wait for an answer.")
        raise Refused(full % {"most": MOST_PENDING, "count": pending})
    until = clock.now() + OPEN_FOR
    facts = {"scope": scope, "role": role, "role_expires": expires, "invited_by": actor.user, "expires": until}
    made = Invitation.objects.bulk_create([Invitation(address=address, **facts) for address in given])
    record_all([_invited(invitation, actor) for invitation in made])
    _send(made, actor)
    return made


@transaction.atomic
def resend_invitation(invitation: Invitation, *, actor: Actor) -> Invitation:
    """Send a new link, good for another fortnight; the old one is dead at once. From now on it is hers to answer for.

    Conflict where it was accepted or revoked, or where a mail is still on its way.
    """
    require_fresh(actor)
    require(actor, PERMISSION, invitation)
    invitation = _locked(pk=invitation.pk)
    _check_may_give(invitation.role, invitation.scope, invitation.role_expires, actor)
    if invitation.state in (InvitationState.ACCEPTED, InvitationState.REVOKED):
        raise Conflict(_closed(invitation))
    if invitation.mails.filter(due_at__isnull=False).exists():
        raise Conflict(_("Its mail is still on its way."))
    invitation.invited_by, invitation.expires = actor.user, clock.now() + OPEN_FOR
    invitation.save(update_fields=["invited_by", "expires"])
    record("tenancy.resend_invitation", invitation, actor=actor, expires=invitation.expires)
    _send([invitation], actor)
    return invitation


@transaction.atomic
def revoke_invitation(invitation: Invitation, *, actor: Actor) -> Invitation:
    """From here on its link opens nothing, and a mail that waits does not leave. Revoked already, nothing changes.

    Conflict where it was accepted: then the role is what to end.
    """
    require_fresh(actor)
    require(actor, PERMISSION, invitation)
    invitation = _locked(pk=invitation.pk)
    if invitation.state == InvitationState.ACCEPTED:
        raise Conflict(_("It was accepted already. End the role instead."))
    if invitation.revoked_at is None:
        invitation.revoked_at = clock.now()
        invitation.save(update_fields=["revoked_at"])
        invitation.mails.filter(due_at__isnull=False).update(due_at=None, sealed=None)
        record("tenancy.revoke_invitation", invitation, actor=actor)
    return invitation


def invitation_of(secret: str) -> Invitation:
    """What a link opens, however it stands; NotFound where it opens nothing, or another link was sent since."""
    return _found(Invitation.objects.filter(digest=digest_of(secret)))


def why_not(invitation: Invitation) -> str:
    """Why nobody can accept it any more, in words for whoever holds the link; empty while somebody can."""
    try:
        _check_stands(invitation)
    except PortalError as error:
        return str(error)
    return ""


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether the account is of the address that it was sent to."""
    return user.kind_of_user == UserKind.PERSON and is_same(invitation.address, user.email)


@transaction.atomic
def accept_invitation(secret: str, *, actor: Actor) -> Invitation:
    """Take the role, once, as a person whose account is of the address that was invited.

    The role is given by the authority of who invited, which is looked at again. A role that she holds already is never made
    shorter. Raises NotFound, Forbidden (for another address), Conflict (accepted, revoked, past its end, a closed scope) and
    Refused (who invited may not give it any more).
    """
    require_fresh(actor)
    invitation = _locked(digest=digest_of(secret))
    if actor.viewed_as_by or actor.narrowed_to is not None or not is_for(invitation, actor.user):
        raise Forbidden(_("This invitation was sent to another address than that of your account."))
    _check_stands(invitation)
    invitation.accepted_by, invitation.accepted_at = actor.user, clock.now()
    invitation.save(update_fields=["accepted_by", "accepted_at"])
    invitation.mails.filter(due_at__isnull=False).update(due_at=None, sealed=None)
    event = record("tenancy.accept_invitation", invitation, actor=actor, role=invitation.role.key)
    inviter = Actor(
        invitation.invited_by, Auth("invitation", address=actor.auth.address), correlation_id=event.correlation_id
    )
    _give(invitation, actor.user, inviter)
    actor.forget()
    told, words = [invitation.invited_by], {"person": actor.user, "role": invitation.role}
    notify(told, "invitation_accepted", target=invitation.scope, actor=actor, event=event, **words)
    return invitation


def lock_open(secret: str) -> Invitation:
    """The invitation, held until the transaction ends, that somebody can accept now; raises as `accept_invitation` does."""
    invitation = _locked(digest=digest_of(secret))
    _check_stands(invitation)
    return invitation


def digest_of(secret: str) -> str:
    """What is kept of a link."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _invited(invitation: Invitation, actor: Actor) -> Event:
    until: dict[str, Any] = {"role_expires": invitation.role_expires, "expires": invitation.expires}
    return event_of("tenancy.invite", invitation, actor=actor, role=invitation.role.key, **until)


def _give(invitation: Invitation, user: User, inviter: Actor) -> None:
    role, scope, expires = invitation.role, invitation.scope, invitation.role_expires
    held = Assignment.objects.select_for_update().filter(user=user, role=role, scope=scope, source=Source.MANUAL)
    lasts = Q(expires=None) if expires is None else Q(expires=None) | Q(expires__gte=expires)
    if held.filter(in_force()).filter(lasts).exists():
        return
    try:
        if not invitation.invited_by.is_active:
            raise Forbidden
        assign_role(user, role, scope, expires=expires, actor=inviter)
    except (Forbidden, NotFound, Invalid) as error:
        said = _(
            "%(person)s, who invited you, may not give this role any more. Ask another admin of %(scope)s to invite you."
        )
        raise Refused(said % {"person": invitation.invited_by, "scope": scope}) from error


def _check_stands(invitation: Invitation) -> None:
    if not invitation.is_pending:
        raise Conflict(_closed(invitation))
    check_open(invitation.scope)
    if invitation.role_expires is not None and invitation.role_expires <= clock.now():
        raise Conflict(_("The role was to end by now, so there is nothing left to accept."))


def _closed(invitation: Invitation) -> str:
    return {
        InvitationState.ACCEPTED: _("This invitation was accepted already. It works once."),
        InvitationState.REVOKED: _("This invitation was revoked."),
        InvitationState.LAPSED: _("This invitation has ended. Ask for a new one."),
    }[invitation.state]


def _check_may_give(role: Role, scope: Scope, expires: datetime | None, actor: Actor) -> None:
    """What giving the role asks, to a person who is not known yet."""
    check_grant(Grant(User(), role, scope, expires), actor)


def _check_new(scope: Scope, role: Role, addresses: Sequence[str], actor: Actor) -> None:
    """Nobody who is invited to this role here already, holds it without an end, or invites herself."""
    wanted = {folded(address) for address in addresses}
    sent = Invitation.objects.filter(standing(InvitationState.PENDING), scope=scope, role=role)
    invited = {folded(address) for address in sent.values_list("address", flat=True)} & wanted
    rows = Assignment.objects.filter(in_force(), role=role, scope__path__above=scope.path, expires=None, user__isnull=False)
    holding = {folded(address) for address in rows.values_list("user__email", flat=True)} & wanted
    wrong = []
    for address in addresses:
        if is_same(address, actor.user.email):
            wrong.append(_("%(address)s is your own. Nobody gives herself a role; ask another admin.") % {"address": address})
        elif folded(address) in invited:
            wrong.append(_("%(address)s is invited to this role here already. Send that one again.") % {"address": address})
        elif folded(address) in holding:
            wrong.append(_("%(address)s holds this role here already.") % {"address": address})
    if wrong:
        raise Invalid(fields={"addresses": wrong[:10]})


def _send(invitations: Sequence[Invitation], actor: Actor) -> None:
    """Make a link for each, and a mail that carries it as soon as the hour has room for one more of hers."""
    User.objects.select_for_update(no_key=True).get(pk=actor.user.pk)
    recent = InvitationMail.objects.filter(asked_by=actor.user, leaves_at__gt=clock.now() - HOUR)
    times = sorted(recent.values_list("leaves_at", flat=True))
    mails = []
    for invitation in invitations:
        leaves_at = max(clock.now(), times[-MOST_AN_HOUR] + HOUR) if len(times) >= MOST_AN_HOUR else clock.now()
        times.append(leaves_at)
        mail = InvitationMail(invitation=invitation, asked_by=actor.user, leaves_at=leaves_at, due_at=leaves_at)
        mail.secret = plain = secrets.token_urlsafe(32)
        invitation.digest = digest_of(plain)
        mails.append(mail)
    InvitationMail.objects.bulk_create(mails)
    Invitation.objects.bulk_update(invitations, ["digest"])
    for mail in mails:
        queue.after_commit("tenancy.mail_invitation", mail.pk)


def _with_mails(rows: Any) -> Any:
    mails = InvitationMail.objects.filter(invitation=OuterRef("pk")).order_by()
    left = mails.filter(sent_at__isnull=False).values("invitation").annotate(count=Count("pk")).values("count")
    rows = rows.annotate(
        sent=Coalesce(Subquery(left), Value(0)),
        failed=Exists(mails.filter(failed=True)),
        leaves_at=Subquery(mails.filter(due_at__isnull=False).values("leaves_at")[:1]),
    )
    return rows.select_related("scope", "role", "invited_by", "accepted_by").order_by("-created_at", "-pk")


def _locked(**which: Any) -> Invitation:
    return _found(Invitation.objects.select_for_update(of=("self",)).filter(**which))


def _found(rows: Any) -> Invitation:
    found: Invitation | None = rows.select_related("scope__parent", "role", "invited_by", "accepted_by").first()
    if found is None:
        raise NotFound(_("This link opens nothing any more."))
    return found
