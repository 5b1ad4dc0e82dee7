"""The statistics of decisions: how many, how fast, by whom, and what waits longest."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from portal.approvals.kinds import kinds
from portal.approvals.policies.wording import kind_label
from portal.approvals.statistics import DAYS, MOST_DECIDERS, MOST_WORKED, statistics_for
from portal.core import clock
from portal.web.shell import Shell, shell_of


class SpanForm(forms.Form):
    """Over which days, of which kind, at or below which place. What makes no sense narrows nothing, and is said."""

    days = forms.ChoiceField(label=gettext_lazy("Over"))
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), required=False)
    scope = forms.ChoiceField(label=gettext_lazy("At or below"), required=False)

    use_required_attribute = False

    def __init__(self, shell: Shell, sent: Any) -> None:
        here = str(shell.scope.pk) if shell.scope else ""
        super().__init__({"days": sent.get("days", DAYS[0]), "kind": sent.get("kind"), "scope": sent.get("scope", here)})
        fields: Any = self.fields
        labels = sorted(((name, str(kind.label)) for name, kind in kinds().items()), key=lambda one: one[1])
        fields["days"].choices = [(str(days), _("the last %(days)s days") % {"days": days}) for days in DAYS]
        fields["kind"].choices = [("", _("all")), *labels]
        self.paths = {str(node.pk): node.path for node in shell.places}
        places = [(str(node.pk), f"{'· ' * node.path.count('.')}{node.name}") for node in shell.places]
        fields["scope"].choices = [("", _("everywhere")), *places]

    def asked(self) -> dict[str, Any]:
        """What can be understood of it, as `statistics_for` takes it."""
        self.is_valid()
        given = self.cleaned_data
        place = self.paths.get(given.get("scope", ""), "")
        return {"days": int(given.get("days", DAYS[0])), "kind": given.get("kind", ""), "within": place}


@login_required
@require_safe
def statistics(request: HttpRequest) -> HttpResponse:
    """The figures. For who decides or makes the policies somewhere, of what she may see."""
    form = SpanForm(shell_of(request), request.GET)
    asked = form.asked()
    found = statistics_for(request.actor, **asked)
    context = {
        "filter": {"form": form},
        "found": found,
        "whole": found.whole,
        "lines": [(kind_label(each.kind), each) for each in found.kinds],
        "longest": max((each.took.median or 0 for each in found.kinds), default=0),
        "longest_decider": max((each.took.median or 0 for each in found.deciders), default=0),
        "is_filtered": bool(asked["kind"] or asked["within"]),
        "deciders_are_cut": len(found.deciders) == MOST_DECIDERS,
        "worked_are_cut": found.whole.decided > MOST_WORKED,
        "most_worked": MOST_WORKED,
        "now": clock.now(),
        "waits": [(kind_label(each.subject_kind), each) for each in found.slowest],
    }
    return render(request, "approvals/statistics.html", context)
