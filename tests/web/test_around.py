"""What stands around a card as a browser sends it: files, words, questions, passing on, several at once, the parts of the inbox."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.approvals import services
from portal.approvals.delegations import delegate
from portal.approvals.files import attach
from portal.approvals.models import Approval, Comment, File, Question, Stage, Vote
from portal.approvals.talk import ask_for
from portal.core import clock
from tests.approvals.wish import PATH, Wish, WishKind
from tests.cast import give, person

PDF = b"%PDF-1.7\nwhy"


@pytest.fixture(autouse=True)
def _kind(settings, tmp_path):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    settings.BLOB_URL = str(tmp_path)
    WishKind.wishes.clear()


def asked(world, key="w1", cost="120.00"):
    WishKind.wishes[key] = Wish(key, world.web, {"cost_per_month": cost, "currency": "EUR", "action": "create"})
    return services.ask("wish", WishKind.wishes[key], actor=world.actor("alice"), scope=world.web, title=f"Wish {key}")


@pytest.fixture
def approval(world):
    return asked(world)


def at(approval, rest=""):
    return f"/inbox/{approval.pk}/{rest}"


class TestFiles:
    def test_one_is_added_saved_and_taken_out(self, world, signed_in, approval):
        browser = signed_in("alice")
        sent = {"file": SimpleUploadedFile("plan <b>.pdf", PDF, content_type="text/html")}
        assert browser.post(at(approval, "files/"), sent).status_code == 302
        kept = File.objects.get()
        page = browser.get(at(approval)).content.decode()
        assert "plan &lt;b&gt;.pdf" in page
        answer = browser.get(at(approval, f"files/{kept.pk}/"))
        assert answer.content == PDF
        assert answer["Content-Disposition"].startswith("attachment")
        assert (answer["X-Content-Type-Options"], answer["Content-Type"]) == ("nosniff", "application/octet-stream")
        for _click in range(2):
            assert browser.post(at(approval, f"files/{kept.pk}/remove/")).status_code == 302
        assert browser.get(at(approval, f"files/{kept.pk}/")).status_code == 404

    @pytest.mark.parametrize(("name", "content"), [("plan.exe", b"MZ"), ("plan.pdf", b"MZ"), ("plan.pdf", b"")])
    def test_what_is_not_on_the_list_is_refused_beside_the_field(self, signed_in, approval, name, content):
        answer = signed_in("alice").post(at(approval, "files/"), {"file": SimpleUploadedFile(name, content)})
        assert answer.status_code == 422
        assert "field-error" in answer.content.decode()
        assert not File.objects.exists()

    def test_another_organization_finds_none(self, world, signed_in, approval):
        kept = attach(approval, "a.pdf", PDF, actor=world.actor("alice"))
        assert signed_in("mallory").get(at(approval, f"files/{kept.pk}/")).status_code == 404

    def test_a_file_needs_the_token_of_the_form(self, world, approval):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(world.alice)
        assert browser.post(at(approval, "files/"), {"file": SimpleUploadedFile("a.pdf", PDF)}).status_code == 403


class TestWords:
    def test_what_is_said_stands_on_the_card_and_is_no_markup(self, signed_in, approval):
        browser = signed_in("bob")
        assert browser.post(at(approval, "say/"), {"text": "<script>x</script>"}).status_code == 302
        assert "&lt;script&gt;x" in browser.get(at(approval)).content.decode()
        assert browser.post(at(approval, "say/"), {"text": ""}).status_code == 422
        assert Comment.objects.count() == 1

    def test_who_only_sees_it_says_nothing(self, signed_in, approval):
        assert signed_in("dave").post(at(approval, "say/"), {"text": "hm"}).status_code == 403

    def test_who_asked_reads_that_it_waits_for_her_and_answers(self, signed_in, approval):
        assert signed_in("bob").post(at(approval, "ask/"), {"text": "Which budget?"}).status_code == 302
        question = Question.objects.get()
        assert signed_in("bob").post(at(approval, f"answer/{question.pk}/"), {"text": "mine"}).status_code == 403
        assert "Waits for an answer" in signed_in("bob").get("/inbox/").content.decode()
        alice = signed_in("alice")
        assert "It waits for your answer." in alice.get(at(approval)).content.decode()
        assert alice.post(at(approval, f"answer/{question.pk}/"), {"text": "That of web."}).status_code == 302
        page = alice.get(at(approval)).content.decode()
        assert "That of web." in page
        assert "<b>Bob Test</b>, since" in page

    def test_a_question_that_needs_no_answer_is_taken_back(self, world, signed_in, approval):
        question = ask_for(approval, "Which?", actor=world.actor("bob"))
        assert signed_in("bob").post(at(approval, f"take-back/{question.pk}/")).status_code == 302
        assert Stage.objects.get().left is None

    def test_returned_it_is_sent_again_by_who_asked(self, signed_in, approval):
        sent = {"choice": "return", "card_hash": approval.card_hash, "note": "Say until when"}
        assert signed_in("bob").post(at(approval), sent).status_code == 302
        alice = signed_in("alice")
        page = alice.get(at(approval)).content.decode()
        assert "It was returned to you." in page
        assert "Say until when" in page
        assert alice.post(at(approval, "again/"), {"text": "Until May"}).status_code == 302
        approval.refresh_from_db()
        assert (approval.state, approval.revision) == ("waiting", 2)
        assert "sent it again" in signed_in("bob").get(at(approval)).content.decode()


def test_she_passes_on_her_seat_and_a_wrong_name_loses_nothing(world, signed_in, approval):
    give(person("dora"), "finance", world.retail)
    browser = signed_in("bob")
    seat = f"{Stage.objects.get().pk}:{world.bob.pk}"
    refused = browser.post(at(approval, "pass-on/"), {"seat": seat, "to": "nobody", "reason": "Hers to say"})
    assert refused.status_code == 422
    assert "Hers to say" in refused.content.decode()
    assert browser.post(at(approval, "pass-on/"), {"seat": seat, "to": "dora", "reason": "Hers"}).status_code == 302
    page = browser.get(at(approval)).content.decode()
    assert "passed it on" in page
    assert "data-key" not in page
    assert signed_in("carol").post(at(approval, "pass-on/"), {}).status_code == 403


class TestSeveral:
    def mark(self, approval):
        return f"{approval.pk}:{approval.card_hash}"

    def test_each_row_says_what_became_of_it(self, world, signed_in):
        good, moved, risky = asked(world, "good"), asked(world, "moved"), asked(world, "risky")
        WishKind.wishes["moved"].facts = {"cost_per_month": "999.00", "currency": "EUR"}
        Approval.objects.filter(pk=risky.pk).update(risk="high")
        browser = signed_in("bob")
        page = browser.get("/inbox/").content.decode()
        assert self.mark(good) in page
        assert self.mark(risky) not in page
        sent = {"cards": [self.mark(each) for each in (good, moved, risky)], "choice": "approve", "note": "All"}
        page = browser.post("/inbox/several/", sent).content.decode()
        for words in ("1 of 3 decided", "Changed: look again", "Decide it alone", "high risk"):
            assert words in page
        assert Vote.objects.count() == 1

    @pytest.mark.parametrize(
        ("fields", "said"),
        [({"note": " "}, "Say why, once"), ({"cards": []}, "Mark what"), ({"choice": "return"}, "approved or denied")],
    )
    def test_what_is_missing_is_said_and_what_was_marked_stays(self, world, signed_in, approval, fields, said):
        sent = {"cards": [self.mark(approval)], "choice": "approve", "note": "All", **fields}
        answer = signed_in("bob").post("/inbox/several/", sent)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert not Vote.objects.exists()
        if fields.get("cards") is None:
            assert "checked" in answer.content.decode()

    def test_nonsense_is_no_error(self, world, signed_in):
        sent = {"cards": ["x", "\x00", f"{world.bob.pk}:y"], "choice": "approve", "note": "All"}
        assert signed_in("bob").post("/inbox/several/", sent).status_code in (200, 422)


class TestParts:
    def test_what_is_delegated_has_its_own_part_and_says_in_whose_place(self, world, signed_in, in_few_queries, approval):
        give(world.dave, "viewer", world.retail)
        given = {"ends": clock.now() + timedelta(days=3), "reason": "x"}
        delegate(world.nordwind, world.dave, actor=world.actor("bob"), **given)
        for number in range(60):
            asked(world, f"n{number}")
        page = in_few_queries(signed_in("dave"), "/inbox/?tab=delegated").content.decode()
        assert "for Bob Test" in page
        assert "61 things wait for you" in page
        page = signed_in("dave").get(at(approval, "?tab=delegated")).content.decode()
        assert "You decide in the place of <b>Bob Test</b>" in page

    def test_what_is_overdue_is_shown_to_who_decides_or_manages_there(self, world, signed_in, approval):
        Approval.objects.update(decision_due=clock.now() - timedelta(minutes=5))
        page = signed_in("erin").get("/inbox/?tab=overdue").content.decode()
        assert "Wish w1" in page
        assert "Overdue" in page

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("", {"cheap", "dear"}),
            ("cost=100", {"dear"}),
            ("place=WEB", {"cheap", "dear"}),
            ("place=fleet", set()),
            ("risk=low", {"cheap", "dear"}),
            ("risk=high", set()),
            ("due=over", set()),
            ("kind=wish&sort=-facts_amount", {"cheap", "dear"}),
            ("kind=x&cost=x&due=x&risk=x&sort=x&tab=x&page=x&place=%00", {"cheap", "dear"}),
        ],
    )
    def test_the_filter_narrows_and_survives_nonsense(self, world, signed_in, query, shown):
        asked(world, "cheap", "14.00")
        asked(world, "dear", "900.00")
        answer = signed_in("bob").get(f"/inbox/?{query}")
        assert answer.status_code == 200
        assert {name for name in ("cheap", "dear") if f"Wish {name}" in answer.content.decode()} == shown

    def test_sorted_by_cost_the_dearest_stands_first(self, world, signed_in):
        asked(world, "cheap", "14.00")
        asked(world, "dear", "900.00")
        page = signed_in("bob").get("/inbox/?sort=-facts_amount").content.decode()
        assert page.index("Wish dear") < page.index("Wish cheap")
