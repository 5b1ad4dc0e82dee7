"""Send one notice as a mail, at least once: taken by moving its due time, sent, then recorded.

A worker that dies after the mail server took the mail and before the row says so makes it leave again when the lease is
over. Both copies carry the same Message-ID, so mail programs show one.
"""

from datetime import datetime, timedelta
from smtplib import SMTPException
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.utils import translation

from portal.core import clock, registry
from portal.notices.messages import message_of
from portal.notices.models import Delivery, Notice, Sending

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 12
LONGEST_PAUSE = timedelta(hours=6)


def deliver(delivery_id: UUID, *, at: datetime) -> bool:
    """Try to send a mail that is due; true when it left. Not due, taken by another, or done: nothing happens."""
    delivery = take(delivery_id, at=at)
    if delivery is None:
        return False
    if not delivery.notice.user.is_active or not delivery.notice.user.email:
        _put(delivery, state=Sending.FAILED, error="no address to write to")
        return False
    try:
        mail_of(delivery).send()
    except (SMTPException, OSError) as error:
        _postpone(delivery, error, at=at)
        return False
    _put(delivery, state=Sending.SENT, sent_at=clock.now(), error="")
    return True


def take(delivery_id: UUID, *, at: datetime) -> Delivery | None:
    """Make a due delivery ours for the length of the lease; None when there is nothing to take."""
    due = Delivery.objects.filter(pk=delivery_id, state=Sending.WAITING, due_at__lte=at)
    if not due.update(due_at=at + LEASE, attempts=F("attempts") + 1):
        return None
    return Delivery.objects.select_related("notice__user").get(pk=delivery_id)


def due_deliveries(at: datetime) -> QuerySet[Delivery]:
    """What should have left by now, oldest first."""
    return Delivery.objects.filter(state=Sending.WAITING, due_at__lte=at).order_by("due_at")


def mail_of(delivery: Delivery) -> EmailMultiAlternatives:
    """The mail in the reader's language: plain text beside HTML, with an absolute link to the page."""
    notice = delivery.notice
    with translation.override(notice.user.language or None):
        context = {
            "notice": notice,
            "person": notice.user,
            "link": urljoin(settings.PUBLIC_URL, link_of(notice)),
            "always": message_of(notice.topic).always,
            "preferences": urljoin(settings.PUBLIC_URL, "/notices/"),
        }
        mail = EmailMultiAlternatives(
            subject=" ".join(notice.title.split()),
            body=render_to_string("notices/mail.txt", context),
            to=[notice.user.email],
            headers={"Message-ID": _message_id(delivery), "Auto-Submitted": "auto-generated"},
        )
        mail.attach_alternative(render_to_string("notices/mail.html", context), "text/html")
    return mail


def link_of(notice: Notice) -> str:
    """Where its mail leads: to a link of the reader's own, where an app makes one for its topic, else to the page."""
    makers = (maker() for maker in registry.load("PORTAL_MAIL_LINKS"))
    own = next((path for maker in makers if notice.topic in maker.topics and (path := maker.path_for(notice))), "")
    return own or notice.url


def _message_id(delivery: Delivery) -> str:
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return f"<{delivery.pk}@{host}>"


def _postpone(delivery: Delivery, error: Exception, *, at: datetime) -> None:
    """Try again later, each time later than before; after the last attempt it is kept as failed, with the reason."""
    pause = min(timedelta(minutes=2 ** (delivery.attempts - 1)), LONGEST_PAUSE)
    state = Sending.FAILED if delivery.attempts >= MOST_ATTEMPTS else Sending.WAITING
    _put(delivery, state=state, due_at=at + pause, error=f"{type(error).__name__}: {error}"[:500])


def _put(delivery: Delivery, **values: object) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(**values)
