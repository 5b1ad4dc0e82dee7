"""People, projects and roles from CSV: looked at first, then carried out exactly as shown, or not at all."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Scope
from portal.access.queries import scopes_where
from portal.access.resolver import paths_of
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.identity import imports_people, imports_projects, imports_roles
from portal.identity.imports_csv import read
from portal.identity.imports_plan import Step, counts_of, digest_of, restored, stored, words_of
from portal.identity.models import Import, ImportState
from portal.users.actor import Actor

PERMISSION = "manage_members"
KINDS: dict[str, Any] = {"people": imports_people, "projects": imports_projects, "roles": imports_roles}
KEPT = timedelta(days=7)


def places(actor: Actor) -> list[Scope]:
    """The highest scopes whose roles she gives: an import is for one of them and all below it."""
    paths = paths_of(actor, PERMISSION)
    tops = [path for path in paths if not any(path.startswith(f"{other}.") for other in paths)]
    return list(scopes_where(actor, PERMISSION).filter(path__in=tops))


@transaction.atomic
def look(text: str, scope: Scope, *, actor: Actor) -> Import:
    """Read the rows and say what each would do; nothing else is changed. Invalid where they cannot be read.

    However many rows, tree, roles and people are read once.
    """
    _check_may(scope, actor)
    sheet = read(text)
    steps: list[Step] = KINDS[sheet.kind].plan(sheet.rows, scope, actor)
    return Import.objects.create(
        scope=scope,
        kind_of_rows=sheet.kind,
        text=text,
        plan=stored(steps),
        digest=digest_of(steps),
        counts=counts_of(steps),
        asked_by=actor.user,
    )


@transaction.atomic
def carry_out(found: Import, digest: str, *, actor: Actor) -> Import:
    """Do what was shown, all of it in one transaction, if it is still what would be done; else it is only shown anew.

    `digest` is the seal of what she was shown. Carried out already, nothing changes. Refused while a row is wrong.
    """
    require_fresh(actor)
    _check_may(found.scope, actor)
    found = Import.objects.select_for_update(of=("self",)).select_related("scope").get(pk=found.pk)
    if found.state == ImportState.DONE:
        return found
    if digest != found.digest:
        raise Conflict(_("This is not what was shown last. Look at it again."))
    kind = KINDS[found.kind_of_rows]
    steps: list[Step] = kind.plan(read(found.text).rows, found.scope, actor)
    if digest_of(steps) != found.digest:
        return _show_anew(found, steps)
    if not found.can_be_carried_out:
        raise Refused(_("A row is wrong, or there is nothing to do."))
    event = record("identity.carry_out_import", found, actor=actor, rows=found.kind_of_rows, **found.counts)
    try:
        kind.carry_out(steps, found, actor=actor)
    except (NotFound, Invalid) as error:
        raise Conflict(_("Something changed at the same moment: %(why)s") % {"why": words_of(error)}) from error
    found.state, found.text, found.ended_at, found.correlation_id = ImportState.DONE, "", event.at, event.correlation_id
    found.plan = stored(replace(step, facts={}) for step in steps)  # what it says is kept, whom it names by id is not
    found.save(update_fields=["state", "text", "plan", "ended_at", "correlation_id"])
    return found


def imports_visible_to(actor: Actor) -> Any:
    """The imports for scopes whose roles she gives, newest first, without their rows."""
    return Import.objects.visible_to(actor).select_related("scope", "asked_by").defer("text", "plan")


def import_of(actor: Actor, pk: UUID | str) -> Import:
    """One of them, whole, or NotFound."""
    found: Import | None = Import.objects.visible_to(actor).select_related("scope", "asked_by").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def steps_of(found: Import) -> list[Step]:
    """What its rows do, in the order of the file."""
    return restored(found.plan)


def forget_old() -> None:
    """Looks that led to nothing are forgotten after seven days."""
    Import.objects.filter(state=ImportState.LOOKED, created_at__lt=clock.now() - KEPT).delete()


def _show_anew(found: Import, steps: list[Step]) -> Import:
    """Keep the new plan, each step with what was said of its row before, where that differs."""
    before = restored(found.plan)
    pairs = zip(steps, before, strict=True)
    steps = [now if _alike(now, was) else replace(now, was=was.said or was.outcome) for now, was in pairs]
    found.plan, found.digest, found.counts = stored(steps), digest_of(steps), counts_of(steps)
    found.save(update_fields=["plan", "digest", "counts"])
    return found


def _alike(now: Step, was: Step) -> bool:
    return (now.outcome, now.subject, now.facts) == (was.outcome, was.subject, was.facts)


def _check_may(scope: Scope, actor: Actor) -> None:
    if actor.narrowed_to is not None:
        raise Forbidden(_("A narrowed token imports nothing."))
    require(actor, PERMISSION, scope)
