"""The mail that invites: taken by moving its due time, sent, then noted; with it the secret of its link is gone from here."""

from datetime import datetime, timedelta
from smtplib import SMTPException
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from portal.access.models import Scope
from portal.core import clock
from portal.core.crypto import Unreadable
from portal.tenancy.models import Invitation, InvitationMail

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 12
LONGEST_PAUSE = timedelta(hours=6)


def deliver(pk: UUID, *, at: datetime) -> bool:
    """Try to send a mail that is due; true when it left. Not due, taken by another, or no longer wanted: nothing happens."""
    due = InvitationMail.objects.filter(pk=pk, due_at__lte=at)
    if not due.update(due_at=at + LEASE, attempts=F("attempts") + 1):
        return False
    mail = InvitationMail.objects.select_related("invitation__scope", "invitation__role", "invitation__invited_by").get(pk=pk)
    if not mail.invitation.is_pending or not mail.invitation.invited_by.is_active:
        return _end(mail, failed=mail.invitation.is_pending)
    try:
        message_of(mail).send()
    except Unreadable:
        return _end(mail, failed=True)
    except (SMTPException, OSError):
        if mail.attempts >= MOST_ATTEMPTS:
            return _end(mail, failed=True)
        pause = min(timedelta(minutes=2 ** (mail.attempts - 1)), LONGEST_PAUSE)
        InvitationMail.objects.filter(pk=pk, due_at__isnull=False).update(due_at=at + pause)
        return False
    InvitationMail.objects.filter(pk=pk).update(due_at=None, sent_at=clock.now(), sealed=None)
    return True


def due(at: datetime) -> QuerySet[InvitationMail]:
    """What should have left by now, oldest first."""
    return InvitationMail.objects.filter(due_at__lte=at).order_by("due_at")


def message_of(mail: InvitationMail) -> EmailMultiAlternatives:
    """In the language of who invites: what for, until when, and the link."""
    invitation = mail.invitation
    with translation.override(invitation.invited_by.language):
        context = {
            "invitation": invitation,
            "organization": organization_of(invitation),
            "link": urljoin(settings.PUBLIC_URL, reverse("invited", args=[mail.secret])),
        }
        message = EmailMultiAlternatives(
            subject=_("You are invited to %(scope)s in Concord") % {"scope": " ".join(invitation.scope.name.split())},
            body=render_to_string("tenancy/invitation_mail.txt", context),
            to=[invitation.address],
            headers={"Message-ID": f"<{mail.pk}@{urlsplit(settings.PUBLIC_URL).hostname or 'localhost'}>"},
        )
        message.extra_headers["Auto-Submitted"] = "auto-generated"
        message.attach_alternative(render_to_string("tenancy/invitation_mail.html", context), "text/html")
    return message


def organization_of(invitation: Invitation) -> Scope:
    """The organization that she is invited into."""
    return Scope.objects.get(pk=UUID(invitation.scope.organization_id))


def _end(mail: InvitationMail, *, failed: bool) -> bool:
    InvitationMail.objects.filter(pk=mail.pk).update(due_at=None, sealed=None, failed=failed)
    return False
