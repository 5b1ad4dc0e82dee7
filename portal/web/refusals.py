"""What a service refused, said in the form that was sent, or on the page that follows."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest

from portal.core.errors import NotFound, PortalError


def do_and_say(request: HttpRequest, act: Callable[[], Any], said: str = "") -> None:
    """Do it and say so on the page that follows; what is refused is said there instead. What is not hers to know is not found."""
    try:
        act()
    except NotFound:
        raise
    except PortalError as error:
        messages.warning(request, str(error))
    else:
        if said:
            messages.success(request, said)


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
