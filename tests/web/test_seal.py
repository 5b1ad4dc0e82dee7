"""The page of the seals, the alarm on it, and what an auditor takes home."""

import json
from datetime import timedelta

from portal.core import clock
from portal.events.frontier import last_seal
from portal.events.models import Event, Position, Seal
from portal.events.queries import events_after, lag_behind
from portal.events.sealing import seal
from portal.notices.models import Delivery
from scripts import verify_evidence
from tests.cast import person
from tests.events.log import slow_writer, write


def test_who_may_read_events_nowhere_sees_nothing(world, signed_in):
    person("nobody")
    browser = signed_in("nobody")
    for path in ("", "published.json", "verify_evidence.py"):
        assert browser.get(f"/events/seals/{path}").status_code == 404


def test_the_page_of_a_log_that_was_never_sealed(world, signed_in):
    page = signed_in("erin").get("/events/seals/").content.decode()
    assert "No seal yet" in page
    assert "lag-alarm" not in page


def test_the_page_says_how_far_the_log_is_sealed(fresh_db, world, signed_in, in_few_queries):
    browser = signed_in("erin")
    for _seal in range(60):
        write(world)
        seal()
    page = in_few_queries(browser, "/events/seals/").content.decode()
    last = Seal.objects.order_by("-number").first()
    assert bytes(last.chained).hex() in page
    assert f'<dd class="figure">{last.last}</dd>' in page
    assert page.count('<th scope="row" class="num">') == 50
    assert browser.get("/events/seals/?page=nonsense").status_code == 200


def test_an_open_transaction_past_the_limit_raises_the_alarm_holds_back_no_notice_and_nothing_is_passed_over(
    fresh_db, world, signed_in, market, mailoutbox
):
    seal()
    sealed = Position.objects.count()
    with slow_writer(Event.objects.first()) as slow:
        market.place()
        assert Delivery.objects.exists() or market.world.bob.notices.exists(), "who decides is told at once"
        assert seal() == 0
        waiting = Event.objects.count() - sealed
        browser = signed_in("erin")
        assert "lag-alarm" not in browser.get("/events/seals/").content.decode(), "not yet past the limit"
        waiting = Event.objects.count() - sealed
        with clock.travel(clock.now() + timedelta(minutes=6)):
            page = browser.get("/events/seals/").content.decode()
            lag = lag_behind(last_seal(), clock.now())
        assert (lag.count, lag.is_alarm) == (waiting, True)
        assert f"{waiting} events are not sealed." in page
        assert f"process {slow.info.backend_pid} holds them back" in page
        slow.commit()
    assert seal() == waiting + 1
    assert Position.objects.count() == Event.objects.count()
    assert lag_behind(last_seal(), clock.now()).count == 0
    assert "lag-alarm" not in signed_in("erin").get("/events/seals/").content.decode()


def test_who_does_not_operate_the_platform_is_not_told_of_its_processes(fresh_db, world, signed_in):
    write(world)
    browser = signed_in("alice")
    with slow_writer(Event.objects.first()), clock.travel(clock.now() + timedelta(minutes=6)):
        page = browser.get("/events/seals/").content.decode()
    assert "lag-alarm" in page
    assert "process" not in page


def test_an_event_says_its_place_and_gives_its_proof(fresh_db, world, signed_in, tmp_path, monkeypatch, capsys):
    [event] = write(world)
    browser = signed_in("erin")
    assert "not yet" in browser.get("/events/").content.decode()
    assert browser.get(f"/events/{event.pk}/proof.json").status_code == 409
    seal()
    assert f'href="/events/{event.pk}/proof.json"' in browser.get("/events/").content.decode()
    answer = browser.get(f"/events/{event.pk}/proof.json")
    assert answer["Content-Disposition"] == f'attachment; filename="event-{event.pk}.json"'
    (tmp_path / "proof.json").write_bytes(answer.content)
    published = browser.get("/events/seals/published.json").json()
    [(key_id, public)] = published["public_keys"].items()
    monkeypatch.setattr("sys.argv", ["x", str(tmp_path / "proof.json"), "--key", f"{key_id}:{public}"])
    assert verify_evidence.main() == 0
    assert str(event.pk) in json.loads(json.loads(answer.content)["events"][0]["event"])["id"]


def test_the_newest_checkpoint_can_be_kept(fresh_db, world, signed_in):
    browser = signed_in("erin")
    assert browser.get("/events/seals/published.json").json()["checkpoint"] is None
    write(world)
    seal()
    last = Seal.objects.order_by("-number").first()
    kept = browser.get("/events/seals/published.json").json()["checkpoint"]
    assert (kept["number"], kept["chained"]) == (last.number, bytes(last.chained).hex())


def test_the_checker_that_is_handed_out_is_the_one_that_is_tested(world, signed_in):
    with open(verify_evidence.__file__, "rb") as file:
        assert signed_in("erin").get("/events/seals/verify_evidence.py").content == file.read()


def test_the_proof_of_others_events_is_nothing(fresh_db, world, signed_in):
    [event] = write(world)
    seal()
    browser = signed_in("mallory")
    assert browser.get(f"/events/{event.pk}/proof.json").status_code == 404
    assert str(event.pk) not in browser.get("/events/").content.decode()


def test_a_consumer_reads_every_event_once_by_position(fresh_db, world):
    for count in (3, 2):
        write(world, count)
        seal()
    first = events_after(0, 4)
    rest = events_after(first[-1][0], 4)
    assert [place for place, _event in first + rest] == [1, 2, 3, 4, 5]
    assert {event.pk for _place, event in first + rest} == set(Event.objects.values_list("pk", flat=True))
    assert events_after(5, 4) == []
