"""The work in the background as operators see it: what waits, who works, what ran, what failed, and what they may do."""

import uuid
from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.test import Client

from portal.celery import failed
from portal.core import clock, queue
from portal.core.models import TaskRun, Worker
from portal.provisioning.models import Resource, Step
from portal.web.queue import JOBS
from tests.cast import PASSWORD, give, person

CAST = ["alice", "bob", "carol", "dave", "erin", "mallory"]
SEE = {"dave", "erin", "mallory"}


def run(task, outcome="done", ago=timedelta(), error=""):
    """A run of a task that began so long ago."""
    with clock.travel(clock.now() - ago):
        run_id = uuid.uuid4()
        TaskRun.begin(run_id, task, "one@here")
    if outcome != "running":
        TaskRun.end(run_id, outcome, error)
    return TaskRun.objects.get(pk=run_id)


def break_down(resource, error="AuthFailure: secret_access_key=hunter2hunter2"):
    """The last step of a resource failed."""
    resource.error, resource.error_kind = error, "capacity"
    resource.save()
    step = Step.objects.filter(resource=resource).latest("created_at")
    step.mark_failed(error)
    return step


@pytest.fixture
def asked(monkeypatch):
    """The tasks that were sent."""
    sent = []
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append(task))
    return sent


@pytest.mark.parametrize("name", CAST)
def test_it_is_for_who_sees_the_platform_in_few_queries(world, signed_in, in_few_queries, name):
    for number in range(60):
        run("clouds.sweep", "failed" if number % 2 else "done", timedelta(minutes=number))
    Worker.pulse("one@here", clock.now())
    answer = in_few_queries(signed_in(name), "/queue/")
    assert answer.status_code == (200 if name in SEE else 404)
    if name in SEE:
        assert "one@here" in answer.content.decode()


def test_what_ran_what_is_due_and_what_is_late(world, signed_in):
    run("clouds.sweep", ago=timedelta(seconds=20))
    run("orders.sweep", ago=timedelta(hours=2))
    run("notices.sweep", "running", timedelta(hours=3))
    page = signed_in("dave").get("/queue/").content.decode()
    assert "Begin checks and syncs of clouds that are due" in page
    assert page.count("Late") == 2
    assert "Lost" in page
    assert "never" in page


def test_failures_stand_there_with_their_cause_and_whether_it_went_well_since(world, signed_in):
    run("clouds.sweep", "failed", timedelta(hours=1), "OperationalError: the database is away")
    run("clouds.sweep")
    run("orders.sweep", "failed", timedelta(minutes=5), "ValueError: <script>")
    page = signed_in("dave").get("/queue/").content.decode()
    assert "OperationalError: the database is away" in page
    assert "Well since" in page
    assert "ValueError: &lt;script&gt;" in page


def test_what_a_worker_reports_holds_no_secret(world, signed_in):
    made = run("clouds.check", "running")
    failed(str(made.pk), RuntimeError("postgres://admin:hunter2hunter2@db/x refuses\nDETAIL: hunter2hunter2"))
    page = signed_in("dave").get("/queue/").content.decode()
    assert "RuntimeError: postgres://" in page
    assert "hunter2" not in page


def test_workers_are_alive_or_silent_and_none_is_said(world, signed_in):
    browser = signed_in("dave")
    assert "No worker has been heard of" in browser.get("/queue/").content.decode()
    with clock.travel(clock.now() - timedelta(minutes=5)):
        Worker.pulse("two@here", clock.now())
    assert "No worker has been heard of" in browser.get("/queue/").content.decode()
    Worker.pulse("one@here", clock.now())
    page = browser.get("/queue/").content.decode()
    assert "No worker has been heard of" not in page
    assert "Alive" in page
    assert "Silent" in page


def test_a_broker_that_is_away_is_said_and_the_page_stands(world, signed_in, monkeypatch):
    monkeypatch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")
    browser = signed_in("dave")
    answer = browser.get("/queue/")
    assert answer.status_code == 200
    assert "The broker does not answer." in answer.content.decode()
    refused = browser.post("/queue/run/", {"task": "clouds.sweep"})
    assert refused.status_code == 503
    assert "no worker can be told" in refused.content.decode()


def test_it_looks_again_by_itself_while_something_moves(world, signed_in, monkeypatch):
    browser = signed_in("dave")
    monkeypatch.setattr(queue, "depth", lambda: 0)
    assert "every 5s" not in browser.get("/queue/").content.decode()
    monkeypatch.setattr(queue, "depth", lambda: 7)
    page = browser.get("/queue/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert "every 5s" in page
    monkeypatch.setattr(queue, "depth", lambda: 0)
    run("clouds.sweep", "running")
    assert "every 5s" in browser.get("/queue/").content.decode()


class TestRunNow:
    @pytest.mark.parametrize("name", CAST)
    def test_it_takes_the_permission(self, world, signed_in, name, asked, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            answer = signed_in(name).post("/queue/run/", {"task": "clouds.sweep"})
        assert answer.status_code == (302 if name in SEE else 404)
        assert asked == (["clouds.sweep"] if name in SEE else [])

    def test_who_only_looks_is_refused(self, world, client, asked):
        give(person("zoe"), "auditor", world.nordwind)
        client.post("/signin/", {"username": "zoe", "password": PASSWORD})
        page = client.get("/queue/").content.decode()
        assert "Run now" not in page
        assert client.post("/queue/run/", {"task": "clouds.sweep"}).status_code == 403
        assert asked == []

    @pytest.mark.parametrize("task", ["", "provisioning.reconcile", "os.system", "x" * 10_000, "\x00"])
    def test_only_what_stands_in_the_schedule_runs(self, world, signed_in, asked, task):
        assert signed_in("dave").post("/queue/run/", {"task": task}).status_code == 404
        assert asked == []

    def test_it_needs_the_token_of_the_form_and_is_never_a_link(self, world, signed_in):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(world.dave)
        assert browser.post("/queue/run/", {"task": "clouds.sweep"}).status_code == 403
        assert signed_in("dave").get("/queue/run/").status_code == 405


class TestFailedSteps:
    @pytest.fixture
    def broken(self, market):
        resource = market.active()
        return break_down(resource).resource

    def test_a_failed_step_says_the_cause_and_is_tried_again(self, market, signed_in, broken, asked):
        browser = signed_in("dave")
        page = browser.get("/queue/").content.decode()
        assert "The cloud has no room for this just now." in page
        assert "web-1" in page
        assert "hunter2" not in page
        assert browser.post(f"/queue/retry/{broken.pk}/").status_code == 302
        assert Resource.objects.get(pk=broken.pk).error == ""
        assert "web-1" not in browser.get("/queue/").content.decode().split('id="jobs"')[0].split('id="steps"')[1]

    def test_only_the_last_step_of_a_resource_counts(self, market, signed_in, broken):
        later = clock.now() + timedelta(hours=1)
        Step.objects.create(resource=broken, verb="stop", state="failed", created_at=later, settled_at=later)
        assert signed_in("dave").get("/queue/").context["page"].paginator.count == 1

    def test_another_organization_neither_sees_nor_touches_it(self, market, signed_in, broken):
        browser = signed_in("mallory")
        assert "web-1" not in browser.get("/queue/").content.decode()
        assert browser.post(f"/queue/retry/{broken.pk}/").status_code == 404
        assert browser.post(f"/queue/retry/{uuid.uuid4()}/").status_code == 404
        assert Resource.objects.get(pk=broken.pk).error


def test_every_job_of_the_schedule_has_words():
    assert set(settings.CELERY_BEAT_SCHEDULE) <= set(JOBS)
