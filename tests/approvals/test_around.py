"""Files, comments, questions, passing on and several at once: whose each is, and what each leaves in the record."""

from datetime import timedelta

import pytest

from portal.access.models import Assignment
from portal.approvals import services
from portal.approvals.bulk import MOST, vote_on_many
from portal.approvals.delegations import delegate
from portal.approvals.files import MOST_FILES, attach, detach, file_visible_to, open_file
from portal.approvals.models import Approval, Comment, File, Question, Stage, Vote
from portal.approvals.passing_on import pass_on
from portal.approvals.queries import has_file, inbox_of
from portal.approvals.talk import LONGEST_PAUSE, MOST_COMMENTS, answer, ask_for, comment, take_back
from portal.approvals.tasks import expire
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Refused, Unavailable
from portal.events.models import Event
from portal.notices.models import Notice
from portal.users.actor import Actor, Auth, Narrowing
from tests.approvals.wish import PATH, Wish, WishKind
from tests.cast import give, person

PDF = b"%PDF-1.7\nwhy"


@pytest.fixture(autouse=True)
def _kind(settings, tmp_path):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    settings.BLOB_URL = str(tmp_path)
    WishKind.wishes.clear()


@pytest.fixture
def approval(world):
    return asked(world)


def asked(world, key="w1", **given):
    made = WishKind.wishes[key] = Wish(key, world.web)
    return services.ask("wish", made, actor=world.actor("alice"), scope=world.web, title=f"A wish {key}", **given)


def approve(world, approval, name="bob"):
    approval.refresh_from_db()
    return services.vote(approval, "approve", approval.card_hash, actor=world.actor(name))


def another(world, name="dora", role="approver"):
    world.people[name] = person(name)
    give(world.people[name], role, world.retail)
    return world.people[name]


def told(user, topic):
    return Notice.objects.filter(user=user, topic=topic).count()


class TestFiles:
    def test_who_asks_and_who_decides_add_them_and_each_is_in_the_record(self, world, approval):
        assert not has_file(approval)
        for name in ("alice", "bob"):
            attach(approval, f"{name}.pdf", PDF, actor=world.actor(name))
        assert has_file(approval)
        kept = File.objects.get(name="alice.pdf")
        assert (kept.size, kept.content_type, kept.put_by) == (len(PDF), "application/pdf", world.alice)
        event = Event.objects.filter(action="approvals.attach").first()
        assert event.detail["sha256"] == kept.sha256
        assert open_file(kept, actor=world.actor("bob")).read_bytes() == PDF
        assert Event.objects.filter(action="approvals.download").count() == 1

    @pytest.mark.parametrize(("name", "refusal"), [("carol", None), ("dave", Forbidden), ("mallory", NotFound)])
    def test_nobody_else_does(self, world, approval, name, refusal):
        if refusal is None:
            attach(approval, "a.pdf", PDF, actor=world.actor(name))
            return
        with pytest.raises(refusal):
            attach(approval, "a.pdf", PDF, actor=world.actor(name))
        assert not has_file(approval)

    @pytest.mark.parametrize(
        ("name", "content"), [("a.pdf", b""), ("a.exe", b"MZ"), ("a.pdf", b"MZ"), ("a.txt", b"x" * (10 * 1024**2 + 1))]
    )
    def test_what_is_empty_too_large_or_not_on_the_list_is_refused(self, world, approval, name, content):
        with pytest.raises(Invalid) as refusal:
            attach(approval, name, content, actor=world.actor("alice"))
        assert "file" in refusal.value.extra["fields"]

    def test_the_same_again_changes_nothing_and_twenty_are_enough(self, world, approval):
        for number in range(MOST_FILES):
            attach(approval, f"{number}.txt", b"%d" % number, actor=world.actor("alice"))
        attach(approval, "1.txt", b"1", actor=world.actor("alice"))
        with pytest.raises(Refused):
            attach(approval, "more.txt", b"more", actor=world.actor("alice"))
        assert File.objects.count() == MOST_FILES

    def test_who_put_it_takes_it_out_before_a_decision_and_the_record_keeps_it(self, world, approval):
        kept = attach(approval, "a.pdf", PDF, actor=world.actor("alice"))
        with pytest.raises(Forbidden):
            detach(kept, actor=world.actor("bob"))
        detach(kept, actor=world.actor("alice"))
        detach(kept, actor=world.actor("alice"))
        assert not has_file(approval)
        assert Event.objects.filter(action="approvals.detach").count() == 1
        with pytest.raises(NotFound):
            file_visible_to(world.actor("alice"), approval.pk, kept.pk)
        assert File.objects.get().removed_by == world.alice

    def test_once_decided_nothing_is_added_or_taken_out(self, world, approval):
        kept = attach(approval, "a.pdf", PDF, actor=world.actor("alice"))
        approve(world, approval)
        with pytest.raises(Conflict):
            attach(approval, "b.pdf", PDF, actor=world.actor("alice"))
        with pytest.raises(Conflict):
            detach(kept, actor=world.actor("alice"))

    def test_a_file_of_another_approval_is_not_there(self, world, approval):
        kept = attach(approval, "a.pdf", PDF, actor=world.actor("alice"))
        other = asked(world, "w2")
        with pytest.raises(NotFound):
            file_visible_to(world.actor("alice"), other.pk, kept.pk)
        with pytest.raises(NotFound):
            file_visible_to(world.actor("mallory"), approval.pk, kept.pk)

    def test_a_damaged_file_is_not_handed_out(self, world, approval):
        kept = attach(approval, "a.pdf", PDF, actor=world.actor("alice"))
        open_file(kept, actor=world.actor("alice")).write_bytes(b"other")
        with pytest.raises(Unavailable):
            open_file(kept, actor=world.actor("alice"))

    def test_a_stage_that_wants_evidence_waits_for_one(self, world):
        stage = {"who": {"pick": "role", "role": "approver"}, "evidence": True}
        services.publish_policy(
            world.nordwind, "Proof", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
        )
        approval = asked(world)
        with pytest.raises(Refused):
            approve(world, approval)
        attach(approval, "a.pdf", PDF, actor=world.actor("alice"))
        assert approve(world, approval).state == "approved"


class TestComments:
    def test_the_others_are_told_and_it_is_in_the_record(self, world, approval):
        comment(approval, " Which budget? ", actor=world.actor("bob"))
        comment(approval, "That of web.", actor=world.actor("alice"))
        assert [said.text for said in Comment.objects.order_by("created_at")] == ["Which budget?", "That of web."]
        assert (told(world.alice, "approval_comment"), told(world.bob, "approval_comment")) == (1, 1)
        assert Event.objects.filter(action="approvals.comment").count() == 2

    @pytest.mark.parametrize("text", ["", "  ", "x" * 2001, "a\x00b"])
    def test_what_says_nothing_or_too_much_is_refused(self, world, approval, text):
        with pytest.raises(Invalid):
            comment(approval, text, actor=world.actor("bob"))

    def test_who_only_sees_it_says_nothing(self, world, approval):
        for name, refusal in (("dave", Forbidden), ("mallory", NotFound)):
            with pytest.raises(refusal):
                comment(approval, "hm", actor=world.actor(name))
        viewed = Actor(world.alice, Auth("view"), viewed_as_by=world.erin)
        narrow = Actor(world.alice, Auth("token"), narrowed_to=Narrowing(frozenset({"view_order"})))
        for actor in (viewed, narrow):
            with pytest.raises(Forbidden):
                comment(approval, "hm", actor=actor)

    def test_there_is_an_end_to_it(self, world, approval):
        Comment.objects.bulk_create(
            Comment(approval=approval, author=world.bob, text="x") for _number in range(MOST_COMMENTS)
        )
        with pytest.raises(Refused):
            comment(approval, "one more", actor=world.actor("bob"))


class TestQuestions:
    def test_it_is_answered_by_who_was_asked_and_the_clock_stood(self, world, approval):
        due = Stage.objects.get().due
        question = ask_for(approval, "Which budget?", actor=world.actor("bob"))
        assert question.is_open
        assert told(world.alice, "question_asked") == 1
        with clock.travel(clock.now() + timedelta(days=10)):
            expire()
            answer(question, "That of web.", actor=world.actor("alice"))
            approval.refresh_from_db()
        moved = Stage.objects.get().due - due
        assert approval.is_waiting
        assert abs(moved - timedelta(days=10)) < timedelta(minutes=1)
        assert approval.decision_due == Stage.objects.get().due
        assert told(world.bob, "question_answered") == 1
        actions = Event.objects.filter(action__in=("approvals.ask_for", "approvals.answer"))
        assert {event.detail["text"] for event in actions} == {"Which budget?", "That of web."}

    def test_two_questions_stop_the_clock_once(self, world, approval):
        due, began = Stage.objects.get().due, clock.now()
        first = ask_for(approval, "One?", actor=world.actor("bob"))
        with clock.travel(began + timedelta(days=1)):
            second = ask_for(approval, "Two?", actor=world.actor("bob"))
            answer(first, "1", actor=world.actor("alice"))
            assert Stage.objects.get().left is not None
        with clock.travel(began + timedelta(days=3)):
            answer(second, "2", actor=world.actor("alice"))
        assert abs(Stage.objects.get().due - due - timedelta(days=3)) < timedelta(minutes=1)
        assert Stage.objects.get().left is None

    def test_nothing_waits_for_ever(self, world, approval):
        left = Stage.objects.get().due - clock.now()
        ask_for(approval, "Which budget?", actor=world.actor("bob"))
        with clock.travel(clock.now() + LONGEST_PAUSE + left + timedelta(minutes=1)):
            expire()
        assert Approval.objects.get().state == "expired"

    @pytest.mark.parametrize(("name", "refusal"), [("bob", Forbidden), ("dave", Forbidden), ("mallory", NotFound)])
    def test_nobody_else_answers(self, world, approval, name, refusal):
        question = ask_for(approval, "Which?", actor=world.actor("bob"))
        with pytest.raises(refusal):
            answer(question, "mine", actor=world.actor(name))

    def test_only_who_could_vote_now_asks_and_only_the_parties(self, world, approval):
        for name in ("alice", "carol", "dave"):
            with pytest.raises(PortalError):
                ask_for(approval, "Which?", actor=world.actor(name))
        with pytest.raises(Invalid):
            ask_for(approval, "Which?", of=world.carol, actor=world.actor("bob"))
        assert not Question.objects.exists()

    def test_for_whom_it_is_may_be_asked_and_then_only_she_answers(self, world):
        ines = another(world, "ines", "member")
        approval = asked(world, beneficiary=ines)
        question = ask_for(approval, "Which?", of=ines, actor=world.actor("bob"))
        with pytest.raises(Forbidden):
            answer(question, "mine", actor=world.actor("alice"))
        assert answer(question, "This", actor=world.actor("ines")).answered_by == ines

    def test_it_may_be_decided_while_it_waits_and_needs_no_answer_then(self, world, approval):
        question = ask_for(approval, "Which?", actor=world.actor("bob"))
        approve(world, approval)
        question = Question.objects.get()
        assert not question.is_open
        with pytest.raises(Conflict):
            answer(question, "late", actor=world.actor("alice"))

    def test_who_asked_takes_it_back_and_the_clock_goes_on(self, world, approval):
        due = Stage.objects.get().due
        question = ask_for(approval, "Which?", actor=world.actor("bob"))
        another(world)
        with pytest.raises(Forbidden):
            take_back(question, actor=world.actor("dora"))
        take_back(question, actor=world.actor("bob"))
        take_back(question, actor=world.actor("bob"))
        assert abs(Stage.objects.get().due - due) < timedelta(minutes=1)
        assert Event.objects.filter(action="approvals.take_back").count() == 1

    def test_the_same_answer_again_changes_nothing_and_another_is_refused(self, world, approval):
        question = ask_for(approval, "Which?", actor=world.actor("bob"))
        answer(question, "This", actor=world.actor("alice"))
        answer(question, "This", actor=world.actor("alice"))
        with pytest.raises(Conflict):
            answer(question, "That", actor=world.actor("alice"))

    def test_a_delegate_asks_on_the_seat_she_stands_in_for(self, world, approval):
        another(world, "mei", "viewer")
        given = {"ends": clock.now() + timedelta(days=3), "reason": "x"}
        delegate(world.nordwind, world.mei, actor=world.actor("bob"), **given)
        assert ask_for(approval, "Which?", actor=world.actor("mei")).asked_by == world.mei

    def test_returned_and_sent_again_no_old_question_stops_the_clock(self, world, approval):
        ask_for(approval, "Which?", actor=world.actor("bob"))
        services.vote(approval, "return", approval.card_hash, actor=world.actor("bob"), note="Say which")
        assert not Question.objects.get().is_open


class TestPassingOn:
    def seat(self):
        return Stage.objects.get(state="open")

    def test_she_passes_on_her_own_seat(self, world, approval):
        dora = another(world, "dora", "finance")
        pass_on(self.seat(), dora, instead_of=world.bob, reason="Hers", actor=world.actor("bob"))
        pass_on(self.seat(), dora, instead_of=world.bob, reason="Hers", actor=world.actor("bob"))
        assert approval in inbox_of(world.actor("dora"))
        assert approval not in inbox_of(world.actor("bob"))
        event = Event.objects.get(action="approvals.reassign")
        assert (event.reason, event.detail["to"]) == ("Hers", str(dora.pk))
        assert (told(dora, "vote_needed"), told(world.alice, "passed_on")) == (1, 1)
        assert approve(world, approval, "dora").state == "approved"

    def test_an_admin_passes_on_anybodys_but_not_to_herself(self, world, approval):
        dora = another(world, "dora", "finance")
        with pytest.raises(Forbidden):
            pass_on(self.seat(), world.erin, instead_of=world.bob, reason="x", actor=world.actor("erin"))
        pass_on(self.seat(), dora, instead_of=world.bob, reason="x", actor=world.actor("erin"))
        assert approval in inbox_of(world.actor("dora"))

    @pytest.mark.parametrize(
        ("who", "refusal"), [("alice", Forbidden), ("carol", Forbidden), ("dave", Forbidden), ("mallory", NotFound)]
    )
    def test_nobody_else_does(self, world, approval, who, refusal):
        dora = another(world, "dora", "finance")
        with pytest.raises(refusal):
            pass_on(self.seat(), dora, instead_of=world.bob, reason="x", actor=world.actor(who))

    def test_an_admin_who_asked_picks_nobody_who_decides(self, world, approval):
        give(world.alice, "tenant_admin", world.retail)
        dora = another(world, "dora", "finance")
        with pytest.raises(Forbidden):
            pass_on(self.seat(), dora, instead_of=world.bob, reason="x", actor=world.actor("alice"))

    @pytest.mark.parametrize("name", ["alice", "dave", "mallory"])
    def test_who_gets_it_can_use_it(self, world, approval, name):
        with pytest.raises(Refused):
            pass_on(self.seat(), world.people[name], instead_of=world.bob, reason="x", actor=world.actor("bob"))

    def test_a_delegated_seat_is_passed_on_by_nobody(self, world, approval):
        another(world, "mei", "viewer")
        dora = another(world, "dora", "finance")
        given = {"ends": clock.now() + timedelta(days=3), "reason": "x"}
        delegate(world.nordwind, world.mei, actor=world.actor("bob"), **given)
        with pytest.raises(Forbidden):
            pass_on(self.seat(), dora, instead_of=world.bob, reason="x", actor=world.actor("mei"))

    def test_it_takes_a_reason_and_a_seat_that_is_hers_now(self, world, approval):
        dora = another(world, "dora", "finance")
        with pytest.raises(Invalid):
            pass_on(self.seat(), dora, instead_of=world.bob, reason=" ", actor=world.actor("bob"))
        with pytest.raises(Conflict):
            pass_on(self.seat(), dora, instead_of=world.carol, reason="x", actor=world.actor("erin"))
        approve(world, approval)
        with pytest.raises(Conflict):
            pass_on(Stage.objects.get(), dora, instead_of=world.bob, reason="x", actor=world.actor("bob"))


class TestSeveralAtOnce:
    def cards(self, *approvals):
        return {each.pk: each.card_hash for each in approvals}

    def test_each_is_a_vote_of_its_own_and_a_bad_row_holds_up_no_other(self, world):
        good, moved, risky, settled = (asked(world, key) for key in ("good", "moved", "risky", "settled"))
        WishKind.wishes["moved"].facts = {"cost_per_month": "999.00"}
        Approval.objects.filter(pk=risky.pk).update(risk="high")
        services.withdraw(settled, actor=world.actor("alice"))
        answers = vote_on_many(
            self.cards(good, moved, risky, settled), "approve", note="Quarter end", actor=world.actor("bob")
        )
        assert [each.outcome for each in answers] == ["done", "changed", "alone", "not_yours"]
        assert Vote.objects.get().note == "Quarter end"
        assert set(Approval.objects.filter(state="approved")) == {good}

    def test_a_rule_that_refuses_one_leaves_it_whole(self, world):
        good, bad = asked(world, "good"), asked(world, "bad")
        WishKind.wishes["bad"].refuses = True
        answers = vote_on_many(self.cards(bad, good), "approve", note="All", actor=world.actor("bob"))
        assert (answers[0].outcome, answers[0].said) == ("refused", "The cloud has no room any more.")
        assert Vote.objects.count() == 1

    def test_what_is_anothers_is_not_there(self, world):
        approval = asked(world)
        [said] = vote_on_many(self.cards(approval), "approve", note="x", actor=world.actor("mallory"))
        assert (said.outcome, said.title) == ("not_yours", "")
        Assignment.objects.filter(user=world.bob).update(expires=clock.now())
        give(world.bob, "approver", world.logistics)
        [said] = vote_on_many(self.cards(approval), "approve", note="x", actor=world.actor("bob"))
        assert said.outcome == "not_yours"

    @pytest.mark.parametrize(
        ("count", "choice", "note"), [(0, "approve", "x"), (MOST + 1, "approve", "x"), (1, "return", "x"), (1, "deny", " ")]
    )
    def test_as_a_whole_it_takes_some_a_choice_and_a_reason(self, world, count, choice, note):
        shown = {world.alice.pk if number == 0 else number: "x" for number in range(count)}
        with pytest.raises(Invalid):
            vote_on_many(shown, choice, note=note, actor=world.actor("bob"))
        assert not Vote.objects.exists()
