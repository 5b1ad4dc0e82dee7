"""What every kind of token has in common: how it is written, that only its hash is kept, how it is found, that its use is noted."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q

from portal.core import clock

NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token. `plain` is shown once; `prefix` names it in lists and events, `digest` is what is kept of it."""

    prefix: str
    plain: str
    digest: str


def mint(word: str) -> Minted:
    """A token that begins with a word, so that whoever finds one knows what it opens."""
    prefix = secrets.token_hex(6)
    plain = f"{word}_{prefix}_{secrets.token_urlsafe(32)}"
    return Minted(prefix, plain, digest_of(plain))


def found(word: str, plain: str, rows: Any) -> Any:
    """The row of this token among rows with `prefix` and `digest`; None where it is none of them. Takes as long either way."""
    written = re.fullmatch(rf"{word}_([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}", plain)
    row = rows.filter(prefix=written[1]).first() if written else None
    known = hmac.compare_digest(row.digest if row else "", digest_of(plain))
    return row if known else None


def note_use(token: Any, **seen: str) -> None:
    """Note when it was used, and what else was seen of its user; at most one write a minute for each token."""
    now = clock.now()
    if token.used_at is None or token.used_at < now - NOTED_EVERY:
        stale = Q(used_at=None) | Q(used_at__lt=now - NOTED_EVERY)
        type(token)._default_manager.filter(stale, pk=token.pk).update(used_at=now, **seen)


def digest_of(plain: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(plain.encode()).hexdigest()
