"""The small forms around a card: a file, something said, a question, its answer, passing on, and several at once."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.approvals.filetypes import ENDINGS
from portal.approvals.talk import LONGEST_TEXT
from portal.tenancy.forms import PersonField
from portal.users.models import User

AREA = {"rows": 2, "autocomplete": "off"}


class FileForm(forms.Form):
    """One file of this machine."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("At most 10 MB: %(endings)s.") % {"endings": ", ".join(ENDINGS)},
        widget=forms.FileInput(attrs={"accept": ",".join(f".{each}" for each in ENDINGS)}),
    )


class SayForm(forms.Form):
    """Something said."""

    text = forms.CharField(label=_("Say something"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs=AREA))


class AnswerForm(forms.Form):
    """The answer to a question."""

    text = forms.CharField(label=_("Your answer"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs=AREA))


class AgainForm(forms.Form):
    """What was put right, as it is sent again."""

    text = forms.CharField(
        label=_("What you put right"), max_length=LONGEST_TEXT, required=False, widget=forms.Textarea(attrs=AREA)
    )


class AskForm(forms.Form):
    """A question before deciding, and whom it goes to where there are two."""

    of = forms.ChoiceField(label=_("Ask"))
    text = forms.CharField(label=_("What you must know"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs=AREA))

    def __init__(self, people: Sequence[User], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(each.pk): each for each in people}
        fields: Any = self.fields
        fields["of"].choices = [(key, str(each)) for key, each in self.people.items()]
        if len(people) == 1:
            del self.fields["of"]

    def asked(self) -> User:
        """Whom it goes to."""
        return self.people[self.cleaned_data.get("of") or next(iter(self.people))]


class PassForm(forms.Form):
    """Whose seat, in which stage, goes to whom, and why."""

    seat = forms.ChoiceField(label=_("Instead of"))
    to = PersonField(label=_("Who decides"))
    reason = forms.CharField(label=_("Why"), max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, seats: Sequence[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["seat"].choices = seats

    def clean_seat(self) -> tuple[uuid.UUID, uuid.UUID]:
        stage, _dash, person = self.cleaned_data["seat"].partition(":")
        return uuid.UUID(stage), uuid.UUID(person)


class SeveralForm(forms.Form):
    """Cards by id and hash, one choice and one reason."""

    cards = forms.MultipleChoiceField(required=False)
    choice = forms.CharField(max_length=10)
    note = forms.CharField(
        label=_("Why, once for all of them"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 1})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sent = self.data.getlist("cards") if self.is_bound else []
        fields: Any = self.fields
        fields["cards"].choices = [(each, each) for each in sent]

    def clean_cards(self) -> dict[uuid.UUID, str]:
        """Hashes by id; what is no id is left out."""
        found = {}
        for each in self.cleaned_data["cards"]:
            pk, _dash, card = each.partition(":")
            try:
                found[uuid.UUID(pk)] = card[:64]
            except ValueError:
                continue
        return found
