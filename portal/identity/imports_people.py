"""Rows of people: local accounts, made by an admin of their organization; what is there already is never changed."""

import re
import secrets
from collections.abc import Iterable, Sequence

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Scope, ScopeKind
from portal.core import clock, queue
from portal.core.errors import Conflict, PortalError, Refused
from portal.events.services import event_of, record_all
from portal.identity.federated import RESERVED
from portal.identity.imports_csv import Row
from portal.identity.imports_plan import BATCH, CREATE, SAME, Folk, Once, Step, words_of, wrong
from portal.identity.models import Import, ResetMail
from portal.identity.plane import issuer
from portal.users.actor import Actor
from portal.users.models import User

PERMISSION = "manage_people"
USERNAME = re.compile(r"[a-z0-9][a-z0-9._+-]{0,99}", re.IGNORECASE)


def plan(rows: Sequence[Row], top: Scope, actor: Actor) -> list[Step]:
    """What each row would do."""
    names = [row["username"] for row in rows]
    folk, taken, once = Folk(names, top), _taken(names), Once()
    try:
        _check_may(top, actor)
    except PortalError as error:
        return [wrong(row, row["username"], words_of(error)) for row in rows]
    steps = []
    for row in rows:
        try:
            steps.append(_step(row, folk, taken, once))
        except PortalError as error:
            steps.append(wrong(row, row["username"], words_of(error)))
    return steps


@transaction.atomic
def carry_out(steps: Sequence[Step], cause: Import, *, actor: Actor) -> None:
    """Make the accounts; each is sent a link by which she sets her password, and nobody knows one before."""
    _check_may(cause.scope, actor)
    unknown = make_password(
        secrets.token_urlsafe(48)
    )  # nobody knows it, so that one for all, which takes half a second, will do
    users = [User(**step.facts, password=unknown) for step in steps if step.alters]
    try:
        with transaction.atomic():
            User.objects.bulk_create(users, batch_size=BATCH)
    except IntegrityError as error:
        raise Conflict(_("One of these names was taken at the same moment.")) from error
    cause.people.add(*users)
    path = cause.scope_path
    record_all([event_of("identity.create_account", user, actor=actor, cause=cause, scope_path=path) for user in users])
    mails = [ResetMail(user=user, address=f"import:{cause.pk}", due_at=clock.now()) for user in users]
    for mail in ResetMail.objects.bulk_create(mails, batch_size=BATCH):
        queue.after_commit("identity.mail_reset", mail.pk)


def _step(row: Row, folk: Folk, taken: set[str], once: Once) -> Step:
    username, name, email = row["username"], row["name"], row["email"]
    if not USERNAME.fullmatch(username):
        raise Refused(_("A sign-in name is at most 100 letters, digits, dots, dashes, plus signs and underscores."))
    once.check(username.lower(), row)
    _check_email(email)
    if len(name) > 150:
        raise Refused(_("A name has at most 150 characters."))
    known = folk.by_username.get(username)
    if known is not None and known.pk in folk.own:
        if (known.name, known.email.lower()) == (name or known.name, email.lower()):
            return Step(row.line, SAME, username, _("Known already."), {"user": str(known.pk)})
        raise Refused(_("Known already, by another name or address. An import changes nobody."))
    if username.lower() in taken:
        raise Refused(_("This name is taken."))
    said = _("New account; she is mailed a link to set her password.")
    return Step(row.line, CREATE, username, said, {"username": username, "name": name, "email": email})


def _check_may(top: Scope, actor: Actor) -> None:
    require(actor, PERMISSION, top)
    if top.scope_kind != ScopeKind.ORGANIZATION:
        raise Refused(_("People belong to an organization. Import them there."))
    if issuer():
        raise Refused(_("People come from the identity service here. Import what they may do: their roles."))


def _check_email(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise Refused(_("Give an e-mail address; the link to set a password goes there.")) from error
    if len(email) > 254:
        raise Refused(_("An e-mail address has at most 254 characters."))


def _taken(names: Iterable[str]) -> set[str]:
    """Which of these names nobody new can have, in lower case."""
    wanted, taken = sorted({name.lower() for name in names}), set(RESERVED)
    for start in range(0, len(wanted), BATCH):
        alike = User.objects.annotate(folded=Lower("username")).filter(folded__in=wanted[start : start + BATCH])
        taken |= set(alike.values_list("folded", flat=True))
    return taken
