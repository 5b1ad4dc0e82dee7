"""The log as NDJSON and as OCSF, judged by the published schema; what she may see and no more; in constant memory."""

import json
import tracemalloc
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from portal.access.queries import events_visible_to
from portal.audit import exporting, ocsf
from portal.core.errors import Forbidden, Invalid
from portal.events.models import Event
from portal.events.services import event_of, record, record_all
from portal.users.actor import Actor, Auth
from tests.api.conftest import caller  # noqa: F401
from tests.audit.sealer import seal_all
from tests.web.conftest import signed_in  # noqa: F401

OCSF = json.loads((Path(__file__).parent / "ocsf-1.8.0-entity-management.json").read_text())
JUDGE = Draft202012Validator(OCSF)


def lines(answer):
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


@pytest.fixture
def happened(world):
    """One event of every outcome and kind of actor, with everything in it that could break a line."""
    hard = 'Line\nbreak \u2028 "quote" </script> 漢字 \U0001f600'
    for outcome in ("done", "waiting", "allowed", "refused", "failed", "something_new"):
        record("tenancy.rename", world.web, actor=world.actor("erin"), outcome=outcome, reason=hard, said={"deep": [1, None]})
    record("orders.place", world.web, actor=Actor.system())
    record("zzz.unheard_of", world.web, actor=Actor(world.dave, Auth("token")), cause=world.retail)
    looking = Actor(world.alice, Auth("password", address="2001:db8::1"), viewed_as_by=world.erin, acting_for=world.bob)
    record("audit.download", world.web, actor=looking)
    record("tenancy.rename", world.other_project, actor=world.actor("mallory"), reason="Not yours")
    seal_all()


def test_every_line_is_what_ocsf_publishes(happened, world, signed_in):  # noqa: F811
    found = lines(signed_in("erin").get("/events/export/?shape=ocsf"))
    assert len(found) >= 9
    for line in found:
        problems = [f"{error.json_path}: {error.message}" for error in JUDGE.iter_errors(line)]
        assert not problems, (line, problems)
        assert line["type_uid"] == line["class_uid"] * 100 + line["activity_id"]
    by_action = {line["metadata"]["event_code"]: line for line in found}
    renamed, unheard = by_action["tenancy.rename"], by_action["zzz.unheard_of"]
    assert (renamed["activity_name"], by_action["orders.place"]["activity_name"]) == ("Update", "Create")
    assert (unheard["activity_id"], unheard["activity_name"]) == (99, "zzz.unheard_of")
    assert by_action["audit.download"]["src_endpoint"] == {"ip": "2001:db8::1"}
    assert by_action["audit.download"]["unmapped"]["viewed_as_by"]["name"] == "Erin Test"
    assert by_action["orders.place"]["actor"]["user"]["type"] == "System"
    assert {line["status"]: line["status_id"] for line in found}["refused"] == 2
    assert renamed["metadata"]["sequence"] > 0


def test_the_judge_refuses_what_is_not_ocsf(world):
    """So that the test above can fail."""
    event = record("tenancy.rename", world.web, actor=world.actor("erin"))
    whole = ocsf.as_ocsf(event, 1)
    assert JUDGE.is_valid(whole)
    for broken in ({**whole, "activity_id": 77}, {**whole, "more": 1}, {**whole, "time": "now"}, {**whole, "entity": {}}):
        assert not JUDGE.is_valid(broken)


def test_ndjson_holds_every_column_and_names_people_as_they_are_called_now(happened, world, signed_in):  # noqa: F811
    world.erin.name = "Erin Married"
    world.erin.save()
    answer = signed_in("erin").get("/events/export/?action=tenancy.&outcome=refused")
    assert answer["Content-Disposition"].startswith("attachment")
    [line] = lines(answer)
    event = Event.objects.get(outcome="refused")
    assert line["actor"] == {"id": str(world.erin.pk), "name": "Erin Married"}
    assert (line["id"], line["reason"]) == (str(event.pk), event.reason)
    assert line["scope"] == [str(world.nordwind.pk), str(world.retail.pk), str(world.web.pk)]
    assert line["detail"] == {"said": {"deep": [1, None]}}
    assert line["position"] > 0


@pytest.mark.parametrize("shape", ["ndjson", "ocsf"])
def test_nobody_takes_more_than_she_may_see(happened, world, signed_in, caller, shape):  # noqa: F811
    assert "Not yours" not in json.dumps(lines(signed_in("erin").get(f"/events/export/?shape={shape}")))
    theirs = lines(caller("mallory").get(f"events/export/?shape={shape}"))
    assert "Nordwind" not in json.dumps(theirs)
    assert "Not yours" in json.dumps(theirs)
    narrowed = caller("erin", scope=world.logistics)
    assert lines(narrowed.get(f"events/export/?shape={shape}")) == []


def test_that_she_took_it_is_an_event_where_she_reads(happened, world, signed_in):  # noqa: F811
    signed_in("alice").get("/events/export/?action=tenancy.")
    taken = Event.objects.get(action="audit.export_events")
    assert (taken.actor, taken.scope_path) == (world.alice, world.nordwind.path)
    assert taken.detail == {"shape": "ndjson", "filter": {"action": "tenancy."}}


def test_a_filter_that_cannot_be_read_takes_nothing(happened, world, signed_in, caller):  # noqa: F811
    answer = signed_in("erin").get("/events/export/?since=nonsense")
    assert answer.status_code == 302
    assert "field-error" in signed_in("erin").get(answer.url).content.decode()
    for query in ("since=nonsense", "shape=xml", "colour=red", "scope=1"):
        assert caller("erin").get(f"events/export/?{query}").status_code == 400, query
    assert not Event.objects.filter(action="audit.export_events").exists()
    with pytest.raises(Invalid):
        exporting.export_events(Event.objects.all(), "xml", asked={}, actor=world.actor("erin"))


def test_who_looks_as_another_takes_nothing_home(world):
    looking = Actor(world.alice, Auth("password"), viewed_as_by=world.erin)
    with pytest.raises(Forbidden):
        exporting.export_events(events_visible_to(looking), "ndjson", asked={}, actor=looking)


def test_many_events_take_no_more_memory_than_few(world):
    erin = world.actor("erin")

    def peak(count):
        record_all(
            event_of("tenancy.rename", world.web, actor=erin, pad="x" * 1000, number=number) for number in range(count)
        )
        rows = Event.objects.filter(action="tenancy.rename")
        tracemalloc.start()
        taken = sum(1 for _line in exporting.lines(rows, exporting.as_line))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken, top

    few, many = peak(1000), peak(9000)
    assert (few[0], many[0]) == (1000, 10_000)
    assert many[1] < few[1] * 1.5 + 2_000_000, (few, many)
