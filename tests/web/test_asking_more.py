"""Asking for more from the refusal on: the form filled in with what is missing, the decision, and what runs until a day."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.approvals.services import vote
from portal.catalogue.models import Offering
from portal.core import clock
from portal.metering.services import set_budget
from portal.tenancy.asking_more import ask_quota
from portal.tenancy.models import QuotaAsk
from portal.tenancy.services import set_quota
from tests.web.test_order_form import answers, send

IN_A_WEEK = timedelta(days=7)


def text(answer):
    return answer.content.decode()


def more(world, what="quotas", at="retail"):
    return f"/scopes/{world.scopes[at].pk}/{what}/more/"


@pytest.fixture
def limited(world):
    for place in ("retail", "logistics"):
        set_quota(world.scopes[place], "servers", 3, actor=world.actor("erin"))
    return world


def approve(world, who="bob"):
    approval = Approval.objects.get(state="waiting")
    vote(approval, "approve", card(approval, actor=world.actor(who)).hash, actor=world.actor(who))


def test_from_the_refused_order_to_the_limit_that_fits(market, signed_in):
    world, offering = market.world, Offering.objects.get(slug="linux-server")
    set_quota(world.retail, "servers", 0, actor=world.actor("erin"))
    alice = signed_in("alice")
    refused = send(alice, offering, answers(market))
    way = f"{more(world)}?dimension=servers&amp;amount=1"
    assert refused.status_code == 422
    assert way in text(refused)
    form = alice.get(way.replace("&amp;", "&"))
    assert 'name="amount" value="1"' in text(form)
    sent = alice.post(more(world), {"dimension": "servers", "amount": "1", "reason": "To sell."})
    assert sent.url == f"/inbox/{Approval.objects.get().pk}/"
    shown = text(alice.get(sent.url))
    assert "1 more servers in Retail" in shown
    assert "Take it back" in shown
    assert "1 more servers in Retail" in text(alice.get("/projects/asked/?kind=quota"))
    approve(world)
    assert send(alice, offering, answers(market)).status_code == 302


def test_over_the_budget_the_form_says_what_is_missing(market, signed_in):
    world, offering = market.world, Offering.objects.get(slug="linux-server")
    set_budget(world.retail, Decimal(10), actor=world.actor("carol"))
    alice = signed_in("alice")
    assert f"{more(world, 'budget')}?amount=6.79" in text(send(alice, offering, answers(market)))
    until = timezone.localdate() + IN_A_WEEK
    sent = alice.post(more(world, "budget"), {"amount": "6.79", "until": until.isoformat(), "reason": "To sell."})
    assert sent.status_code == 302
    approve(world)
    assert send(alice, offering, answers(market)).status_code == 302
    budget = world.retail.budget
    assert "6.79" in text(signed_in("carol").get(f"/budgets/{budget.pk}/"))


def test_a_loan_is_chosen_in_the_form_and_both_pages_tell_of_it(limited, signed_in):
    alice, until = signed_in("alice"), (timezone.localdate() + IN_A_WEEK).isoformat()
    assert "Nordwind / Logistics" in text(alice.get(more(limited)))
    given = {"dimension": "servers", "amount": "2", "lender": limited.logistics.pk, "reason": "A fair."}
    assert alice.post(more(limited), given).status_code == 422
    assert alice.post(more(limited), {**given, "until": until}).status_code == 302
    approve(limited, "erin")
    for place in (limited.retail, limited.logistics):
        assert "Logistics lends 2 to Retail" in text(signed_in("erin").get(f"/scopes/{place.pk}/"))


def test_what_does_not_fit_is_said_in_the_form_and_kept(limited, signed_in):
    alice = signed_in("alice")
    for wrong in ({"amount": "0"}, {"amount": "x"}, {"amount": str(10**30)}, {"dimension": "unicorns"}, {"reason": ""}):
        sent = {"dimension": "servers", "amount": "2", "reason": "A fair, <b>soon</b>.", **wrong}
        answer = alice.post(more(limited), sent)
        assert answer.status_code == 422, wrong
        assert "<b>soon" not in text(answer)
    assert not QuotaAsk.objects.exists()
    assert alice.get(f"{more(limited)}?dimension={'x' * 500}&amount=%00").status_code == 200


def test_where_nothing_binds_it_says_so_and_others_places_are_not_there(limited, signed_in):
    alice = signed_in("alice")
    assert "No quota is set here" in text(alice.get(more(limited, at="web")))
    assert "No budget is set here" in text(alice.get(more(limited, "budget")))
    for at in ("logistics", "other"):
        assert alice.get(more(limited, at=at)).status_code == 404
        assert alice.post(more(limited, "budget", at), {}).status_code == 404


def test_the_second_click_and_no_token_change_nothing(limited, signed_in):
    alice, given = signed_in("alice"), {"dimension": "servers", "amount": "2", "reason": "A fair."}
    first, second = alice.post(more(limited), given), alice.post(more(limited), given)
    assert first.url == second.url
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(limited.alice)
    assert strict.post(more(limited), given).status_code == 403
    assert QuotaAsk.objects.count() == 1


def test_many_that_run_ask_no_more_queries(limited, signed_in, in_few_queries):
    until = clock.now() + IN_A_WEEK
    for number in range(1, 4):
        asked = ask_quota(limited.retail, "servers", number, reason="x", until=until, actor=limited.actor("alice"))
        approve(limited)
        assert asked.pk
    in_few_queries(signed_in("alice"), more(limited))
