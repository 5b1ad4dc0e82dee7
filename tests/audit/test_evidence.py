"""A pack of evidence holds what happened to one order and nothing of others, and is checked by a script that knows nothing."""

import json
import re
import subprocess
import sys
import uuid
import zlib
from datetime import timedelta
from pathlib import Path

import pytest

from portal.access.models import Assignment
from portal.approvals.models import Approval
from portal.audit import packing, packs, printing, tasks
from portal.audit.models import EvidencePack, PackState
from portal.core import blobs, clock
from portal.core.errors import NotFound
from portal.events.models import Event, Position
from portal.events.services import record
from portal.users.actor import Actor, Auth
from tests.api.conftest import caller  # noqa: F401
from tests.audit.sealer import seal_committed
from tests.web.conftest import in_few_queries, signed_in  # noqa: F401

VERIFIER = Path(__file__).parent.parent.parent / "scripts" / "verify_evidence.py"
OTHERS = "Of-another-tenant"


def checked(path):
    """What the verifier says of a file, in a Python that has nothing but its standard library."""
    done = subprocess.run([sys.executable, "-I", "-S", str(VERIFIER), str(path)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def ordered(fresh_db, market, world):
    """An order that was placed, approved and made; beside it the same of others, some with its correlation ids."""
    order = market.place(market.draft("web-1"), note="For <b>the shop</b> & more")
    market.approve(order)
    market.work()
    placed = Event.objects.get(action="orders.place", target_id=str(order.pk))
    for name, place in (("mallory", world.other_project), ("dave", world.fleet), ("erin", world.nordwind)):
        actor = Actor(world.people[name], Auth("password"), correlation_id=placed.correlation_id)
        record("tenancy.rename", place, actor=actor, said=OTHERS)
        record("orders.place", order, actor=actor, scope_path=str(place.path), said=OTHERS)
    return order


def packed(order, world, form="html", who="bob"):
    """The pack, written as a worker does, and its file."""
    pack = packs.request_pack("order", order.pk, format=form, actor=world.actor(who))
    seal_committed()
    packing.write_pack(pack.pk)
    pack.refresh_from_db()
    assert pack.state == PackState.READY, pack.error
    return pack, blobs.path_of(pack.blob)


def evidence_in(path):
    found = re.search(r'<script type="application/json" id="evidence">(.*?)</script>', path.read_text(), re.DOTALL)
    return json.loads(found[1])


def test_the_pack_holds_what_happened_and_verifies_offline(ordered, world):
    pack, path = packed(ordered, world)
    said = [json.loads(event["event"]) for event in evidence_in(path)["events"]]
    actions = [each["action"] for each in said]
    assert {"orders.place", "approvals.ask", "approvals.vote"} <= set(actions), actions
    resource = ordered.items.get().resource
    assert str(resource.pk) in {each["target_id"] for each in said}
    for shown in evidence_in(path)["events"]:
        assert Position.objects.get(event_id=json.loads(shown["event"])["id"]).position == shown["position"]
    status, text = checked(path)
    assert status == 0, text
    assert f"HOLDS: {len(said)} events" in text
    assert pack.events == len(said)
    page = path.read_text()
    for name in ("Alice Test", "Bob Test", "For &lt;b&gt;the shop&lt;/b&gt; &amp; more"):
        assert name in page


def test_no_row_of_another_tenant_is_in_it(ordered, world):
    _pack, path = packed(ordered, world)
    text = path.read_text()
    assert OTHERS not in text
    for foreign in (world.other, world.other_project, world.logistics, world.fleet, world.mallory, world.dave):
        assert foreign.pk.hex not in text
        assert str(foreign.pk) not in text
    for event in evidence_in(path)["events"]:
        assert json.loads(event["event"])["scope_path"].startswith(str(world.web.path))


def test_one_flipped_byte_and_it_does_not_hold(ordered, world, tmp_path):
    _pack, path = packed(ordered, world)
    evidence, whole = evidence_in(path), path.read_bytes()
    shown = next(each for each in evidence["events"] if each["path"])
    said = {
        "event": json.loads(shown["event"])["action"],
        "root": evidence["checkpoints"][shown["checkpoint"]]["root"],
        "path": shown["path"][0][1],
    }
    start = whole.index(b'id="evidence"')
    for where, needle in said.items():
        flipped = bytearray(whole)
        flipped[whole.index(needle.encode(), start)] ^= 1
        broken = tmp_path / f"{where}.html"
        broken.write_bytes(flipped)
        status, text = checked(broken)
        assert status == 1, (where, text)
        assert "DOES NOT HOLD" in text


def test_the_pdf_carries_the_same_evidence(ordered, world, tmp_path):
    _pack, path = packed(ordered, world, "pdf")
    whole = path.read_bytes()
    assert whole.startswith(b"%PDF-")
    attached = tmp_path / "evidence.json"
    attached.write_bytes(evidence_of_pdf(whole))
    assert checked(attached)[0] == 0
    _html, page = packed(ordered, world, "html")
    ours = [event["event"] for event in json.loads(attached.read_text())["events"]]
    assert ours == [event["event"] for event in evidence_in(page)["events"]]


def evidence_of_pdf(whole):
    """The attachment, found among the streams of the file."""
    for found in re.finditer(rb"stream\r?\n", whole):
        start = found.end()
        part = whole[start : whole.index(b"endstream", start)]
        try:
            plain = zlib.decompressobj().decompress(part)
        except zlib.error:
            plain = part
        if plain.startswith(b'{"format": "concord-evidence/1"'):
            return plain.rstrip(b"\r\n")
    raise AssertionError("no evidence is attached")


def test_events_that_are_not_sealed_are_waited_for(ordered, world, signed_in):  # noqa: F811
    pack = packs.request_pack("order", ordered.pk, format="html", actor=world.actor("bob"))
    packing.write_pack(pack.pk)
    pack.refresh_from_db()
    assert pack.state == PackState.WAITING
    assert pack.unsealed > 3
    page = signed_in("bob").get(f"/events/evidence/{pack.pk}/").content.decode()
    assert "not sealed yet" in page
    assert 'hx-trigger="every 2s"' in page
    seal_committed()
    with clock.travel(clock.now() + timedelta(seconds=10)):
        assert list(packs.due_packs(clock.now())) == [pack]
        packing.write_pack(pack.pk)
    pack.refresh_from_db()
    assert (pack.state, pack.unsealed) == (PackState.READY, 0)
    assert checked(blobs.path_of(pack.blob))[0] == 0


def test_a_worker_that_died_while_writing_leaves_it_to_the_next(ordered, world, monkeypatch):
    pack = packs.request_pack("order", ordered.pk, format="html", actor=world.actor("bob"))
    seal_committed()

    class Killed(BaseException):
        pass

    def die(*_args):
        raise Killed

    monkeypatch.setattr(packing, "draw", die)
    with pytest.raises(Killed):
        packing.write_pack(pack.pk)
    monkeypatch.undo()
    packing.write_pack(pack.pk)
    assert EvidencePack.objects.get().state == PackState.WAITING, "it may still be at work"
    with clock.travel(clock.now() + timedelta(minutes=12)):
        tasks.sweep()
        packing.write_pack(pack.pk)
    assert EvidencePack.objects.get().state == PackState.READY


def test_where_pango_is_missing_the_page_names_the_package_and_offers_html(ordered, world, signed_in, monkeypatch):  # noqa: F811
    monkeypatch.setattr(printing, "weasyprint", None)
    pack = packs.request_pack("order", ordered.pk, format="pdf", actor=world.actor("bob"))
    seal_committed()
    packing.write_pack(pack.pk)
    browser = signed_in("bob")
    page = browser.get(f"/events/evidence/{pack.pk}/").content.decode()
    assert "libpango-1.0-0 libpangoft2-1.0-0" in page
    assert browser.get(f"/events/evidence/{pack.pk}/download/").status_code == 409
    [address] = re.findall(rf'action="(/orders/{ordered.pk}/evidence/)"', page)
    again = browser.post(address, {"format": "html"})
    made = EvidencePack.objects.get(format="html")
    assert again.url == f"/events/evidence/{made.pk}/"


def test_from_the_order_page_to_the_file_on_disk(ordered, world, signed_in):  # noqa: F811
    browser = signed_in("alice")
    assert f"/orders/{ordered.pk}/evidence/" in browser.get(f"/orders/{ordered.pk}/").content.decode()
    first = browser.post(f"/orders/{ordered.pk}/evidence/", {"format": "html"})
    again = browser.post(f"/orders/{ordered.pk}/evidence/", {"format": "html"})
    assert first.url == again.url, "the second click is the same pack"
    seal_committed()
    for _twice in range(2):
        packing.write_pack(EvidencePack.objects.get().pk)
    assert Event.objects.filter(action="audit.write_pack").count() == 1
    assert "Download" in browser.get(first.url).content.decode()
    answer = browser.get(f"{first.url}download/")
    assert answer["Content-Disposition"].startswith("attachment")
    assert b'id="evidence"' in b"".join(answer.streaming_content)
    assert Event.objects.filter(action="audit.download_pack", actor=world.alice).count() == 1
    assert browser.post(f"/orders/{ordered.pk}/evidence/", {"format": "exe"}).status_code == 400


def test_of_a_decision_alone(ordered, world):
    approval = Approval.objects.get(subject_id=str(ordered.pk))
    pack = packs.request_pack("approval", approval.pk, format="html", actor=world.actor("bob"))
    seal_committed()
    packing.write_pack(pack.pk)
    pack.refresh_from_db()
    path = blobs.path_of(pack.blob)
    assert checked(path)[0] == 0
    assert OTHERS not in path.read_text()


def test_only_who_may_read_events_there_asks_and_takes_it(ordered, world, signed_in, in_few_queries):  # noqa: F811
    pack, _path = packed(ordered, world)
    with pytest.raises(NotFound):
        packs.request_pack("order", ordered.pk, format="html", actor=world.actor("mallory"))
    with pytest.raises(NotFound):
        packs.request_pack("order", uuid.uuid4(), format="html", actor=world.actor("bob"))
    mallory = signed_in("mallory")
    for address in (f"/events/evidence/{pack.pk}/", f"/events/evidence/{pack.pk}/download/"):
        assert mallory.get(address).status_code == 404
    assert str(pack.pk) not in mallory.get("/events/evidence/").content.decode()
    bob = signed_in("bob")
    in_few_queries(bob, "/events/evidence/")
    in_few_queries(bob, f"/events/evidence/{pack.pk}/")
    Assignment.objects.filter(user=world.bob).update(expires=clock.now())
    assert bob.get(f"/events/evidence/{pack.pk}/download/").status_code == 404


def test_a_damaged_file_is_not_handed_out(ordered, world, signed_in):  # noqa: F811
    pack, path = packed(ordered, world)
    path.write_bytes(path.read_bytes() + b" ")
    assert signed_in("bob").get(f"/events/evidence/{pack.pk}/download/").status_code == 503
