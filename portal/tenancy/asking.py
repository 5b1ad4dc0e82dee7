"""Ask for a project, or to be let into one; take it back; and what one asked for.

A person asks for a project in the tenants that she sees and in those above what she sees. She asks to join by a link, which
somebody who is in the project sends her: a list of projects to join would tell everybody in an organization what the others
work on. The link opens for people of the same organization alone, and names the project and nothing in it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from portal.access.classes import check_classes
from portal.access.guard import scope_ids
from portal.access.models import Role, Scope, ScopeKind, ScopeState
from portal.access.queries import roles_in_force
from portal.approvals import services as approvals
from portal.approvals.kinds import kinds
from portal.approvals.models import Approval, Choice, State, Vote
from portal.approvals.queries import approval_of
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.core.models import Base
from portal.events.services import record
from portal.tenancy import asks
from portal.tenancy.models import AskState, JoinAsk, ProjectAsk
from portal.tenancy.services import check_open, clean_name, slug_of
from portal.users.actor import Actor
from portal.users.models import User, UserKind

JOINABLE = ("member", "viewer")
MOST_WAITING = 10
LONGEST_TEXT = 2000
FURTHEST = timedelta(days=3660)
LONGEST_CENTRE = 40
SAID_OF_PROJECT = ("purpose", "owner_id", "ends", "cost_centre", "environment", "data_class")
SAID_OF_ROLE = ("reason", "until")
"""What makes an ask another one although it is for the same name, or the same role."""
Ask = TypeVar("Ask", bound=Base)


def tenants_to_ask_in(actor: Actor) -> Any:
    """The open tenants where she may ask for a project, by name."""
    near = scope_ids(actor, "view_scope", reach="up")
    found = Scope.objects.filter(pk__in=near, scope_kind=ScopeKind.TENANT, state=ScopeState.ACTIVE)
    return found.select_related("parent").order_by("name", "pk")


def tenant_to_ask_in(actor: Actor, pk: UUID | str) -> Scope:
    """One of them, or NotFound."""
    found: Scope | None = tenants_to_ask_in(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def project_to_join(actor: Actor, pk: UUID | str) -> Scope:
    """The project of a link, for people who hold a role in its organization; NotFound for everybody else."""
    found: Scope | None = Scope.objects.select_related("parent").filter(pk=pk, scope_kind=ScopeKind.PROJECT).first()
    if found is None or not asks.is_of_organization(actor, found):
        raise NotFound
    return found


def owner_named(username: str) -> User:
    """Whom a program names as owner, by her sign-in name, whole. Invalid says of who is not there what `ask_project` says of
    who is not of the organization.
    """
    found: User | None = User.objects.filter(username=username).first()
    if found is None:
        raise _nobody()
    return found


def joinable_roles() -> list[Role]:
    """The roles that one may ask for."""
    known = {role.key: role for role in Role.objects.filter(key__in=JOINABLE, scope=None)}
    return [known[key] for key in JOINABLE]


@transaction.atomic
def ask_project(
    tenant: Scope,
    name: str,
    *,
    purpose: str,
    ends: date,
    actor: Actor,
    owner: User | None = None,
    cost_centre: str = "",
    environment: str = "",
    data_class: str = "",
) -> ProjectAsk:
    """Ask for a project in a tenant, until a day, for herself or another owner; it is decided or made at once.

    The same asked again while it waits is the same ask. Raises NotFound, Invalid, Conflict (a closed tenant, or it waits in
    other words), Refused (too much waits, or nobody could decide).
    """
    check_asks(actor)
    tenant = tenant_to_ask_in(actor, tenant.pk)
    check_open(tenant)
    check_classes(environment, data_class)
    facts = {"cost_centre": _centre(cost_centre), "environment": environment, "data_class": data_class}
    name, person = clean_name(name), actor.user.owner or actor.user
    owner = owner or person
    _check_owner(owner, tenant)
    _check_day(ends)
    ask = ProjectAsk(tenant=tenant, name=name, slug=slug_of(name), owner=owner, ends=ends, asked_by=actor.user, **facts)
    ask.purpose = clean_text("purpose", purpose)
    if waiting := waiting_like(ask, SAID_OF_PROJECT, tenant=tenant, slug=ask.slug):
        return waiting
    if Scope.objects.filter(parent=tenant, slug=ask.slug).exists():
        raise Invalid(fields={"name": [_("This name is taken here.")]})
    ask.save(force_insert=True)
    record("tenancy.ask_project", ask, actor=actor, owner=owner, ends=ends)
    title, other = _("Project %(name)s") % {"name": name}, owner if owner.pk != person.pk else None
    if not approvals.ask(asks.PROJECT, ask, actor=actor, scope=tenant, title=title, beneficiary=other).is_waiting:
        asks.make_project(ask, actor=actor)
    return ask


@transaction.atomic
def ask_to_join(project: Scope, role: Role, *, reason: str, actor: Actor, until: datetime | None = None) -> JoinAsk:
    """Ask for a role in a project; it is decided or given at once. The same asked again while it waits is the same ask.

    Raises NotFound, Invalid, Conflict (a closed project, or it waits in other words), Refused (she may do all of it already
    for as long, too much waits, or nobody could decide).
    """
    check_asks(actor)
    project = project_to_join(actor, project.pk)
    check_open(project)
    if role.scope_id is not None or role.key not in JOINABLE:
        raise Invalid(fields={"role": [_("Ask for one of the roles offered.")]})
    if actor.user.kind_of_user != UserKind.PERSON:
        raise Forbidden(_("A service account is given roles by an admin."))
    if until is not None and until <= clock.now():
        raise Invalid(fields={"until": [_("Choose a later day.")]})
    if holds_for_as_long(actor.user, role, project, until):
        raise Refused(_("You may do all that a %(role)s does there already, for as long.") % {"role": role})
    ask = JoinAsk(project=project, role=role, reason=clean_text("reason", reason), until=until, asked_by=actor.user)
    if waiting := waiting_like(ask, SAID_OF_ROLE, project=project, role=role):
        return waiting
    ask.save(force_insert=True)
    record("tenancy.ask_to_join", ask, actor=actor, role=role.key, until=until)
    title = _("%(role)s in %(project)s") % {"role": role.name, "project": project.name}
    if not approvals.ask(asks.MEMBERSHIP, ask, actor=actor, scope=project, title=title).is_waiting:
        asks.let_in(ask, actor=actor)
    return ask


def withdraw_ask(ask: ProjectAsk | JoinAsk, *, actor: Actor, reason: str = "") -> ProjectAsk | JoinAsk:
    """Take back what she asked for, while it waits; withdrawn already, nothing changes. NotFound for others' asks."""
    if ask.asked_by_id != actor.user.pk:
        raise NotFound
    check_asks(actor)
    kind = asks.PROJECT if isinstance(ask, ProjectAsk) else asks.MEMBERSHIP
    approval = approval_of(kind, ask.pk)
    if approval is None:
        raise Conflict(_("It was decided already."))
    approvals.withdraw(approval, actor=actor, reason=reason)
    ask.refresh_from_db(fields=["state"])
    return ask


def project_asks_of(actor: Actor) -> Any:
    """The projects that she asked for, newest first. A narrowed token sees none."""
    return _hers(ProjectAsk.objects, actor).select_related("tenant", "owner", "asked_by", "project")


def join_asks_of(actor: Actor) -> Any:
    """The roles that she asked for, newest first. A narrowed token sees none."""
    return _hers(JoinAsk.objects, actor).select_related("project", "role", "asked_by")


def ask_of(rows: Any, pk: UUID | str) -> Any:
    """One of them, or NotFound."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def decisions_asked_by(actor: Actor) -> Any:
    """What she asked for that has no page of its own, as the decisions it waits for or had, newest first.

    Each with `denial`: why it was denied.
    """
    denials = Vote.objects.filter(approval=OuterRef("pk"), choice=Choice.DENY, void=False).order_by("-created_at", "-id")
    rows = Approval.objects.filter(requester=actor.user, subject_kind__in=listed_kinds())
    rows = rows.annotate(denial=Subquery(denials.values("note")[:1]))
    return rows.select_related("scope").order_by("-created_at", "-id")


def is_asked_by(approval: Approval, actor: Actor) -> bool:
    """Whether a decision is on something that she asked for here, so that she follows it and takes it back."""
    return approval.subject_kind in listed_kinds() and approval.requester_id == actor.user.pk and actor.narrowed_to is None


def projects_made(approvals: list[Approval]) -> dict[str, UUID]:
    """What became of these decisions: the project to go to, by the decision's subject, where there is one."""
    ids = [approval.subject_id for approval in approvals if approval.subject_kind == asks.PROJECT]
    made = ProjectAsk.objects.filter(pk__in=ids, project__isnull=False).values_list("pk", "project_id")
    found = {str(pk): project for pk, project in made if project}
    joined = [each for each in approvals if each.subject_kind == asks.MEMBERSHIP and each.state in ("approved", "allowed")]
    return found | {each.subject_id: each.scope_id for each in joined}


def listed_kinds() -> dict[str, Any]:
    """The kinds that are listed among what somebody asked for, with what people call them."""
    return {name: kind.label for name, kind in kinds().items() if kind.listed}


def check_asks(actor: Actor) -> None:
    """Raise Forbidden where nobody can ask for anything in her name."""
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    if actor.narrowed_to is not None:
        raise Forbidden(_("A narrowed token asks for nothing in a person's name."))


def clean_text(field: str, text: str) -> str:
    """What is said to who decides; Invalid where it says nothing, or too much."""
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT or "\x00" in text:
        raise Invalid(fields={field: [_("Say it in at most 2,000 characters; who decides reads it.")]})
    return text


def waiting_like(ask: Ask, said: Sequence[str], **where: Any) -> Ask | None:
    """The same of hers that waits already, so that twice is once. Two at once of one person wait for each other.

    Raises Conflict where it is the same in other words (`said` names them), and Refused where too much waits.
    """
    person = ask.asked_by_id  # type: ignore[attr-defined]
    User.objects.select_for_update(no_key=True).get(pk=person)
    rows: Any = type(ask)._default_manager
    found: Ask | None = rows.filter(asked_by=person, state=AskState.WAITING, **where).first()
    if found is not None:
        if any(getattr(found, name) != getattr(ask, name) for name in said):
            raise Conflict(_("You asked for this already, in other words. Take that back first, or wait for the decision."))
        return found
    count = Approval.objects.filter(requester=person, subject_kind__in=listed_kinds(), state=State.WAITING).count()
    if count >= MOST_WAITING:
        raise Refused(_("%(count)s things that you asked for wait already. Take some back first.") % {"count": count})
    return None


def _check_owner(owner: User, tenant: Scope) -> None:
    """An active person of the organization. Of everybody else the same is said as of a name that nobody has."""
    if owner.kind_of_user != UserKind.PERSON or not asks.is_there(owner, tenant):
        raise _nobody()


def _nobody() -> Invalid:
    return Invalid(fields={"owner": [_("Nobody here is known by exactly this name.")]})


def _check_day(ends: date) -> None:
    today = clock.now().date()
    if not today < ends <= today + FURTHEST:
        raise Invalid(fields={"ends": [_("Choose a later day, at most ten years from now.")]})


def holds_for_as_long(user: User, role: Role, project: Scope, until: datetime | None) -> bool:
    """Whether what she holds there lets her do all that the role does, and ends no earlier."""
    lasts = Q(expires=None) if until is None else Q(expires=None) | Q(expires__gte=until)
    lasting = roles_in_force(user).filter(lasts, scope__path__above=project.path)
    return set(role.permissions) <= set().union(*lasting.values_list("role__permissions", flat=True))


def _hers(rows: Any, actor: Actor) -> Any:
    found = rows.filter(asked_by=actor.user).order_by("-created_at", "-pk")
    return found.none() if actor.narrowed_to is not None else found


def _centre(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > LONGEST_CENTRE or "\x00" in text:
        raise Invalid(fields={"cost_centre": [_("At most %(most)s characters.") % {"most": LONGEST_CENTRE}]})
    return text
