"""One effect for one Idempotency-Key: the effect and the answer to it are committed together, or neither is."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.auth import actor_of, http_of
from portal.api.models import Reply
from portal.core import clock
from portal.core.errors import Conflict, Invalid
from portal.users.actor import Actor

KEPT = timedelta(hours=24)
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY = re.compile(r"[\x21-\x7e]{1,120}")

Handler = Callable[..., Response]


class KeyReused(Conflict):
    """The key came with another request before."""

    code = "key-reused"


class InFlight(Conflict):
    """The first request with this key is still at work. `extra`: retry_after, in seconds."""

    code = "in-flight"


def key_of(request: Request) -> str:
    """The key that came with a request; empty where none did."""
    key = str(request.headers.get(HEADER, "")).strip().strip('"')
    if key and not KEY.fullmatch(key):
        raise Invalid(fields={HEADER: [_("At most 120 printable characters without spaces.")]})
    return key


def idempotent(*, required: bool = False, once_only: tuple[str, ...] = ()) -> Callable[[Handler], Handler]:
    """Around a creating POST: the same key with the same request gives the answer of the first, and does nothing.

    A refusal leaves no trace, so what was wrong can be put right under the same key. A process that dies midway leaves
    none either: its transaction goes, and the lock with it. `once_only` names what a replay does not show again.
    """

    def around(post: Handler) -> Handler:
        @wraps(post)
        def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = key_of(request)
            if not key and required:
                raise Invalid(fields={HEADER: [_("Send a key of your choice, a new one for each new thing.")]})
            if not key:
                return post(view, request, *args, **kwargs)
            actor, mark = actor_of(request), fingerprint(request)
            with transaction.atomic():
                hold(actor, key)
                kept = Reply.kept.filter(user=actor.user, key=key, created_at__gt=clock.now() - KEPT).first()
                if kept is not None:
                    return replay(kept, mark)
                response = post(view, request, *args, **kwargs)
                keep(actor, key, mark, response, once_only)
            return response

        return answer

    return around


def fingerprint(request: Request) -> str:
    """Stands for what was asked, and with what rights; keyed, since a body may hold credentials."""
    http, limit = http_of(request), actor_of(request).narrowed_to
    allowed = [sorted(limit.permissions) if limit.permissions is not None else None, limit.scope_path] if limit else None
    head = json.dumps([http.method, http.get_full_path(), allowed])
    return salted_hmac("portal.api.reply", head.encode() + b"\n" + http.body, algorithm="sha256").hexdigest()


def hold(actor: Actor, key: str) -> None:
    """Be the only one with this key until the transaction ends, or InFlight."""
    with connection.cursor() as cursor:
        name = f"api.reply:{actor.user.pk}:{key}"
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        if not cursor.fetchone()[0]:
            raise InFlight(_("The first request with this key is still at work. Ask again in a second."), retry_after=1)


def replay(kept: Reply, mark: str) -> Response:
    """The answer given before; KeyReused where it was an answer to something else."""
    if kept.fingerprint != mark:
        raise KeyReused(_("This key came with another request before. Take a new one."))
    headers = {REPLAYED: "true"} | ({"Location": kept.location} if kept.location else {})
    return Response(json.loads(kept.body), status=kept.status, headers=headers)


def keep(actor: Actor, key: str, mark: str, response: Response, once_only: tuple[str, ...]) -> None:
    """Write the answer down, in the transaction of its effect."""
    shown = {name: None if name in once_only else value for name, value in response.data.items()}
    Reply.kept.filter(user=actor.user, key=key).delete()
    Reply.kept.create(
        user=actor.user,
        key=key,
        fingerprint=mark,
        status=response.status_code,
        location=response.headers.get("Location", ""),
        body=JSONRenderer().render(shown).decode(),
    )


def forget_old() -> int:
    """Drop the answers that are older than a day; returns how many."""
    return Reply.kept.filter(created_at__lte=clock.now() - KEPT).delete()[0]
