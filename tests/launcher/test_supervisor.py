"""The supervisor starts again what crashed, gives up on what keeps crashing, and ends everything in time."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scripts.launcher.errors import LaunchError
from scripts.launcher.supervisor import Child, Supervisor, end_left_children, record_of, wait_until_listening

SLEEP = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Supervisor:
    return Supervisor(said.append, pause_s=0.02)


def child(home: Path, code: str, name: str = "part", **options: float) -> Child:
    return Child(name, [sys.executable, "-c", code], home, {}, **options)


def look_until(supervisor: Supervisor, condition: object, limit_s: float = 20) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until
        supervisor.look()
        time.sleep(0.01)


def test_a_crashed_child_is_started_again_and_that_is_said(home: Path, supervisor: Supervisor, said: list[str]) -> None:
    part = child(home, SLEEP)
    supervisor.start(part)
    first = part.process
    assert first is not None
    first.kill()
    look_until(supervisor, lambda: part.process is not first)
    assert part.process.poll() is None
    assert said == [f"part ended with code -9; it starts again in 0 s. See {part.log}"]
    supervisor.stop_all()


def test_it_gives_up_after_five_quick_crashes_and_says_why(home: Path, supervisor: Supervisor, said: list[str]) -> None:
    part = child(home, "raise SystemExit('no such table')")
    supervisor.start(part)
    with pytest.raises(LaunchError, match=r"part ended with code 1, 5 times in a row \(no such table\); see .*part\.log"):
        look_until(supervisor, lambda: False)
    assert len(said) == 4
    supervisor.stop_all()


def test_a_child_that_ran_well_for_a_while_begins_with_a_clean_sheet(home: Path, said: list[str]) -> None:
    supervisor = Supervisor(said.append, pause_s=0.01, quick_s=0)
    supervisor.start(child(home, ""))
    look_until(supervisor, lambda: len(said) >= 8)
    supervisor.stop_all()


def test_a_server_that_cannot_start_again_counts_as_crashing(home: Path, supervisor: Supervisor) -> None:
    class Broken(Child):
        def start_again(self) -> None:
            if self.process is not None:
                raise LaunchError("the disk is full")
            super().start_again()

    part = Broken("part", [sys.executable, "-c", ""], home, {})
    supervisor.start(part)
    with pytest.raises(LaunchError, match="did not start: the disk is full, 5 times in a row"):
        look_until(supervisor, lambda: False)


def test_parts_are_stopped_the_last_one_first(home: Path, supervisor: Supervisor) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: (print(time.time(), flush=True), sys.exit())); print('up', flush=True); time.sleep(600)"
    parts = [child(home, code, name) for name in ("servers", "web", "worker")]
    for part in parts:
        supervisor.start(part)
    look_until(supervisor, lambda: all("up" in part.log.read_text() for part in parts))
    supervisor.stop_all()
    stopped = {part.name: float(part.log.read_text().split()[-1]) for part in parts}
    assert sorted(stopped, key=stopped.__getitem__) == ["worker", "web", "servers"]
    assert list((home / "run").glob("*.process")) == []


def test_who_does_not_listen_is_killed_with_its_children(home: Path, supervisor: Supervisor) -> None:
    family = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); {STUBBORN}"
    part = child(home, family, patience_s=0.5)
    supervisor.start(part)
    look_until(supervisor, lambda: part.log.read_text().count("up") == 2)
    members = [psutil.Process(part.process.pid), *psutil.Process(part.process.pid).children()]
    assert len(members) == 2
    began = time.monotonic()
    supervisor.stop_all()
    assert time.monotonic() - began < 10
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in members)


def test_a_worker_that_is_still_busy_is_asked_to_give_its_work_back(home: Path, supervisor: Supervisor) -> None:
    part = child(home, f"import signal, sys; signal.signal(3, lambda *_: sys.exit('gave back')); {STUBBORN}", patience_s=0.5)
    part.last_word = signal.SIGQUIT
    supervisor.start(part)
    look_until(supervisor, lambda: "up" in part.log.read_text())
    supervisor.stop_all()
    assert part.log.read_text().endswith("gave back\n")


def test_what_a_killed_launcher_left_is_found_and_ended(home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from scripts.launcher.supervisor import Child\n"
        f"part = Child('web', [sys.executable, '-c', {SLEEP!r}], Path(sys.argv[1]), {{}}); part.start_again()\n"
        "print(part.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=False)
    orphan = psutil.Process(int(killed.stdout))
    assert orphan.is_running()
    assert end_left_children(home) == ["web"]
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    assert end_left_children(home) == []


def test_a_record_whose_pid_is_somebody_elses_now_ends_nobody(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        record = record_of(home, "web")
        record.parent.mkdir()
        record.write_text(f'{{"pid": {stranger.pid}, "born": 1000.0}}')
        assert end_left_children(home) == []
        assert stranger.poll() is None
        assert not record.exists()
        stranger.communicate(b"\n")


def test_waiting_for_a_part_that_ended_says_what_it_said_last(home: Path) -> None:
    part = child(home, "raise SystemExit('port in use')")
    part.start_again()
    with pytest.raises(LaunchError, match=r"part ended at once \(port in use\)"):
        wait_until_listening(1, limit_s=20, part=part)
