"""The pages of an import, as a browser uses them: look, mend, carry out, and the result to take home."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.access.models import Assignment, Scope
from portal.events.models import Event
from portal.identity import imports
from portal.identity.models import Import
from tests.cast import give

ROLES = "person,role,scope,until\r\n"


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def sent(name, data):
    return {"file": SimpleUploadedFile(name, data if isinstance(data, bytes) else data.encode())}


def test_an_import_is_looked_at_carried_out_and_told(world, signed_in):
    browser = signed_in("erin")
    assert "No import yet" in text(browser.get("/imports/"))
    answer = browser.post("/imports/", sent("roles.csv", ROLES + "bob,viewer,Retail / web,\r\n"), follow=True)
    assert "Nothing is done yet" in text(answer)
    assert "bob · viewer · Retail / web Create New role, without an end. 2" in text(answer)
    assert not Assignment.objects.filter(user=world.bob, role__key="viewer").exists()
    found = Import.objects.get()
    answer = browser.post(f"/imports/{found.pk}/carry-out/", {"digest": found.digest}, follow=True)
    assert "1 row is carried out." in text(answer)
    assert Assignment.objects.get(user=world.bob, role__key="viewer").granted_by == world.erin
    link = re.search(r'href="(/events/\?q=[^"]+)"', answer.content.decode()).group(1)
    assert "identity.carry_out_import" in text(browser.get(link))
    assert "tenancy.assign_role" in text(browser.get(link))
    assert "Roles" in text(browser.get("/imports/"))
    assert browser.post(f"/imports/{found.pk}/carry-out/", {"digest": found.digest}).status_code == 302
    assert Event.objects.filter(action="identity.carry_out_import").count() == 1


def test_a_wrong_row_is_named_and_the_text_is_there_to_mend(world, signed_in):
    browser = signed_in("erin")
    answer = browser.post("/imports/", {"text": ROLES + "bob,viewer,Retail,\r\nghost,viewer,Retail,\r\n"}, follow=True)
    assert "One row is wrong." in text(answer)
    assert "Carry out" not in text(answer)
    found = Import.objects.get()
    assert "ghost,viewer,Retail," in browser.get(f"/imports/?again={found.pk}").content.decode()
    only = text(browser.get(f"/imports/{found.pk}/?only=wrong&page=99"))
    assert "Nobody here is known by exactly the name ghost." in only
    assert "bob · viewer" not in only
    assert "bob · viewer" in text(browser.get(f"/imports/{found.pk}/?only=nonsense&page=x"))
    assert "No row of this kind" in text(browser.get(f"/imports/{found.pk}/?only=same"))
    refused = browser.post(f"/imports/{found.pk}/carry-out/", {"digest": found.digest}, follow=True)
    assert "Nothing was done." in text(refused)


def test_what_cannot_be_read_is_said_and_what_was_sent_stays(world, signed_in):
    browser = signed_in("erin")
    for given in ({"text": "who,what\r\na,b\r\n"}, sent("x.csv", "who,what\na,b\n")):
        answer = browser.post("/imports/", given)
        assert answer.status_code == 422
        assert "The header does not say what the rows are." in text(answer)
        assert "who,what" in answer.content.decode()
    for given, said in [
        ({}, "Choose a file, or paste its text."),
        (sent("x.csv", "path\nCafé / x\n".encode("latin-1")), "Line 2 is not UTF-8"),
        (sent("x.csv", b"x" * ((1 << 20) + 1)), "The file is larger than 1 MB."),
        (sent("x.csv", b""), "empty"),
        ({"text": "person,role,scope\n" + "a,b,c\n" * 10_001}, "There are more than 10,000 rows."),
        ({"text": "person,role,scope\na\x00,b,c\n"}, "ull characters are not allowed"),
        ({"text": "person,role,scope\na,b," + "c" * 900_000}, "a cell of more than 128 kB"),
    ]:
        answer = browser.post("/imports/", given)
        assert answer.status_code == 422
        assert said in text(answer)
    assert not Import.objects.exists()


def test_a_change_meanwhile_is_shown_and_nothing_done(world, signed_in):
    browser = signed_in("erin")
    browser.post("/imports/", {"text": ROLES + "bob,viewer,Retail,\ncarol,viewer,Retail,\n"})
    found = Import.objects.get()
    give(world.carol, "viewer", world.retail)
    answer = browser.post(f"/imports/{found.pk}/carry-out/", {"digest": found.digest}, follow=True)
    assert "Something changed since you looked, so nothing was done." in text(answer)
    assert "Held already. Before: New role, without an end." in text(answer)
    assert not Assignment.objects.filter(user=world.bob, role__key="viewer").exists()


def test_the_result_and_the_templates_are_files_that_compute_nothing(world, signed_in):
    browser = signed_in("erin")
    browser.post("/imports/", {"text": "path\n=cmd|x / y\n@a / +b\n"})
    answer = browser.get(f"/imports/{Import.objects.get().pk}/result.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert re.search(r"^2,create,'=cmd\|x / y,", answer.content.decode(), re.MULTILINE)
    assert re.search(r"^3,create,'@a / \+b,", answer.content.decode(), re.MULTILINE)
    for kind in ("people", "projects", "roles"):
        given = browser.get(f"/imports/template/{kind}.csv")
        looked = browser.post("/imports/", sent(f"{kind}.csv", given.content))
        assert looked.status_code == 302
    assert browser.get("/imports/template/cars.csv").status_code == 404


def test_for_whoever_gives_no_roles_there_is_nothing(world, signed_in):
    found = imports.look(ROLES + "bob,viewer,Retail,\n", world.nordwind, actor=world.actor("erin"))
    for name in ("alice", "mallory"):
        browser = signed_in(name)
        for address in ("", "result.csv"):
            assert browser.get(f"/imports/{found.pk}/{address}").status_code == 404
        assert browser.post(f"/imports/{found.pk}/carry-out/", {"digest": found.digest}).status_code == 404
        assert "ghost" not in browser.get(f"/imports/?again={found.pk}").content.decode()
    assert "bob,viewer" not in browser.get(f"/imports/?again={found.pk}").content.decode()
    alice = signed_in("alice")
    assert alice.get("/imports/").status_code == 404
    assert alice.get("/imports/template/roles.csv").status_code == 404
    assert "/imports/" not in alice.get("/scopes/").content.decode()
    assert "/imports/" in signed_in("erin").get("/scopes/").content.decode()


def test_who_gives_roles_in_two_places_says_for_which(world, signed_in):
    give(world.alice, "tenant_admin", world.retail)
    give(world.alice, "tenant_admin", world.logistics)
    browser = signed_in("alice")
    assert 'name="place"' in browser.get("/imports/").content.decode()
    given = {"text": "path\nfleet2\nLogistics / fleet\n"}
    assert browser.post("/imports/", given).status_code == 422
    assert browser.post("/imports/", {**given, "place": world.other.pk}).status_code == 422
    browser.post("/imports/", {**given, "place": world.logistics.pk})
    found = Import.objects.get()
    assert (found.scope, found.counts["create"], found.counts["same"]) == (world.logistics, 1, 1)
    browser.post(f"/imports/{found.pk}/carry-out/", {"digest": found.digest})
    assert Scope.objects.get(name="fleet2").parent == world.logistics


@pytest.mark.parametrize("count", [3, 60])
def test_the_pages_ask_little_however_many_rows(world, signed_in, in_few_queries, count):
    browser = signed_in("erin")
    for _each in range(count):
        imports.look(ROLES + "bob,viewer,Retail,\n" * count, world.nordwind, actor=world.actor("erin"))
    assert "of 60" in text(in_few_queries(browser, "/imports/")) or count == 3
    in_few_queries(browser, f"/imports/{Import.objects.first().pk}/")
