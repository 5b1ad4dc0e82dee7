"""What an event says, in words: short enough for the title of a card."""

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from portal.audit.cards import TONES


class Words(NamedTuple):
    """The words of one act and how they look."""

    text: Any
    tone: TONES = "idle"


DECISIONS = {
    "approvals.ask": Words(_("A decision is asked for"), "wait"),
    "approvals.ask-allowed": Words(_("Allowed by a rule, nobody had to decide"), "ok"),
    "approvals.vote-approve": Words(_("Somebody approved"), "ok"),
    "approvals.vote-deny": Words(_("Somebody denied"), "fail"),
    "approvals.vote-return": Words(_("Somebody returned it"), "wait"),
    "approvals.approve": Words(_("Approved"), "ok"),
    "approvals.deny": Words(_("Denied"), "fail"),
    "approvals.withdraw": Words(_("Taken back by who asked")),
    "approvals.expire": Words(_("Expired undecided"), "fail"),
    "approvals.return": Words(_("Returned to who asked"), "wait"),
    "approvals.resubmit": Words(_("Sent again, a decision is asked for"), "wait"),
    "approvals.change": Words(_("The facts changed, votes were set aside"), "wait"),
    "approvals.change_beneficiary": Words(_("It is for somebody else now"), "wait"),
    "approvals.escalate": Words(_("Raised to the admins above"), "wait"),
    "approvals.remind": Words(_("A decision is due soon"), "wait"),
    "approvals.consent_by_time": Words(_("Silence was taken as consent, as the policy says"), "ok"),
    "approvals.reassign": Words(_("Passed on to somebody else"), "wait"),
    "approvals.ask_for": Words(_("A question before deciding"), "wait"),
    "approvals.answer": Words(_("A question was answered")),
    "approvals.take_back": Words(_("A question needs no answer any more")),
    "approvals.comment": Words(_("A comment")),
    "approvals.attach": Words(_("A file was added")),
    "approvals.detach": Words(_("A file was taken out")),
    "approvals.download": Words(_("A file was read")),
    "approvals.use_link": Words(_("Decided by the link of a mail")),
    "approvals.delegate": Words(_("Decisions were delegated")),
    "approvals.end_delegation": Words(_("A delegation was ended")),
    "approvals.propose_policy": Words(_("A change of a policy is proposed"), "wait"),
    "approvals.withdraw_policy": Words(_("A change of a policy was taken back")),
    "approvals.put_through_policy": Words(_("A change of a policy was put through by a sole admin"), "wait"),
    "approvals.publish_policy": Words(_("A policy is in force"), "ok"),
    "approvals.retire_policy": Words(_("A policy was ended")),
    "approvals.set_calendar": Words(_("Working hours were changed")),
    "approvals.choose_calendar": Words(_("Other working hours hold")),
}
WORK = {
    "orders.place": Words(_("An order was placed")),
    "orders.amend": Words(_("An order was amended")),
    "orders.resubmit": Words(_("An order was sent again")),
    "orders.start": Words(_("Work on an order began")),
    "orders.retry": Words(_("A failed order is tried again")),
    "orders.give_up": Words(_("An order was given up"), "fail"),
    "orders.hand_over": Words(_("An order was handed over")),
    "provisioning.request": Words(_("A resource is being made")),
    "provisioning.end": Words(_("A resource is being ended")),
    "provisioning.hand_over": Words(_("A resource was handed over")),
    "provisioning.take_secret": Words(_("The secret of a resource was read"), "wait"),
    "leases.ask": Words(_("Access to a cloud is asked for"), "wait"),
    "leases.mint": Words(_("Access to a cloud was given")),
    "leases.end": Words(_("Access to a cloud was ended")),
    "tenancy.assign_role": Words(_("A role was given")),
    "tenancy.end_assignment": Words(_("A role was taken away")),
    "tenancy.break_glass": Words(_("Somebody broke the glass"), "fail"),
    "tenancy.end_break_glass": Words(_("What the broken glass gave was ended")),
    "tenancy.create_project": Words(_("A project was made")),
    "tenancy.close_scope": Words(_("A place was closed")),
    "audit.pause_subscription": Words(_("A subscription was paused"), "wait"),
}
WORDS = DECISIONS | WORK


def words_for(action: str, outcome: str, choice: str) -> Words:
    """The words of an act; of one that nobody has words for, its own name as the page of events has it."""
    known = WORDS.get(f"{action}-{choice}") or WORDS.get(f"{action}-{outcome}") or WORDS.get(action)
    found = known or Words(action)
    return found._replace(tone="fail") if outcome in ("failed", "refused") else found
