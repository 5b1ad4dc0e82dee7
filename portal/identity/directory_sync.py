"""The sync of the directory: read it whole, compare, and carry out what differs in one transaction; or say that it will not."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from portal.access.guard import permissions_of
from portal.core import clock, queue
from portal.core.errors import Conflict, Forbidden, NotFound, PortalError
from portal.events.services import event_of, record, record_all
from portal.identity import mapping, upstream
from portal.identity.claims import kept
from portal.identity.directory import Difference, Known, Person, compare, removes_too_much
from portal.identity.federated import RESERVED, address_in, one_line
from portal.identity.models import OPEN_SYNCS, DirectorySync, SyncState
from portal.identity.plane import Plane, issuer, plane
from portal.users.actor import Actor
from portal.users.models import Identity, User

SHARE, AT_LEAST = 10, 10
"""More than ten percent, and more than ten people, leave only when a person has confirmed it."""
NAMED = 100
LOST_AFTER = timedelta(minutes=15)
EVERY = timedelta(hours=1)


@transaction.atomic
def ask(*, actor: Actor, dry_run: bool = False) -> DirectorySync:
    """Have the directory read by a worker. While one runs or waits, that one is given back."""
    _check_may(actor)
    _hold()
    running = DirectorySync.objects.filter(state__in=OPEN_SYNCS, dry_run=dry_run).first()
    return running or _begin(actor, dry_run=dry_run)


@transaction.atomic
def go_on(stopped: DirectorySync, *, actor: Actor) -> DirectorySync:
    """Sync again, and let as many leave as the one that stopped had found; if it is more by then, it stops again."""
    _check_may(actor)
    _hold()
    stopped = DirectorySync.objects.get(pk=stopped.pk)
    if stopped.state != SyncState.STOPPED or DirectorySync.objects.filter(created_at__gt=stopped.created_at).exists():
        raise Conflict(_("There is a later sync. Look at that one."))
    record("identity.confirm_sync", stopped, actor=actor, may_remove=stopped.counts["leaving"])
    return _begin(actor, may_remove=stopped.counts["leaving"])


def syncs(actor: Actor) -> Any:
    """Every sync, newest first."""
    _check_may(actor)
    return DirectorySync.objects.select_related("asked_by")


def sync_of(actor: Actor, pk: UUID | str) -> DirectorySync:
    """One of them, or NotFound."""
    found: DirectorySync | None = syncs(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def leaving_of(sync: DirectorySync) -> list[User]:
    """The first hundred who would have lost their access by it, by name."""
    return list(User.objects.filter(identities__in=sync.leaving).order_by("name", "pk"))


def run(sync_id: UUID) -> None:
    """Do it, once; what goes wrong is kept with it."""
    if not issuer() or not _take(sync_id):
        return
    try:
        perform(DirectorySync.objects.get(pk=sync_id), plane())
    except PortalError as error:
        _end(sync_id, SyncState.FAILED, error=str(error)[:300])
    except Exception:
        _end(sync_id, SyncState.FAILED, error=_("It broke off. The log of the worker says why."))
        raise


def due() -> list[UUID]:
    """Syncs that wait, those whose worker was lost, and the one that is due each hour: asked twice they do no harm."""
    now = clock.now()
    lost = DirectorySync.objects.filter(state=SyncState.RUNNING, began_at__lt=now - LOST_AFTER)
    lost.update(state=SyncState.WAITING)
    if issuer() and not DirectorySync.objects.filter(dry_run=False, created_at__gt=now - EVERY).exists():
        ask(actor=Actor.system())
    return list(DirectorySync.objects.filter(state=SyncState.WAITING).values_list("pk", flat=True))


def perform(sync: DirectorySync, source: Plane) -> None:
    """Read all of a source, compare, and carry it out, in one transaction; or only say what differs, or stop and ask."""
    people = [_clean(person) for person in source.directory()]
    first = compare(people, _known())
    again = [source.person(one.subject) for one in first.absent]
    people += [_clean(person) for person in again if person is not None]
    looked = {one.subject for one in first.absent}
    with transaction.atomic():
        _hold()
        found = compare(people, _known())
        found.absent = [one for one in found.absent if one.subject in looked]
        known = Identity.objects.filter(issuer=issuer(), disabled_at=None).count()
        sync.counts = _counts(people, found)
        sync.leaving = [str(one.ref.pk) for one in found.leaving[:NAMED]]
        allowed = len(found.leaving) <= (sync.may_remove or 0)
        if not allowed and removes_too_much(len(found.leaving), known, share=SHARE, at_least=AT_LEAST):
            sync.state = SyncState.STOPPED
        elif not sync.dry_run:
            sync.counts["gained"], sync.counts["lost"] = _carry_out(found, cause=sync)
        sync.state = SyncState.DONE if sync.state == SyncState.RUNNING else sync.state
        sync.ended_at = clock.now()
        sync.save(update_fields=["counts", "leaving", "state", "ended_at"])
        record("identity.sync_directory", sync, actor=Actor.system(), outcome=sync.state, dry_run=sync.dry_run, **sync.counts)


def _clean(person: Person) -> Person:
    """As the portal keeps it: text in one line, an e-mail address that is one, and no more groups than are kept."""
    groups = frozenset(kept(person.groups))
    return replace(person, name=one_line(person.name, 150), email=address_in(person.email), groups=groups)


def _known() -> list[Known]:
    rows = Identity.objects.filter(issuer=issuer()).select_related("user")
    return [
        Known(
            ref=row,
            subject=row.subject,
            email=row.user.email,
            name=row.user.name,
            enabled=row.disabled_at is None,
            groups=frozenset(row.claims.get("groups", ())),
        )
        for row in rows
    ]


def _carry_out(found: Difference, *, cause: DirectorySync) -> tuple[int, int]:
    made = _make(found.new, cause)
    moved = _change(found.changed)
    for one in found.enabled:
        upstream.let_in(one.ref, cause=cause)
    for one in found.leaving:
        upstream.shut_out(one.ref, cause=cause)
    touched = [one.ref for one in (*found.enabled, *found.leaving)]
    return mapping.apply([*made, *moved, *touched], actor=Actor.system(), cause=cause)


def _make(people: Sequence[Person], cause: DirectorySync) -> list[Identity]:
    users = [User(username=name, email=person.email, name=person.name) for name, person in _named(people)]
    for user in users:
        user.set_unusable_password()
    User.objects.bulk_create(users, batch_size=1000)
    pairs = zip(users, people, strict=True)
    made = [
        Identity(user=user, issuer=issuer(), subject=person.subject, claims={"groups": sorted(person.groups)})
        for user, person in pairs
    ]
    Identity.objects.bulk_create(made, batch_size=1000)
    system = Actor.system()
    record_all([event_of("identity.create_account", user, actor=system, cause=cause) for user in users])
    return made


def _named(people: Sequence[Person]) -> Iterable[tuple[str, Person]]:
    """A sign-in name for each: her own there, with the beginning of her subject where somebody has it, in whichever case."""
    wanted = [one_line(person.username, 150) or person.subject[:150] for person in people]
    taken = set(RESERVED)
    for start in range(0, len(wanted), 1000):
        alike = User.objects.annotate(folded=Lower("username"))
        names = [name.lower() for name in wanted[start : start + 1000]]
        taken |= set(alike.filter(folded__in=names).values_list("folded", flat=True))
    for name, person in zip(wanted, people, strict=True):
        free = name if not {name.lower()} & taken else f"{name[:100]}-{person.subject[:12]}"
        taken.add(free.lower())
        yield free, person


def _change(pairs: Sequence[tuple[Known, Person]]) -> list[Identity]:
    rows = []
    for one, person in pairs:
        identity: Identity = one.ref
        identity.user.email, identity.user.name = person.email, person.name
        identity.claims = {**identity.claims, "groups": sorted(person.groups)}
        rows.append(identity)
    User.objects.bulk_update([row.user for row in rows], ["email", "name"], batch_size=1000)
    Identity.objects.bulk_update(rows, ["claims"], batch_size=1000)
    return rows


def _counts(people: Sequence[Person], found: Difference) -> dict[str, int]:
    kinds = ("new", "changed", "enabled", "disabled", "absent", "leaving")
    return {"seen": len(people), **{kind: len(getattr(found, kind)) for kind in kinds}}


def _begin(actor: Actor, **given: Any) -> DirectorySync:
    sync = DirectorySync.objects.create(asked_by=actor.user, **given)
    queue.after_commit("identity.sync_directory", sync.pk)
    return sync


def _take(sync_id: UUID) -> bool:
    waiting = DirectorySync.objects.filter(pk=sync_id, state=SyncState.WAITING)
    return bool(waiting.update(state=SyncState.RUNNING, began_at=clock.now()))


def _end(sync_id: UUID, state: SyncState, *, error: str) -> None:
    DirectorySync.objects.filter(pk=sync_id).update(state=state, error=error, ended_at=clock.now())


def _hold() -> None:
    """One sync writes at a time, until the transaction ends."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('identity:directory', 0))")


def _check_may(actor: Actor) -> None:
    if not actor.is_system and "operate_platform" not in permissions_of(actor):
        raise Forbidden(_("Syncing the directory takes the permission operate_platform."))
