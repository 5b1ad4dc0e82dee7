"""What can go wrong, each as a fact. Pages and API map these to HTTP in one place each."""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _

HIDDEN = "•••"
SECRETS = (
    (re.compile(r"(\w+://)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)(\w*(?:passw|secret|token|credential|authorization|private|api.?key|dsn)\w*[\"']?\s*[:=]\s*)"
            r"(\"[^\"]*\"?|'[^']*'?|[^\s,;&]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{8,}"), HIDDEN),
    (re.compile(r"[A-Za-z0-9+/=_]{32,}"), HIDDEN),
)


class PortalError(Exception):
    """A refusal a person can read: `title` names the fact, `detail` says what to do, `extra` is for programs."""

    status = 500
    code = "error"
    title: Any = _("Something went wrong")

    def __init__(self, detail: Any = "", **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    def __str__(self) -> str:
        return str(self.detail or self.title)


class Invalid(PortalError):
    """The input cannot be read. `extra["fields"]` maps each field to its messages."""

    status, code, title = 400, "invalid", _("Some fields need another value")


class Forbidden(PortalError):
    """She may see it, and may not do this."""

    status, code, title = 403, "forbidden", _("You may not do this")


class NotFound(PortalError):
    """Not there, or not for her to know of."""

    status, code, title = 404, "not-found", _("Nothing here")


class Conflict(PortalError):
    """The thing has moved on; the act no longer fits."""

    status, code, title = 409, "conflict", _("This has changed meanwhile")


class Stale(Conflict):
    """The facts shown are not the facts that hold. `extra["changes"]` says which."""

    code, title = "stale", _("The facts changed while you looked")


class Refused(PortalError):
    """Understood and allowed, and a rule of the house refuses it."""

    status, code, title = 422, "refused", _("A rule refuses this")


class QuotaExceeded(Refused):
    """Not enough quota left. `extra`: scope, dimension, missing."""

    code, title = "quota-exceeded", _("Over the quota")


class OverBudget(Refused):
    """Not enough budget left. `extra`: scope, missing, currency."""

    code, title = "over-budget", _("Over the budget")


class TooMany(PortalError):
    """Asked too often. `extra["wait_s"]` says for how many seconds nothing more is looked at."""

    status, code, title = 429, "too-many-requests", _("Too many tries")


class Unavailable(PortalError):
    """A part the act needs does not answer just now."""

    status, code, title = 503, "unavailable", _("Not reachable just now")


def redacted(error: BaseException | str) -> str:
    """An error in one line for operators: its class and first line, cut, without what looks like a secret.

    The lines after the first are where databases quote the row that did not fit.
    """
    text = str(error)
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    line = next(iter(text.strip().splitlines()), "").replace("\x00", "")
    name = "" if isinstance(error, str) else type(error).__name__
    return ": ".join(part for part in (name, line) if part)[:300]
