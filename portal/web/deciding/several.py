"""Several decisions at once, with one reason; each is a vote of its own, and each says what became of it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.approvals.bulk import vote_on_many
from portal.core.errors import Invalid
from portal.web.deciding.forms import SeveralForm
from portal.web.inbox import require_inbox, waiting
from portal.web.live import privileged
from portal.web.refusals import refuse


@login_required
@require_POST
@privileged
def several(request: HttpRequest) -> HttpResponse:
    """Vote on what was marked; refused as a whole, the list comes back as it was sent."""
    require_inbox(request.actor)
    form = SeveralForm(request.POST, auto_id="several-%s")
    if form.is_valid():
        given = form.cleaned_data
        try:
            answers = vote_on_many(given["cards"], given["choice"], note=given["note"], actor=request.actor)
        except Invalid as error:
            refuse(form, error)
        else:
            done = sum(each.outcome == "done" for each in answers)
            said = _("Approved") if given["choice"] == "approve" else _("Denied")
            context = {"answers": answers, "done": done, "said": said, "choice": given["choice"]}
            return render(request, "approvals/several.html", context)
    context = {**waiting(request), "several": form, "marked": set(request.POST.getlist("cards"))}
    return render(request, "approvals/inbox.html", context, status=422)
