"""Terms of use: an organization publishes them, its people accept each version before they go on."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import holds, require
from portal.access.models import Scope, ScopeKind
from portal.access.resolver import grants
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.services import record
from portal.tenancy.models import Acceptance, Terms
from portal.users.actor import Actor

LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of a text, and how it came to stand there since another version."""

    text: str
    change: Literal["same", "added", "removed"] = "same"


def waiting_for(actor: Actor) -> QuerySet[Terms]:
    """The terms in force of organizations where she holds a role, that she has not accepted: one query.

    A service account accepts nothing: its owner does.
    """
    roots = {UUID(path.split(".")[0]) for path, _held in grants(actor)}
    hers = Acceptance.objects.filter(terms=OuterRef("pk"), user=actor.person_id)
    asked = Terms.objects.filter(~Exists(hers), scope__in=roots, ended_at=None)
    return asked.select_related("scope").order_by("scope__name", "pk")


def accepted_by(actor: Actor) -> QuerySet[Acceptance]:
    """What she accepted, the latest on top."""
    return Acceptance.objects.filter(user=actor.user).select_related("terms__scope").order_by("-created_at", "-pk")


def terms_of(organization: Scope) -> Any:
    """Every version, the latest first, with how many `accepted` it."""
    versions = Terms.objects.filter(scope=organization).select_related("published_by").order_by("-version")
    return versions.annotate(accepted=Count("acceptances"))


def latest(organization: Scope) -> Terms | None:
    """The last version, in force or withdrawn."""
    return Terms.objects.filter(scope=organization).order_by("-version").first()


def visible(actor: Actor, pk: UUID) -> Terms:
    """One version of an organization where she holds a role, or NotFound."""
    found: Terms | None = Terms.objects.visible_to(actor).select_related("scope", "published_by").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def may_publish(actor: Actor, organization: Scope) -> bool:
    """Whether she publishes terms there, and so reads who accepted them."""
    return holds(actor, "manage_terms", organization)


def in_force(organization: Scope) -> Terms | None:
    """The version that people are asked for now."""
    return Terms.objects.filter(scope=organization, ended_at=None).first()


def acceptances_of(terms: Terms) -> QuerySet[Acceptance]:
    """Who accepted a version and when, by name."""
    return Acceptance.objects.filter(terms=terms).select_related("user").order_by("user__name", "pk")


def changes(terms: Terms, actor: Actor) -> list[Paragraph]:
    """The text paragraph by paragraph, with what differs from the version of it that she accepted last, if any."""
    before = Acceptance.objects.filter(user=actor.user, terms__scope=terms.scope_id).order_by("-terms__version").first()
    now = paragraphs(terms.text)
    return compare(paragraphs(before.terms.text), now) if before else [Paragraph(text) for text in now]


def paragraphs(text: str) -> list[str]:
    """What blank lines divide."""
    return [each.strip() for each in text.split("\n\n") if each.strip()]


def compare(before: list[str], now: list[str]) -> list[Paragraph]:
    """`now` in its order, and what was taken out where it stood."""
    found: list[Paragraph] = []
    for tag, old_from, old_to, new_from, new_to in difflib.SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [Paragraph(text) for text in now[new_from:new_to]]
        else:
            found += [Paragraph(text, "removed") for text in before[old_from:old_to]]
            found += [Paragraph(text, "added") for text in now[new_from:new_to]]
    return found


@transaction.atomic
def publish(organization: Scope, text: str, *, after: int, actor: Actor) -> Terms:
    """A new version, asked of everybody at her next page. `after` is the version it was written upon, 0 for none: a Conflict
    where another came between. The same text again changes nothing.
    """
    require(actor, "manage_terms", organization)
    if organization.scope_kind != ScopeKind.ORGANIZATION:
        raise Invalid(_("Terms of use are an organization's."), fields={})
    text = "\n\n".join(paragraphs(text.replace("\r\n", "\n").replace("\x00", "")))
    if not text or len(text) > LONGEST:
        raise Invalid(fields={"text": [_("A text of at most 100,000 characters is needed.")]})
    newest = Terms.objects.filter(scope=organization).order_by("-version")
    before: Terms | None = newest.select_for_update().first()
    if (before.version if before else 0) != after:
        raise Conflict(_("Somebody published another version meanwhile. Read it, and publish again."))
    if before and before.ended_at is None:
        if before.text == text:
            return before
        _end(before)
    terms = Terms(scope=organization, version=after + 1, text=text, published_by=actor.user)
    try:
        with transaction.atomic():
            terms.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("Somebody published another version meanwhile. Read it, and publish again.")) from error
    record("tenancy.publish_terms", terms, actor=actor, version=terms.version)
    return terms


@transaction.atomic
def withdraw(organization: Scope, *, actor: Actor) -> None:
    """Ask for no terms from here on. What was accepted stays on record."""
    require(actor, "manage_terms", organization)
    current = Terms.objects.filter(scope=organization, ended_at=None).select_for_update().first()
    if current:
        _end(current)
        record("tenancy.withdraw_terms", current, actor=actor, version=current.version)


@transaction.atomic
def accept(shown: Iterable[UUID], *, actor: Actor) -> int:
    """She accepts the versions of these ids, which she was shown; returns how many she had not before. Only a person for
    herself does, and only what is in force: a Conflict where another version came meanwhile.
    """
    if actor.viewed_as_by or actor.acting_for or actor.narrowed_to is not None or actor.user.owner_id:
        raise Forbidden(_("Only a person for herself accepts terms of use."))
    ids, new = set(shown), 0
    found = list(Terms.objects.visible_to(actor).filter(pk__in=ids).select_related("scope").order_by("pk"))
    if len(found) < len(ids):
        raise NotFound
    for terms in found:
        if terms.ended_at is not None:
            raise Conflict(_("These terms changed since they were shown. Please read them again."))
        acceptance, made = Acceptance.objects.get_or_create(terms=terms, user=actor.user)
        if made:
            new += 1
            record("tenancy.accept_terms", terms, actor=actor, version=terms.version, acceptance=acceptance.pk)
    return new


def _end(terms: Terms) -> None:
    terms.ended_at = clock.now()
    terms.save(update_fields=["ended_at"])


def report(organization: Scope) -> Iterable[tuple[Any, ...]]:
    """One row for each acceptance of any version: version, person's name, sign-in name, moment in UTC (ISO 8601)."""
    rows = Acceptance.objects.filter(terms__scope=organization).select_related("terms", "user")
    for row in rows.order_by("-terms__version", "user__name", "pk").iterator():
        yield row.terms.version, row.user.name, row.user.username, row.created_at.isoformat(timespec="seconds")
