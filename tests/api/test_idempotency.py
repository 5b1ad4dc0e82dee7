"""One effect for one key, whatever is sent twice, at once, or after a crash."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from portal.access.models import Token
from portal.api import idempotency
from portal.api.models import Reply
from portal.api.tasks import forget
from portal.core import clock
from portal.metering.models import Export
from portal.orders.models import Order
from portal.orders.services import place_order


@pytest.fixture
def wish(market, world):
    answers = {"name": "web-1", "region": "eu-west-1", "image": market.image}
    item = {"plan": str(market.server.pk), "connection": str(market.aws.pk), "answers": answers}
    return {"project": str(world.web.pk), "items": [item]}


def test_the_same_key_and_request_gives_the_first_answer_again(caller, wish):
    alice = caller("alice")
    first = alice.post("orders/", wish, Idempotency_Key="k1")
    again = alice.post("orders/", wish, Idempotency_Key='"k1"')
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["Location"] == first["Location"] == f"/api/orders/{first.json()['id']}/"
    assert (again["Idempotent-Replayed"], first.get("Idempotent-Replayed")) == ("true", None)
    assert Order.objects.count() == 1


def test_the_same_key_with_another_request_is_a_conflict(caller, wish):
    alice = caller("alice")
    alice.post("orders/", wish, Idempotency_Key="k1")
    answer = alice.post("orders/", {**wish, "note": "another"}, Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["code"]) == (409, "key-reused")
    assert Order.objects.count() == 1


def test_an_order_needs_a_key_and_a_key_needs_to_be_one(caller, wish):
    alice = caller("alice")
    for key in ({}, {"Idempotency_Key": "x" * 121}, {"Idempotency_Key": "two words"}):
        answer = alice.post("orders/", wish, **key)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["Idempotency-Key"])
    assert not Order.objects.exists()


def test_a_refusal_leaves_the_key_free(caller, wish):
    alice = caller("alice")
    wrong = {**wish, "items": [{**wish["items"][0], "answers": {}}]}
    assert alice.post("orders/", wrong, Idempotency_Key="k1").status_code == 400
    assert alice.post("orders/", wish, Idempotency_Key="k1").status_code == 201


def test_keys_of_two_people_have_nothing_to_do_with_each_other(caller, world):
    body = {"organization": str(world.nordwind.pk), "period": "2026-01"}
    for name in ("carol", "erin"):
        assert caller(name).post("exports/", body, Idempotency_Key="k1").status_code == 201
    assert Export.objects.count() == 2


def test_a_narrowed_token_is_not_shown_what_a_wider_one_was_answered(caller, world):
    body = {"organization": str(world.nordwind.pk), "period": "2026-01"}
    assert caller("carol").post("exports/", body, Idempotency_Key="k1").status_code == 201
    answer = caller("carol", permissions=["view_scope"]).post("exports/", body, Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["code"]) == (409, "key-reused")


def test_a_token_is_shown_once_even_when_the_answer_is_replayed(caller):
    alice = caller("alice")
    body = {"name": "ci", "expires": (clock.now() + timedelta(days=3)).isoformat()}
    plain = alice.post("tokens/", body, Idempotency_Key="k1").json()["token"]
    again = alice.post("tokens/", body, Idempotency_Key="k1").json()
    assert (again["token"], again["name"]) == (None, "ci")
    assert plain not in str(Reply.kept.values_list())
    assert Token.objects.filter(name="ci").count() == 1


def test_after_a_day_the_key_is_free_and_the_answer_forgotten(caller, world):
    body = {"organization": str(world.nordwind.pk), "period": "2026-01"}
    carol = caller("carol")
    carol.post("exports/", body, Idempotency_Key="k1")
    with clock.travel(clock.now() + idempotency.KEPT + timedelta(seconds=1)):
        assert carol.post("exports/", body, Idempotency_Key="k1").get("Idempotent-Replayed") is None
    assert Reply.kept.count() == 1
    with clock.travel(clock.now() + 3 * idempotency.KEPT):
        forget()
    assert not Reply.kept.exists()


def test_what_fails_midway_leaves_neither_effect_nor_answer(caller, wish, monkeypatch):
    alice = caller("alice")

    def keep(*_args):
        raise RuntimeError("the process died here")

    with monkeypatch.context() as broken:
        broken.setattr(idempotency, "keep", keep)
        alice.client.raise_request_exception = False
        assert alice.post("orders/", wish, Idempotency_Key="k1").status_code == 500
    assert not Order.objects.exists()
    assert alice.post("orders/", wish, Idempotency_Key="k1").status_code == 201


@pytest.mark.usefixtures("fresh_db")
def test_while_the_first_is_at_work_the_second_is_told_to_wait(caller, wish, world):
    actor, locked, done = world.actor("alice"), threading.Event(), threading.Event()

    def first():
        with transaction.atomic():
            idempotency.hold(actor, "k1")
            locked.set()
            done.wait(20)
        connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    assert locked.wait(20)
    answer = caller("alice").post("orders/", wish, Idempotency_Key="k1")
    done.set()
    thread.join()
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "in-flight", "1")
    assert caller("alice").post("orders/", wish, Idempotency_Key="k1").status_code == 201


@pytest.mark.usefixtures("fresh_db")
def test_a_double_click_orders_once(caller, wish):
    start, answers = threading.Barrier(6), []
    callers = [caller("alice") for _ in range(6)]

    def click(who):
        start.wait()
        try:
            answers.append(who.post("orders/", wish, Idempotency_Key="k1"))
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=(who,)) for who in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fresh = [answer for answer in answers if answer.status_code == 201 and "Idempotent-Replayed" not in answer]
    others = {answer.status_code for answer in answers if answer not in fresh}
    assert (len(answers), len(fresh)) == (6, 1)
    assert others <= {201, 409}
    assert Order.objects.count() == 1


def test_the_key_of_an_order_is_the_service_s_key_too(caller, wish, market, world):
    made = caller("alice").post("orders/", wish, Idempotency_Key="k1").json()
    assert str(place_order(world.web, [market.draft()], key="k1", actor=world.actor("alice")).pk) == made["id"]
