"""What the identity provider must be told of people: written with the decision, told in its order until it is confirmed.

Nothing is ever given up: who was disabled here must not get in there, however long the provider is away. Each verb may be
told twice, and is done only when reading back shows it. A step whose worker died is told again once its lease is over.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet

from portal.access.models import Scope
from portal.access.queries import roles_in_force
from portal.approvals.eligibility import accounts_holding
from portal.core import clock, queue
from portal.core.errors import Unavailable, redacted
from portal.core.journal import OPEN_STATES
from portal.events.services import record
from portal.identity import upstream
from portal.identity.models import ProviderStep, Session
from portal.identity.plane import Plane, issuer, plane
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import Identity, User

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)  # longer than the four calls of a step may take
LONGEST_WAIT = timedelta(minutes=1)
MOST_COUNTED = 20  # a wait no longer grows long before, and one of thousands could not be kept
MOST_STEPS = 20
TOLD_AFTER = 5
SIGN_OUT = "sign_out"


def tell(person: User, *verbs: str) -> None:
    """Write down what our issuer must be told of her, in this order; a worker tells it after the commit."""
    for identity in Identity.objects.select_for_update().defer("claims").filter(user=person, issuer=issuer()):
        _add(identity, *verbs)


def tell_end(session: Session) -> None:
    """The same for one session of hers, where it came from our issuer: what it came from is to end."""
    ours = Identity.objects.select_for_update().defer("claims").filter(sessions=session, issuer=issuer())
    for identity in ours if session.sid else ():
        _add(identity, SIGN_OUT, asked={"sid": session.sid})


def settle(identity_id: UUID) -> None:
    """Tell what is due of one identity. Runs twice, late or beside itself without harm."""
    for _ in range(MOST_STEPS):
        step = claim(identity_id)
        if step is None or not carry_out(step):
            return


@transaction.atomic(durable=True)
def claim(identity_id: UUID) -> ProviderStep | None:
    """Take the first open step if it is due, and write down that it is asked."""
    Identity.objects.select_for_update().filter(pk=identity_id).first()
    step = open_steps().filter(identity=identity_id).select_related("identity__user").order_by("turn").first()
    if step is None or not step.is_due(clock.now()):
        return None
    step.mark_asked()
    step.due_at = clock.now() + LEASE
    step.save(update_fields=["due_at"])
    return step


def carry_out(step: ProviderStep) -> bool:
    """Tell it, outside any transaction, and write down how it went. Whether the next may follow at once."""
    try:
        VERBS[step.verb](plane(), step)
    except Unavailable as error:
        _write_failure(step, str(error))
        return False
    except Exception as error:  # a fault of ours: said, and tried again
        logger.exception("step %s of identity %s", step.pk, step.identity_id)
        _write_failure(step, redacted(error))
        return False
    return _write_success(step)


def open_steps() -> QuerySet[ProviderStep]:
    """What is not confirmed yet."""
    return ProviderStep.objects.filter(state__in=OPEN_STATES)


def due() -> QuerySet[ProviderStep]:
    """Of those, what can be told now: the first of each identity."""
    before = open_steps().filter(identity=OuterRef("identity"), turn__lt=OuterRef("turn"))
    return open_steps().filter(~Exists(before), due_at__lte=clock.now())


def hurry() -> None:
    """The provider answers again: what waits for another try need not wait longer."""
    waiting = open_steps().filter(failures__gt=0)
    waiting.update(due_at=clock.now())
    for identity_id in waiting.order_by("identity").values_list("identity", flat=True).distinct():
        queue.after_commit("identity.settle", identity_id)


def _add(identity: Identity, *verbs: str, asked: dict[str, str] | None = None) -> None:
    last: int = identity.steps.aggregate(last=Max("turn"))["last"] or 0
    steps = [ProviderStep(identity=identity, verb=verb, turn=n, asked=asked or {}) for n, verb in enumerate(verbs, last + 1)]
    ProviderStep.objects.bulk_create(steps)
    queue.after_commit("identity.settle", identity.pk)


@transaction.atomic(durable=True)
def _write_success(step: ProviderStep) -> bool:
    current = _current(step)
    if current is None:
        return False
    current.mark_done({})
    user, identity = step.identity.user, step.identity
    record(f"identity.confirm_{step.verb}", user, actor=Actor.system(), cause=step, tries=current.tries)
    if step.verb == "enable":
        upstream.let_in(identity, cause=step)
    return True


@transaction.atomic(durable=True)
def _write_failure(step: ProviderStep, error: str) -> None:
    current = _current(step)
    if current is None:
        return
    current.failures = min(current.failures, MOST_COUNTED - 1)
    current.mark_later(redacted(error))
    current.due_at = min(current.due_at, clock.now() + LONGEST_WAIT)
    current.save(update_fields=["due_at"])
    if current.failures == TOLD_AFTER and current.verb != SIGN_OUT:
        _tell_operators(current, step.identity.user)


def _tell_operators(step: ProviderStep, user: User) -> None:
    """Once, in each organization where she holds a role: it will be told on, and somebody should look why it must be."""
    roots = Scope.objects.filter(pk__in=[UUID(role.scope.organization_id) for role in roles_in_force(user)])
    for root in roots:
        operators = User.objects.filter(pk__in=accounts_holding("operate_platform", root))
        notify(operators, "provider_behind", target=root, actor=Actor.system(), tries=step.tries, error=step.error)


def _current(step: ProviderStep) -> ProviderStep | None:
    """The step as it is now, locked; None where another try took its place meanwhile."""
    return open_steps().select_for_update().filter(pk=step.pk, tries=step.tries).first()


def _disable(provider: Plane, step: ProviderStep) -> None:
    provider.set_enabled(step.identity.subject, False)
    if provider.is_enabled(step.identity.subject):
        raise Unavailable("It was told to disable the account, and has it enabled.")


def _log_out(provider: Plane, step: ProviderStep) -> None:
    provider.end_sessions(step.identity.subject)
    if left := provider.sessions(step.identity.subject):
        raise Unavailable(f"It was told to end her sessions, and has {len(left)}.")


def _sign_out(provider: Plane, step: ProviderStep) -> None:
    """End the sessions that she wanted ended, and none that she begins meanwhile: nothing told later waits for those."""
    subject, sid = step.identity.subject, step.asked.get("sid")
    meant = {one for one in provider.sessions(subject) if sid in (None, one)}
    if meant and sid:
        provider.end_session(sid)
    elif meant:
        provider.end_sessions(subject)
    if left := meant & set(provider.sessions(subject)):
        raise Unavailable(f"It was told to end her sessions, and has {len(left)} of them.")


def _enable(provider: Plane, step: ProviderStep) -> None:
    provider.set_enabled(step.identity.subject, True)
    if not provider.is_enabled(step.identity.subject):
        raise Unavailable("It was told to enable the account, and has none that is enabled.")


VERBS: dict[str, Callable[[Plane, ProviderStep], None]] = {
    "disable": _disable,
    "logout": _log_out,
    "enable": _enable,
    SIGN_OUT: _sign_out,
}
