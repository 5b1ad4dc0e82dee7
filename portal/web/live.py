"""A fresh look at who acts, before what matters is done."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from portal.identity.services import check_live

View = Callable[..., HttpResponse]


def privileged(view: View) -> View:
    """A view whose POST is a privileged act: it is looked again whether she may still act, and the act is refused if not."""

    @wraps(view)
    def looked_at(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            look_again(request)
        return view(request, *args, **kwargs)

    return looked_at


def look_again(request: HttpRequest) -> None:
    """The rest of this request goes on with the actor that was found now."""
    request.actor = check_live(request.actor)
