"""The work in the background: what waits, who works, what ran and what is due, what failed and can be tried again."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from portal.access.guard import holds, permissions_of
from portal.clouds.labels import cause_of, hint_of
from portal.core.errors import redacted
from portal.health.queries import picture_seen_by
from portal.health.services import run_now
from portal.identity.people import provider_state
from portal.provisioning.models import Step
from portal.provisioning.queries import failures_visible_to, resource_visible_to
from portal.provisioning.services import retry_resource
from portal.web.events import page_number

ROWS = 50
JOBS: dict[str, Any] = {
    "events.seal": gettext_lazy("Seal events"),
    "approvals.expire": gettext_lazy("End or raise decisions that are overdue"),
    "provisioning.tell_ends": gettext_lazy("Tell of resources that end within a week"),
    "tenancy.sweep_reviews": gettext_lazy("Close access reviews whose day has passed, and remind of them"),
    "tenancy.tell_role_ends": gettext_lazy("Tell of roles that end within a week"),
    "identity.forget": gettext_lazy("Close sessions that nobody came back to"),
    "identity.tell_ends": gettext_lazy("Tell of tokens that end soon, and of service accounts without an owner"),
    "api.forget": gettext_lazy("Forget the answers kept for Idempotency-Key"),
    "notices.sweep": gettext_lazy("Send mail that is due"),
    "provisioning.sweep": gettext_lazy("Hand out work on resources that is due"),
    "orders.sweep": gettext_lazy("Look at orders at work"),
    "clouds.sweep": gettext_lazy("Begin checks and syncs of clouds that are due"),
    "clouds.check": gettext_lazy("Check a connection"),
    "clouds.sync_choices": gettext_lazy("Read what can be chosen in a cloud"),
    "provisioning.sync": gettext_lazy("Read what is there in a cloud"),
    "provisioning.reconcile": gettext_lazy("Bring a resource to what is wanted"),
    "identity.pull": gettext_lazy("Hear what happened at the identity provider"),
    "identity.sweep": gettext_lazy("Hand out what the identity provider must be told"),
    "identity.settle": gettext_lazy("Tell the identity provider of a person"),
    "orders.advance": gettext_lazy("Follow an order"),
    "audit.sweep": gettext_lazy("Send events to subscriptions that are due, and write evidence that waited for seals"),
    "audit.deliver": gettext_lazy("Send events to one subscription"),
    "audit.write_pack": gettext_lazy("Write a pack of evidence"),
    "audit.forget": gettext_lazy("Forget deliveries of events older than thirty days"),
    "notices.deliver": gettext_lazy("Send one mail"),
    "identity.check_provider": gettext_lazy("Check an identity provider"),
    "identity.apply_provider": gettext_lazy("Bring an identity provider to Keycloak"),
    "identity.sweep_providers": gettext_lazy("Begin checks and changes of identity providers that are due"),
    "identity.mail_reset": gettext_lazy("Send a link for a new password"),
    "identity.sweep_resets": gettext_lazy("Send links for new passwords that are due"),
    "identity.sync_directory": gettext_lazy("Sync the directory"),
    "identity.sync_due": gettext_lazy("Begin syncs of the directory that are due"),
    "identity.leavings_due": gettext_lazy("Begin the leaves whose day has come"),
    "identity.carry_out_leaving": gettext_lazy("Hand over what somebody leaves, and end her access"),
    "tenancy.mail_invitation": gettext_lazy("Send an invitation"),
    "tenancy.tell_project_ends": gettext_lazy("Tell of projects that end within a fortnight"),
    "tenancy.sweep_invitations": gettext_lazy("Send invitations that are due"),
    "leases.sweep": gettext_lazy("End leases whose time or role is over"),
    "leases.settle": gettext_lazy("Mint a lease, or end it in its cloud"),
    "leases.revoke_person": gettext_lazy("End the leases of somebody whose role is over"),
    "leases.read_lender": gettext_lazy("Read what a cloud account can lend"),
    "metering.meter": gettext_lazy("Meter and rate"),
    "metering.rate": gettext_lazy("Rate again from an hour on"),
    "metering.sweep": gettext_lazy("Write exports that were lost, and tell of budgets near their limit"),
    "metering.write_export": gettext_lazy("Write an export"),
}
VERBS: dict[str, Any] = {
    "ensure": gettext_lazy("Make"),
    "remove": gettext_lazy("Remove"),
    "start": gettext_lazy("Start"),
    "stop": gettext_lazy("Stop"),
    "restart": gettext_lazy("Restart"),
    "rotate": gettext_lazy("Replace the secret of"),
}


@dataclass(frozen=True, slots=True)
class Failed:
    """A step that failed: what was asked, why it failed and what to do, and whether she may try it again."""

    step: Step
    title: str
    cause: str
    hint: str
    says: str
    may_retry: bool


@login_required
@never_cache
def queue(request: HttpRequest) -> HttpResponse:
    """Everything at one look; asked for by htmx, only what moves."""
    actor = request.actor
    picture = picture_seen_by(actor)
    page = Paginator(failures_visible_to(actor), ROWS).get_page(page_number(request))
    context = {
        "picture": picture,
        "jobs": [(job, job_label(job.name)) for job in picture.jobs],
        "running": [(run, job_label(run.name)) for run in picture.running],
        "failures": [(failure, job_label(failure.run.name)) for failure in picture.failures],
        "page": page,
        "failed": [failed_step(actor, step) for step in page.object_list],
        "provider": provider_state(),
        "may_operate": "operate_platform" in permissions_of(actor),
    }
    return render(request, "health/queue.html#live" if request.htmx else "health/queue.html", context)


@login_required
@require_POST
def run(request: HttpRequest) -> HttpResponse:
    """Run one job of the schedule now."""
    task = request.POST.get("task", "")[:120]
    run_now(task, actor=request.actor)
    messages.info(request, _("%(job)s: sent to a worker.") % {"job": job_label(task)})
    return redirect("queue")


@login_required
@require_POST
def retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Try again what failed about one resource, as a new step."""
    resource = retry_resource(resource_visible_to(request.actor, pk), actor=request.actor)
    messages.info(request, _("%(name)s is tried again.") % {"name": resource.name})
    return redirect("queue")


def failed_step(actor: Any, step: Step) -> Failed:
    """A failed step in words."""
    resource = step.resource
    may_retry = any(holds(actor, name, resource) for name in ("operate_platform", "operate_resource"))
    cause = cause_of(resource.error_kind) or _("It failed.")
    return Failed(step, step_title(step), cause, hint_of(resource.error_kind), redacted(resource.error), may_retry)


def step_title(step: Step) -> str:
    """What a step was to do, in words."""
    return f"{VERBS.get(step.verb, step.verb.capitalize())} {step.resource.name}"


def job_label(name: str) -> str:
    """What a task does, in words."""
    return str(JOBS.get(name, name))
