"""What workers report of themselves, and what waits at the broker: with a real worker on a real broker."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app

from portal.core import clock, queue
from portal.core.errors import redacted
from portal.core.models import TaskRun, Worker
from scripts.launcher.valkey import Valkey
from tests.databases import url_of

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def broker(monkeypatch):
    """A Valkey of one's own, as the broker of this process."""
    folder = Path(tempfile.mkdtemp(prefix="concord-broker-"))
    folder.chmod(0o755)
    server = Valkey(folder)
    server.start()
    monkeypatch.setattr(current_app.conf, "broker_url", server.url())
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def send(task, *args):
    with current_app.connection_for_write() as connection:
        current_app.send_task(task, args=args, connection=connection)


class TestRuns:
    def test_a_run_is_written_down_from_begin_to_end(self, db):
        run_id = uuid.uuid4()
        TaskRun.begin(run_id, "clouds.sweep", "one@here")
        assert (TaskRun.objects.get().outcome, TaskRun.objects.get().seconds) == ("running", None)
        TaskRun.end(run_id, "failed", "Boom: it broke")
        run = TaskRun.objects.get()
        assert (run.outcome, run.error, run.is_lost) == ("failed", "Boom: it broke", False)
        assert run.seconds >= 0

    def test_a_message_delivered_again_takes_its_own_place(self, db):
        run_id = uuid.uuid4()
        with clock.travel(clock.now() - timedelta(hours=1)):
            TaskRun.begin(run_id, "clouds.sweep", "one@here")
        assert TaskRun.objects.get().is_lost
        TaskRun.begin(run_id, "clouds.sweep", "two@here")
        assert (TaskRun.objects.get().worker, TaskRun.objects.get().is_lost) == ("two@here", False)

    def test_the_last_fifty_of_each_outcome_stay(self, db):
        began = clock.now()
        for number in range(60):
            with clock.travel(began + timedelta(seconds=number)):
                run_id = uuid.uuid4()
                TaskRun.begin(run_id, "clouds.sweep", "w")
                TaskRun.objects.filter(pk=run_id).update(outcome="done")
        TaskRun.begin(uuid.uuid4(), "clouds.check", "w")
        TaskRun.objects.filter(name="clouds.check").update(outcome="failed")
        TaskRun.prune("clouds.sweep", "done")
        kept = TaskRun.objects.filter(name="clouds.sweep").order_by("started_at")
        assert (kept.count(), kept[0].started_at) == (50, began + timedelta(seconds=10))
        assert TaskRun.objects.filter(name="clouds.check").exists()

    def test_the_oldest_go_by_themselves_now_and_then(self, db):
        for number in range(51):
            TaskRun.begin(uuid.UUID(int=number * 16 + 1), "clouds.sweep", "w")
            TaskRun.end(uuid.UUID(int=number * 16 + 1), "done")
        last = uuid.UUID(int=16 * 100)
        TaskRun.begin(last, "clouds.sweep", "w")
        TaskRun.end(last, "done")
        assert TaskRun.objects.count() == 50

    def test_a_worker_is_alive_until_it_is_silent_and_forgotten_after_a_day(self, db):
        now = clock.now()
        with clock.travel(now - timedelta(days=2)):
            Worker.pulse("old@here", now)
        with clock.travel(now - timedelta(minutes=2)):
            Worker.pulse("silent@here", now)
        Worker.pulse("one@here", now)
        Worker.pulse("one@here", now)
        assert {worker.name: worker.is_alive for worker in Worker.objects.all()} == {"silent@here": False, "one@here": True}


class TestRedaction:
    @pytest.mark.parametrize(
        "text",
        [
            f"connect to postgres://admin:{SECRET}@10.0.0.1/x failed",
            f"password={SECRET}",
            f"{{'secret_access_key': '{SECRET}'}}",
            f"Authorization: Bearer {SECRET}",
            f'"session_token": "{SECRET} and more"',
            f"the key {SECRET} is not known",
            f"first line\nDETAIL: {SECRET}",
        ],
    )
    def test_no_secret_is_left(self, text):
        said = redacted(ValueError(text))
        assert SECRET not in said
        assert "MDENG" not in said
        assert said.startswith("ValueError: ")

    def test_what_helps_stays(self):
        said = redacted(TimeoutError(f"step {uuid.UUID(int=7)} got no answer in 30 s"))
        assert said == "TimeoutError: step 00000000-0000-0000-0000-000000000007 got no answer in 30 s"

    def test_it_is_one_short_line_whatever_is_thrown(self):
        assert len(redacted(ValueError("x y " * 10_000))) == 300
        assert redacted(ValueError("")) == "ValueError"
        assert redacted(ValueError("\x00")) == "ValueError"


class TestBroker:
    def test_the_depth_is_what_waits_at_a_real_broker(self, broker):
        assert queue.depth() == 0
        for _number in range(3):
            send("clouds.sweep")
        assert queue.depth() == 3

    def test_a_broker_that_is_away_is_said_quickly(self, broker):
        broker.stop()
        began = time.monotonic()
        assert queue.depth() is None
        assert time.monotonic() - began < 5

    def test_a_worker_reports_runs_failures_and_its_pulse(self, broker, fresh_db):
        send("clouds.sweep")
        send("clouds.sync_choices", "not-an-id")
        environment = {**os.environ, "BROKER_URL": broker.url(), "DATABASE_URL": url_of(fresh_db)}
        command = [sys.executable, "-m", "celery", "-A", "portal", "worker", "--concurrency", "1", "--loglevel", "WARNING"]
        worker = subprocess.Popen([*command, "--without-mingle", "--without-gossip"], env=environment)
        try:
            wait_until(lambda: TaskRun.objects.exclude(outcome="running").count() == 2 and Worker.objects.exists())
        finally:
            worker.terminate()
            worker.wait(30)
        runs = {run.name: run for run in TaskRun.objects.all()}
        assert (runs["clouds.sweep"].outcome, runs["clouds.sweep"].error) == ("done", "")
        failed = runs["clouds.sync_choices"]
        assert (failed.outcome, failed.error) == ("failed", "ValueError: badly formed hexadecimal UUID string")
        assert failed.worker == Worker.objects.get().name
        assert Worker.objects.get().is_alive


def wait_until(reached, seconds=60):
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.2)
