"""What is kept no longer: sessions that ended by themselves, and what only they needed."""

from datetime import timedelta

from django.contrib.sessions.models import Session as StoredSession
from django.db.models import Q

from portal.core import clock
from portal.identity import imports, sessions
from portal.identity.models import Session, SessionEnd, SpentToken

KEPT = timedelta(days=90)


def forget_old() -> None:
    """Close sessions that nobody came back to, with their tokens; forget those of more than ninety days ago, and imports
    that were only looked at.
    """
    imports.forget_old()
    now = clock.now()
    over = Q(created_at__lt=now - sessions.LONGEST) | Q(seen_at__lt=now - sessions.IDLE - sessions.NOTED_EVERY)
    sessions.end_all(Session.objects.filter(over), why=SessionEnd.EXPIRED)
    StoredSession.objects.filter(expire_date__lt=now).delete()
    SpentToken.objects.filter(until__lt=now - timedelta(hours=1)).delete()
    Session.objects.filter(created_at__lt=now - KEPT).delete()
