"""What a service refused, said in the form that was sent."""

from collections.abc import Mapping

from django import forms

from portal.core.errors import PortalError


def refuse(form: forms.Form, error: PortalError) -> None:
    """Its words beside the fields that it names. Over the form what it says of fields that the form has not, and the whole
    where it names none.
    """
    for name, said in error.extra.get("fields", {}).items():
        form.add_error(name if name in form.fields else None, said)
    if not form.errors or (error.detail and form.non_field_errors()):
        form.add_error(None, str(error))


def refuse_sheets(about: forms.Form, sheets: Mapping[str, forms.Form], error: PortalError) -> None:
    """The same for a form of several sheets: `config-endpoint` is the field `endpoint` of the sheet `config`."""
    for name, said in error.extra.get("fields", {}).items():
        prefix, _dash, field = name.partition("-")
        sheet, field = (sheets[prefix], field) if prefix in sheets else (about, name)
        sheet.add_error(field if field in sheet.fields else None, said)
