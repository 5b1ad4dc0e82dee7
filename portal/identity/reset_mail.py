"""The mail with the link: taken by moving its due time, sent, then noted. The link is made as it leaves and kept nowhere."""

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

from portal.core import clock
from portal.identity.models import ResetMail
from portal.identity.passwords import reset_tokens
from portal.users.models import User

LEASE = timedelta(minutes=2)
GIVEN_UP_AFTER = timedelta(hours=1)
KEPT = timedelta(days=1)


def deliver(pk: UUID, *, at: datetime) -> bool:
    """Try to send a mail that is due; true when it left. Not due, taken by another, or asked for too long ago: nothing."""
    fresh = ResetMail.objects.filter(pk=pk, due_at__lte=at, created_at__gt=at - GIVEN_UP_AFTER)
    if not fresh.update(due_at=at + LEASE, attempts=F("attempts") + 1):
        return False
    row = ResetMail.objects.select_related("user").get(pk=pk)
    mine = ResetMail.objects.filter(pk=pk)
    if row.user is None or not row.user.is_active or not row.user.email:
        mine.update(due_at=None)
        return False
    try:
        mail_of(row, row.user).send()
    except (SMTPException, OSError):
        mine.update(due_at=at + timedelta(minutes=2 ** (row.attempts - 1)))
        return False
    mine.update(due_at=None, sent_at=clock.now())
    return True


def due(at: datetime) -> QuerySet[ResetMail]:
    """What should have left by now and is still worth sending."""
    return ResetMail.objects.filter(due_at__lte=at, created_at__gt=at - GIVEN_UP_AFTER).order_by("due_at")


def prune(at: datetime) -> int:
    """Forget who asked, a day later."""
    return ResetMail.objects.filter(created_at__lt=at - KEPT).delete()[0]


def mail_of(row: ResetMail, user: User) -> EmailMultiAlternatives:
    """In her language: the link, or the word that her organization keeps her password."""
    with translation.override(user.language or None):
        local = user.has_usable_password()
        path = reverse("reset", args=[user.pk, reset_tokens.make_token(user)]) if local else reverse("signin")
        context = {"person": user, "is_local": local, "link": urljoin(settings.PUBLIC_URL, path)}
        mail = EmailMultiAlternatives(
            subject=_("Set a new password for Concord") if local else _("How you sign in to Concord"),
            body=render_to_string("identity/reset_mail.txt", context),
            to=[user.email],
            headers={"Message-ID": _message_id(row), "Auto-Submitted": "auto-generated"},
        )
        mail.attach_alternative(render_to_string("identity/reset_mail.html", context), "text/html")
    return mail


def _message_id(row: ResetMail) -> str:
    return f"<{row.pk}.{row.attempts}@{urlsplit(settings.PUBLIC_URL).hostname or 'localhost'}>"
