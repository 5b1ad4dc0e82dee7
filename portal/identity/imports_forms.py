"""The form of an import: a file or pasted text, and the place where there is more than one."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.core.errors import Invalid
from portal.identity.imports_csv import MOST_BYTES, decode


class ImportForm(forms.Form):
    """Rows to look at. Cleans to `text` and `place`; a file goes before what is pasted, and stays as text where it is refused."""

    place = forms.ChoiceField(label=_("For"))
    file = forms.FileField(label=_("File"), required=False, widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
    text = forms.CharField(
        label=_("Or paste it"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "class": "mono", "spellcheck": "false"}),
    )

    def __init__(self, places: Sequence[Scope], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = {str(place.pk): place for place in places}
        if len(places) == 1:
            del self.fields["place"]
        else:
            place: Any = self.fields["place"]
            place.choices = [(key, str(each)) for key, each in self.places.items()]

    def clean(self) -> dict[str, Any]:
        """The text of the file where there is one, and the scope."""
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        given["place"] = self.places[given["place"]] if "place" in self.fields else next(iter(self.places.values()))
        file = given.get("file")
        try:
            given["text"] = decode(file.read(MOST_BYTES + 1)) if file else given["text"]
        except Invalid as error:
            self.add_error("file", str(error))
            return given
        if file:
            self.data = {**{name: self.data.get(name) for name in self.data}, self.add_prefix("text"): given["text"]}
        if not given["text"].strip():
            self.add_error("text", _("Choose a file, or paste its text."))
        return given
