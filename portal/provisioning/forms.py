"""Forms about a resource."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.guard import holds
from portal.provisioning.models import Resource
from portal.tenancy.forms import PersonField, UntilField
from portal.users.actor import Actor

MAY = {
    "view_resource": _("See it"),
    "operate_resource": _("Start, stop and restart it"),
    "view_secret": _("Take and rotate its secret"),
}


class ShareForm(forms.Form):
    """A share with one person until a day: of what the actor may do herself."""

    user = PersonField()
    permission = forms.ChoiceField(label=_("May"))
    expires = UntilField()

    def __init__(self, actor: Actor, resource: Resource, data: Any = None) -> None:
        super().__init__(data)
        field: Any = self.fields["permission"]
        field.choices = [(name, MAY[name]) for name in MAY if holds(actor, name, resource)]
