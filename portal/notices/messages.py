"""What each notice says: a topic, its words with named places, and whether it goes out by mail unless she says otherwise.

All words are here, so one page lists every topic with its switches, and a reader gets hers in her own language. Adding a
topic is adding a line. `label` is the target's own label and always there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

# Parameters that may be sentences of ours, kept as their message ids: each reader gets them in her language.
OURS = ("reason", "advice")
COUNTS = ("days",)


@dataclass(frozen=True, slots=True)
class Message:
    """`about` names the topic on the preferences page, `title` is one line, `body` says what it means for her.

    What is told `always` has no switch: whoever got into her account would turn it off first.
    """

    about: Any
    title: Any
    body: Any
    mail: bool = True
    always: bool = False


MESSAGES: Mapping[str, Message] = {
    "vote_needed": Message(
        _("Something waits for my decision"),
        _("%(label)s waits for your decision"),
        _("You are one of those who can decide. It was asked for in %(scope)s; please decide before it expires."),
    ),
    "approval_approved": Message(
        _("What I asked for was approved"),
        _("%(label)s was approved"),
        _("It is carried out now. You can follow it on its page."),
    ),
    "approval_denied": Message(
        _("What I asked for was denied"),
        _("%(label)s was denied"),
        _("The reason given: %(note)s"),
    ),
    "approval_returned": Message(
        _("What I asked for was returned"),
        _("%(label)s was returned to you"),
        _("What to put right: %(note)s"),
    ),
    "vote_due": Message(
        _("Something I can decide is soon due"),
        _("%(label)s still waits for your decision"),
        _("It was asked for in %(scope)s, and most of the time to decide is gone."),
    ),
    "approval_expired": Message(
        _("What I asked for expired"),
        _("%(label)s expired without a decision"),
        _("Nobody decided in time, so nothing was done. You can ask again."),
    ),
    "approval_changed": Message(
        _("Something I decided changed before it was done"),
        _("%(label)s changed, and your vote no longer counts"),
        _("The facts are not those you decided on. Please look at them and decide again."),
    ),
    "approval_withdrawn": Message(
        _("Something I could decide was withdrawn"),
        _("%(label)s was withdrawn"),
        _("It needs no decision any more."),
        mail=False,
    ),
    "policy_alone": Message(
        _("A policy is changed where nobody else could agree"),
        _("%(label)s is about to change in %(scope)s"),
        _("Only one admin is there to decide, so it may be put through in a day. Look at it, and speak up if it is wrong."),
    ),
    "policy_change_withdrawn": Message(
        _("A change of a policy that I proposed was withdrawn"),
        _("The change of %(label)s was withdrawn"),
        _("Somebody else who manages policies there took it back. What was in force stays in force."),
    ),
    "order_for_you": Message(
        _("Somebody ordered something for me"),
        _("%(label)s was ordered for you"),
        _("%(person)s ordered it for you in %(scope)s. You are told how it goes on, and do not decide on it."),
        mail=False,
    ),
    "approval_comment": Message(
        _("Something was said about a decision of mine"),
        _("%(person)s on %(label)s"),
        _("%(note)s"),
        mail=False,
    ),
    "question_asked": Message(
        _("Who decides on something of mine asks me"),
        _("%(person)s asks you about %(label)s"),
        _("%(note)s The time to decide stands until you answer, for two weeks at most."),
    ),
    "question_answered": Message(
        _("What I asked before deciding was answered"),
        _("%(person)s answered about %(label)s"),
        _("%(note)s"),
    ),
    "passed_on": Message(
        _("A decision was passed on"),
        _("%(who)s decides %(label)s instead of %(person)s"),
        _("The reason given: %(note)s"),
        mail=False,
    ),
    "delegated": Message(
        _("Somebody lets me decide in her place"),
        _("%(person)s lets you decide in her place from %(date)s to %(until)s"),
        _(
            "The reason given: %(note)s What waits for her and you may see stands in your inbox meanwhile. You can give it back."
        ),
    ),
    "delegation_ended": Message(
        _("A delegation of mine was ended early"),
        _("%(who)s no longer decides in the place of %(person)s"),
        _("What was decided meanwhile stays decided."),
        mail=False,
    ),
    "order_moved": Message(
        _("My order moved on"),
        _("%(label)s: %(state)s"),
        _("Your order moved on. Its page shows every step."),
        mail=False,
    ),
    "order_ready": Message(
        _("My order is ready"),
        _("%(label)s is ready"),
        _("Everything you ordered is there and can be used."),
    ),
    "order_failed": Message(
        _("My order failed"),
        _("%(label)s could not be carried out"),
        _("What happened: %(reason)s What you can do: %(advice)s"),
    ),
    "resource_ready": Message(
        _("My resource is ready"),
        _("%(label)s is ready"),
        _("It can be used from now on."),
        mail=False,
    ),
    "resource_failed": Message(
        _("My resource has a problem"),
        _("%(label)s has a problem"),
        _("What happened: %(reason)s What you can do: %(advice)s"),
    ),
    "resource_ends": Message(
        _("My resource ends soon"),
        ngettext_lazy("%(label)s ends in %(days)s day", "%(label)s ends in %(days)s days", "days"),
        _("It ends on %(date)s. Order an extension if you need it longer."),
    ),
    "secret_ready": Message(
        _("A secret of mine is ready to be read"),
        _("The secret of %(label)s is ready"),
        _("It can be read once. Lost, it is replaced by a new one, never shown again."),
        mail=False,
    ),
    "role_given": Message(
        _("I was given a role"),
        _("You are now %(role)s in %(label)s"),
        _("You can use it from your next click on."),
    ),
    "review_started": Message(
        _("An access review began where I am an admin"),
        _("%(label)s: look through the roles in %(scope)s"),
        _("Keep or revoke each until %(date)s. Nobody reviews her own."),
    ),
    "review_due": Message(
        _("An access review of mine is over soon"),
        _("%(label)s is over on %(date)s, and not everything is decided"),
        _("Please decide what is left in %(scope)s."),
    ),
    "project_ends": Message(
        _("A project of mine ends soon"),
        ngettext_lazy("%(label)s is wanted for %(days)s day more", "%(label)s is wanted for %(days)s days more", "days"),
        _("Its last day is %(date)s. Nothing is removed then by itself. Whoever may close projects can move the day."),
    ),
    "project_over": Message(
        _("The last day of a project of mine has come"),
        _("The last day of %(label)s has come"),
        _(
            "It was wanted until %(date)s. Nothing was removed: what is in it runs on and is paid for. End what is in it and "
            "close it, or move the day."
        ),
    ),
    "glass_broken": Message(
        _("Somebody took a role in an emergency"),
        _("A role was taken in an emergency: %(role)s in %(scope)s"),
        _(
            "It holds until %(date)s. The reason given: %(note)s Two people review it; if it is wrong, deny it, and it ends at once."
        ),
        always=True,
    ),
    "glass_wrong": Message(
        _("A role taken in an emergency was found wrong"),
        _("%(label)s was found wrong by review"),
        _("The role %(role)s in %(scope)s has ended. What was done with it stands in the events."),
        always=True,
    ),
    "glass_unreviewed": Message(
        _("Nobody reviewed a role taken in an emergency"),
        _("%(label)s was not reviewed in time"),
        _("The role %(role)s in %(scope)s has ended, but two people should have looked at it. Its events are still there."),
        always=True,
    ),
    "invitation_accepted": Message(
        _("An invitation of mine was accepted"),
        _("%(person)s accepted your invitation to %(label)s"),
        _("%(person)s is %(role)s there from now on."),
    ),
    "role_ends": Message(
        _("A role of mine ends soon"),
        ngettext_lazy("%(role)s in %(label)s ends in %(days)s day", "%(role)s in %(label)s ends in %(days)s days", "days"),
        _("It ends on %(date)s. Ask an admin there if you need it longer."),
    ),
    "role_ended": Message(
        _("A role of mine ended"),
        _("You are no longer %(role)s in %(label)s"),
        _("If you still need it, ask an admin of %(label)s."),
    ),
    "handed_over": Message(
        _("Something was handed over to me"),
        _("Handed over to you in %(label)s: %(things)s"),
        _(
            "Somebody leaves, and you answer for what was hers from now on. Your lists of resources and orders, your inbox and the "
            "service accounts on your scopes show it. Renew the tokens of service accounts: she may have copies."
        ),
    ),
    "left_without_owner": Message(
        _("Something was left without an owner"),
        _("Left without an owner in %(label)s: %(things)s"),
        _("Somebody left, and nobody could take it over. The page of her leave lists each thing and says why."),
    ),
    "given_over": Message(
        _("I answer for something from now on"),
        _("%(label)s is yours to answer for"),
        _("%(account)s handed it over to you. What is told to its owner is told to you from now on."),
    ),
    "taken_over": Message(
        _("Something of mine was handed over"),
        _("%(account)s answers for %(label)s now"),
        _("It was handed over. Your roles there stay as they are."),
        mail=False,
    ),
    "scope_shared": Message(
        _("Something was shared with me"),
        _("%(label)s was shared with you"),
        _("You can use it until %(date)s."),
    ),
    "connection_ready": Message(
        _("A cloud connection is ready"),
        _("%(label)s is connected"),
        _("Its credentials work, and its inventory was read."),
    ),
    "connection_failed": Message(
        _("A cloud connection has a problem"),
        _("%(label)s has a problem"),
        _("What happened: %(reason)s"),
    ),
    "lease_ready": Message(
        _("Cloud access I asked for can be taken"),
        _("%(label)s can be taken"),
        _("It was approved. Open its page and take it before %(date)s: it is made while you are here, and shown once."),
    ),
    "lease_ended": Message(
        _("Cloud access of mine was ended"),
        _("%(label)s was ended"),
        _("%(reason)s Its credentials open nothing any more as soon as the cloud confirms; its page shows it."),
    ),
    "budget_passed": Message(
        _("A budget reached a mark"),
        _("%(label)s reached %(percent)s %% of its budget"),
        _("Used so far: %(used)s of %(limit)s."),
    ),
    "password_changed": Message(
        _("My password was changed"),
        _("Your password was changed"),
        _(
            "On %(date)s, from %(address)s. Your other sessions and your tokens have ended. If it was not you, have a link for a "
            "new password sent to you from the sign-in page now, and tell whoever manages your organization."
        ),
        always=True,
    ),
    "factor_removed": Message(
        _("My second factor was removed"),
        _("Your second factor was removed"),
        _(
            "On %(date)s. Your password alone signs you in from now on. If you did not want this, change your password and set up "
            "a second factor again on your profile, and tell whoever manages your organization."
        ),
        always=True,
    ),
    "token_ends": Message(
        _("A token of mine, or of a service account of mine, ends soon"),
        ngettext_lazy("The token %(label)s ends in %(days)s day", "The token %(label)s ends in %(days)s days", "days"),
        _("It acts as %(account)s and ends on %(date)s. Rotate it before, or what uses it stops."),
    ),
    "account_given": Message(
        _("A service account was given to me"),
        _("You answer for %(label)s now"),
        _("What it does counts as done by you. Its tokens of before open until %(date)s; rotate them, or end the account."),
    ),
    "account_orphaned": Message(
        _("The owner of a service account no longer belongs where it lives"),
        _("Nobody in %(scope)s answers for %(label)s any more"),
        _("Its owner lost her roles there, or was disabled. Give it to someone else, or end it."),
    ),
    "seen_as": Message(
        _("Somebody looked at Concord as I see it"),
        _("%(who)s looked at Concord as you see it"),
        _("On %(date)s, in %(label)s; nothing could be changed. The reason given: %(note)s"),
        always=True,
    ),
    "subscription_paused": Message(
        _("A subscription of mine to events was paused"),
        _("%(label)s does not take events, and was paused"),
        _("Ten tries in a row failed; the last one: %(error)s Nothing is lost: resume it, and it goes on where it stopped."),
    ),
    "hook_paused": Message(
        _("A decision hook of mine was paused"),
        _("%(label)s decides nothing any more, and was paused"),
        _(
            "Its account was disabled, given to somebody else, or signed out everywhere. While it is yours, rotate the secret and "
            "resume the hook; else end it. What it would have decided waits."
        ),
    ),
    "provider_behind": Message(
        _("The identity provider does not confirm that somebody was disabled"),
        _("%(label)s: the identity provider does not confirm that somebody was disabled"),
        _(
            "It was told %(tries)s times and last answered: %(error)s Concord lets the person in no more and goes on telling. "
            "The queue shows what waits."
        ),
    ),
}


def message_of(topic: str) -> Message:
    """The words of a topic. A topic without words is an error of the program, said at once."""
    try:
        return MESSAGES[topic]
    except KeyError:
        raise LookupError(f"no words for the notice {topic!r} in portal.notices.messages") from None


def say(sentence: Any, params: Mapping[str, str]) -> str:
    """A title or a body in the reader's language. KeyError where a parameter is missing."""
    words: dict[str, str | int] = {**params}
    words |= {name: gettext(params[name]) for name in OURS if params.get(name)}
    words |= {name: int(params[name]) for name in COUNTS if name in params}
    return str(sentence % words)
