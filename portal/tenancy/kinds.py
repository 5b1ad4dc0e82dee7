"""A project, a role in one, and more quota, as governed acts: what the approval engine needs to know of them.

Where no policy speaks of them an approver of the tenant or the project decides, and where there is none the admins above.
"""

from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import Scope, ScopeState
from portal.approvals.asked import Asked, Sort
from portal.approvals.kinds import Kind
from portal.approvals.models import Risk
from portal.approvals.routes import StagePlan, Who
from portal.core import clock
from portal.core.errors import Refused
from portal.tenancy import asks, glass, governed, raising, role_asking
from portal.tenancy.models import AskState, BreakGlass, Finding, JoinAsk, ProjectAsk, QuotaAsk, RoleAsk
from portal.tenancy.quotas import used_of
from portal.users.actor import Actor


class ProjectKind(Kind):
    """A project that somebody asks for. Its environment and data class have names of their own: those of the tenant, which
    policies may ask about as well, are others.
    """

    name = asks.PROJECT
    label = gettext_lazy("Project")
    listed = True
    asks = {
        "project_environment": Asked(gettext_lazy("Environment of the project"), Sort.TEXT),
        "project_data_class": Asked(gettext_lazy("Data class of the project"), Sort.TEXT),
        "cost_centre": Asked(gettext_lazy("Cost centre"), Sort.TEXT),
    }

    def load(self, subject_id: str) -> ProjectAsk | None:
        rows = ProjectAsk.objects.select_for_update(of=("self",)).select_related("tenant", "owner", "asked_by")
        found: ProjectAsk | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: ProjectAsk) -> dict[str, Any]:
        return {
            "name": subject.name,
            "purpose": subject.purpose,
            "project_environment": subject.environment,
            "project_data_class": subject.data_class,
            "cost_centre": subject.cost_centre,
            "ends": subject.ends,
        }

    def still_valid(self, subject: ProjectAsk) -> bool:
        if subject.tenant.state != ScopeState.ACTIVE:
            raise Refused(_("%(scope)s is closed.") % {"scope": subject.tenant.name})
        if not asks.is_there(subject.owner, subject.tenant):
            raise Refused(_("%(owner)s, who was to own it, has left.") % {"owner": subject.owner})
        if subject.ends <= clock.now().date():
            raise Refused(_("The project was to end by now."))
        if Scope.objects.filter(parent=subject.tenant, slug=subject.slug).exists():
            raise Refused(_("There is a project of this name by now. Deny it, and say so."))
        return subject.state == AskState.WAITING

    def apply(self, subject: ProjectAsk, *, actor: Actor) -> None:
        asks.make_project(subject, actor=actor)

    def drop(self, subject: ProjectAsk, outcome: str, *, actor: Actor) -> None:
        asks.drop(subject, outcome)


class MembershipKind(Kind):
    """A role in a project that somebody asks for."""

    name = asks.MEMBERSHIP
    label = gettext_lazy("Membership")
    listed = True
    risk = Risk.MEDIUM
    asks = {"role": Asked(gettext_lazy("Role"), Sort.TEXT)}

    def load(self, subject_id: str) -> JoinAsk | None:
        rows = JoinAsk.objects.select_for_update(of=("self",)).select_related("project", "role", "asked_by")
        found: JoinAsk | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: JoinAsk) -> dict[str, Any]:
        until = subject.until.date() if subject.until else None
        return {"role": subject.role.name, "reason": subject.reason, "until": until}

    def still_valid(self, subject: JoinAsk) -> bool:
        if subject.project.state != ScopeState.ACTIVE:
            raise Refused(_("%(scope)s is closed.") % {"scope": subject.project.name})
        if not asks.is_there(subject.asked_by, subject.project):
            raise Refused(_("Who asked has left."))
        if subject.until is not None and subject.until <= clock.now():
            raise Refused(_("The role was to end by now."))
        return subject.state == AskState.WAITING

    def apply(self, subject: JoinAsk, *, actor: Actor) -> None:
        asks.let_in(subject, actor=actor)

    def drop(self, subject: JoinAsk, outcome: str, *, actor: Actor) -> None:
        asks.drop(subject, outcome)


class QuotaKind(Kind):
    """More of a quota, for good or until a moment, or lent by another tenant."""

    name = raising.QUOTA
    label = gettext_lazy("Quota")
    listed = True
    asks = MappingProxyType(
        {
            "dimension": Asked(gettext_lazy("Of what"), Sort.TEXT),
            "more": Asked(gettext_lazy("So much more"), Sort.NUMBER),
            "limit_to": Asked(gettext_lazy("New limit"), Sort.NUMBER),
            "used": Asked(gettext_lazy("Used now"), Sort.NUMBER),
            "is_loan": Asked(gettext_lazy("Lent by another tenant"), Sort.TRUTH),
            "for_good": Asked(gettext_lazy("Without an end"), Sort.TRUTH),
        }
    )

    def load(self, subject_id: str) -> QuotaAsk | None:
        rows = QuotaAsk.objects.select_for_update(of=("self",)).select_related("scope", "lender", "asked_by")
        found: QuotaAsk | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: QuotaAsk) -> dict[str, Any]:
        quota = raising.quota_of(subject.scope, subject.dimension)
        limit = quota.limit_at(clock.now()) if quota else 0
        return {
            "place": subject.scope.name,
            "dimension": subject.dimension,
            "more": subject.amount,
            "limit_from": limit,
            "limit_to": limit + subject.amount,
            "lender": subject.lender.name if subject.lender else "",
            "until": subject.until.date() if subject.until else None,
            "reason": subject.reason,
        }

    def context(self, subject: QuotaAsk) -> dict[str, Any]:
        used = used_of(subject.scope, subject.dimension)
        return {"used": used, "is_loan": subject.lender is not None, "for_good": subject.until is None}

    def still_valid(self, subject: QuotaAsk) -> bool:
        raising.check(subject)
        return subject.state == AskState.WAITING

    def apply(self, subject: QuotaAsk, *, actor: Actor) -> None:
        raising.raise_quota(subject, actor=actor)

    def drop(self, subject: QuotaAsk, outcome: str, *, actor: Actor) -> None:
        asks.drop(subject, outcome)


class BreakGlassKind(Kind):
    """A role that was taken at once: what is decided afterwards is whether it was right. Always by two other people.

    Time running out confirms nothing; it is said that nobody looked.
    """

    name = glass.BREAK_GLASS
    label = gettext_lazy("Break-glass")
    risk = Risk.HIGH
    always = (StagePlan(Who("voters"), mode="quorum", needed=glass.REVIEWERS, again=True),)
    asks = MappingProxyType(
        {
            "role_key": Asked(gettext_lazy("Role taken"), Sort.TEXT),
            "hours": Asked(gettext_lazy("Hours"), Sort.NUMBER),
        }
    )

    def load(self, subject_id: str) -> BreakGlass | None:
        rows = BreakGlass.objects.select_for_update(of=("self",)).select_related("scope", "role", "user")
        found: BreakGlass | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: BreakGlass) -> dict[str, Any]:
        return {
            "role": subject.role.name,
            "hours": -(-int((subject.expires - subject.created_at).total_seconds()) // 3600),
            "reason": subject.reason,
        }

    def context(self, subject: BreakGlass) -> dict[str, Any]:
        return {"role_key": subject.role.key}

    def still_valid(self, subject: BreakGlass) -> bool:
        return bool(subject.finding == Finding.WAITING)

    def apply(self, subject: BreakGlass, *, actor: Actor) -> None:
        glass.find(subject, Finding.CONFIRMED, actor=actor)

    def drop(self, subject: BreakGlass, outcome: str, *, actor: Actor) -> None:
        if outcome == "withdrawn":
            raise Refused(_("What was done in an emergency is reviewed; it is not taken back."))
        glass.find(subject, Finding.WRONG if outcome == "denied" else Finding.UNREVIEWED, actor=actor)


class RoleKind(Kind):
    """A role that an admin gives; at once, unless a policy asks for a decision."""

    name = governed.ROLE
    label = gettext_lazy("Role")
    permission = "manage_members"
    risk = Risk.HIGH
    free = True
    listed = True
    asks = MappingProxyType(
        {
            "role_key": Asked(gettext_lazy("Role"), Sort.TEXT),
            "is_powerful": Asked(gettext_lazy("Decides, manages, or looks as others"), Sort.TRUTH),
            "for_good": Asked(gettext_lazy("Without an end"), Sort.TRUTH),
        }
    )

    def load(self, subject_id: str) -> RoleAsk | None:
        rows = RoleAsk.objects.select_for_update(of=("self",)).select_related(
            "user", "group__scope", "role", "scope", "asked_by"
        )
        found: RoleAsk | None = rows.filter(pk=subject_id).first()
        return found

    def facts(self, subject: RoleAsk) -> dict[str, Any]:
        group = {"group": subject.group.name} if subject.group else {}
        return governed.role_facts(subject.role, subject.scope, subject.expires) | group

    def context(self, subject: RoleAsk) -> dict[str, Any]:
        return governed.role_context(subject.role, subject.expires)

    def still_valid(self, subject: RoleAsk) -> bool:
        role_asking.check_still_hers(subject)
        return subject.state == AskState.WAITING

    def about(self, subject_id: str) -> tuple[str, Any]:
        found = RoleAsk.objects.filter(pk=subject_id).values_list("scope", flat=True).first()
        return "scope", found or ""

    def apply(self, subject: RoleAsk, *, actor: Actor) -> None:
        role_asking.give_decided(subject, actor=actor)

    def drop(self, subject: RoleAsk, outcome: str, *, actor: Actor) -> None:
        subject.state = AskState(outcome)
        subject.save(update_fields=["state"])
