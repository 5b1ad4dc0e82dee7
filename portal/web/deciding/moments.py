"""The words of each step in the life of an approval."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.approvals.models import Approval
from portal.approvals.timelines import Moment, timeline
from portal.web.states import Look

LOOKS: dict[str, Look] = {
    "ask": Look("idle", "send", gettext_lazy("asked for it")),
    "vote-approve": Look("ok", "check", gettext_lazy("approved")),
    "vote-deny": Look("fail", "x", gettext_lazy("denied")),
    "vote-return": Look("wait", "arrow-back-up", gettext_lazy("returned it")),
    "change": Look("wait", "rotate-clockwise", gettext_lazy("changed the facts; votes were set aside")),
    "change_beneficiary": Look("move", "user", gettext_lazy("changed for whom it is")),
    "escalate": Look("wait", "alert-triangle", gettext_lazy("raised it to the admins above")),
    "remind": Look("idle", "bell", gettext_lazy("reminded who decides")),
    "consent_by_time": Look("ok", "clock", gettext_lazy("took silence as consent, as the policy says")),
    "reassign": Look("move", "arrow-right", gettext_lazy("passed it on")),
    "ask_for": Look("wait", "info-circle", gettext_lazy("asked")),
    "answer": Look("ok", "info-circle", gettext_lazy("answered")),
    "take_back": Look("idle", "minus", gettext_lazy("needs no answer any more")),
    "comment": Look("idle", "file-text", gettext_lazy("said")),
    "attach": Look("idle", "file-text", gettext_lazy("added a file")),
    "detach": Look("idle", "minus", gettext_lazy("took a file out")),
    "resubmit": Look("move", "send", gettext_lazy("sent it again")),
    "approve": Look("ok", "circle-check", gettext_lazy("with that it was approved")),
    "deny": Look("fail", "circle-x", gettext_lazy("with that it was denied")),
    "withdraw": Look("idle", "arrow-back-up", gettext_lazy("took it back")),
    "expire": Look("idle", "clock", gettext_lazy("it expired")),
}
OTHER = Look("idle", "activity", "")
LEFT_OUT = ("return",)
SHORT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the story: its look, who, whom, what was said, when, and how long after the one before."""

    look: Look
    word: str
    moment: Moment
    after: str


def story_of(approval: Approval) -> list[Step]:
    """What happened, oldest first. A return is told once: by the vote that asked for it."""
    return [step_of(moment) for moment in timeline(approval) if moment.verb not in LEFT_OUT]


def step_of(moment: Moment) -> Step:
    """The words of one step; of one that nobody has words for, its own name."""
    look = LOOKS.get(f"{moment.verb}-{moment.choice}") or LOOKS.get(moment.verb) or OTHER
    return Step(look, str(look.word or moment.verb.replace("_", " ")), moment, span(moment.since, moment.at))


def span(since: datetime | None, until: datetime | None) -> str:
    """How long it took in one or two words; empty where it was no time at all."""
    if since is None or until is None:
        return ""
    if until - since < SHORT:
        return ""
    said: Any = timesince(since, until, depth=1)
    return _("after %(time)s") % {"time": said}
