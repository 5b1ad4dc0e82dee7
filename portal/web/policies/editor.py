"""The editor of a policy: rows that are added and removed, what the rule would change, and the proposal."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.access.guard import permissions_of, require
from portal.approvals.models import Policy
from portal.approvals.policies import proposals, queries
from portal.approvals.policies.forms import Editor, FactsForm
from portal.approvals.policies.simulating import approval_to_try, replay, simulate_facts, simulate_past
from portal.core.errors import Invalid, NotFound, PortalError
from portal.web.live import look_again
from portal.web.policies import shown

REDRAWS = ("field", "pick", "scope", "kind", "mode")
REDRAW = {
    "hx-post": "",
    "hx-vals": '{"do": "redraw"}',
    "hx-target": "#editor",
    "hx-select": "#editor",
    "hx-swap": "outerHTML",
}


@login_required
@require_http_methods(["GET", "POST"])
def policy_new(request: HttpRequest) -> HttpResponse:
    """A policy to be made."""
    if "manage_policies" not in permissions_of(request.actor) or not queries.places_for_policies(request.actor):
        raise NotFound
    return edit(request, None)


@login_required
@require_http_methods(["GET", "POST"])
def policy_change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The next version of a policy, begun from one that is or was in force."""
    found = queries.policy_visible_to(request.actor, pk)
    require(request.actor, "manage_policies", found)
    return edit(request, found)


def edit(request: HttpRequest, begun_from: Policy | None) -> HttpResponse:
    """The form; posted, a row more or less, what it would change, or the proposal."""
    if request.method != "POST":
        return show(request, Editor(request.actor, policy=begun_from), begun_from)
    act = request.POST.get("do", "try")
    if act not in ("try", "propose"):
        editor = Editor(request.actor, request.POST, policy=begun_from)
        editor.change(act)
        return show(request, editor, begun_from)
    editor = Editor(request.actor, request.POST, policy=begun_from, checks=True)
    if not editor.is_valid():
        return show(request, editor, begun_from, status=422)
    try:
        return attempt(request, editor, begun_from) if act == "try" else propose(request, editor)
    except PortalError as error:
        if error.status in (403, 404, 503):
            raise
        refuse(editor, error)
        return show(request, editor, begun_from, status=422 if isinstance(error, Invalid) else error.status)


def propose(request: HttpRequest, editor: Editor) -> HttpResponse:
    """Ask for it to be in force."""
    look_again(request)
    content = editor.content()
    change = proposals.propose_policy(
        editor.scope,
        content.name,
        subject_kind=content.subject_kind,
        conditions=content.conditions,
        stages=content.stages,
        reason=editor.head.cleaned_data["reason"],
        seen=int(editor.seen) if editor.seen.isdecimal() else None,
        is_first=not editor.seen.isdecimal(),
        actor=request.actor,
    )
    messages.success(request, _("Proposed. It is in force once it is agreed."))
    return redirect("policychange", change.pk)


def attempt(request: HttpRequest, editor: Editor, begun_from: Policy | None) -> HttpResponse:
    """What the rule as typed would change: of one act, and of the last thirty days. Nothing is written."""
    draft = editor.draft()
    kind, past = draft.content.subject_kind, request.POST.get("past", "")
    asked = approval_to_try(request.actor, kind, past) if is_id(past) else None
    facts = FactsForm(kind, editor.scope, request.POST, prefix="f")
    if asked is not None:
        simulation = simulate_past(asked, draft)
    elif facts.is_valid():
        simulation = simulate_facts(kind, facts.place, facts.facts(), draft, actor=request.actor)
    else:
        return show(request, editor, begun_from, status=422, facts=facts)
    lately = replay(draft, actor=request.actor)
    found = {
        "tried": shown.tried(simulation, kind),
        "asked": asked,
        "replay": lately,
        "moved": shown.moved(lately, editor.scope, kind),
        "facts": facts,
    }
    return show(request, editor, begun_from, **found)


def refuse(editor: Editor, error: PortalError) -> None:
    """What the service refused, beside the rows and fields that it names, else over the form."""
    named = error.extra.get("fields", {})
    for name, said in named.items():
        form, field = editor.sheet(name)
        form.add_error(field if field in form.fields else None, said)
    if not named:
        editor.head.add_error(None, str(error))


def show(request: HttpRequest, editor: Editor, begun_from: Policy | None, *, status: int = 200, **found: Any) -> HttpResponse:
    """The page with the form as it is typed."""
    for form in editor.sheets:
        for name in REDRAWS:
            if name in form.fields and not form.fields[name].disabled:
                form.fields[name].widget.attrs.update(REDRAW)
    context = {
        "editor": editor,
        "policy": begun_from,
        "past": queries.past_visible_to(request.actor, editor.kind, editor.scope),
        "chosen": request.POST.get("past", ""),
        "facts": FactsForm.typed(editor.kind, editor.scope, request.POST, "f"),
        "is_wrong": any(form.errors for form in editor.sheets),
        **found,
    }
    return render(request, "approvals/policy_edit.html", context, status=status)


def is_id(text: str) -> bool:
    """Whether this can be the id of something."""
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False
