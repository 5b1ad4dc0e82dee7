"""What the portal costs before anybody uses it: tables from empty, a web worker's start, its memory after the list pages.

    python -m benchmarks footprint

Each beside what Django alone takes for the same on this machine.
"""

import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import requests

PASSWORD = "correct horse battery"  # noqa: S105 - of tests.cast, which needs Django
MIGRATE_BAR_S, START_BAR_S, MEMORY_BAR_MB = 60.0, 3.0, 150.0
PAGES = (
    "/signin/",
    "/",
    "/catalogue/",
    "/orders/",
    "/resources/",
    "/inbox/",
    "/cost/",
    "/connections/",
    "/events/",
    "/scopes/",
)
BARE_APP = """
from django.conf import settings
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, INSTALLED_APPS=["django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql"}})
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path
urlpatterns = [re_path("", lambda request: HttpResponse("ok"))]
application = get_wsgi_application()
"""


def main() -> int:
    migrate = cpu_of([sys.executable, "manage.py", "migrate", "--database=owner", "-v0"])
    nothing = cpu_of([sys.executable, "manage.py", "migrate", "--database=owner", "-v0"])
    print(
        f"migrate from empty  {migrate:7.2f} s CPU   again {nothing:6.2f}   ratio {migrate / nothing:5.2f}   bar {MIGRATE_BAR_S:.0f} s"
    )
    subprocess.run([sys.executable, "manage.py", "sync_roles"], check=True)
    subprocess.run([sys.executable, "-c", "import django; django.setup(); from tests import cast; cast.build()"], check=True)
    subprocess.run([sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bare.py").write_text(BARE_APP)
        start, memory = web_worker("portal.wsgi", PAGES, signs_in=True)
        bare_start, bare_memory = web_worker("bare", ("/",), folder=folder)
    print(
        f"web worker start    {start:7.2f} s CPU   bare  {bare_start:6.2f}   ratio {start / bare_start:5.2f}   bar {START_BAR_S:.0f} s"
    )
    print(
        f"web worker memory   {memory:7.1f} MB      bare  {bare_memory:6.1f}   ratio {memory / bare_memory:5.2f}   bar {MEMORY_BAR_MB:.0f} MB"
    )
    return int(migrate > MIGRATE_BAR_S or start > START_BAR_S or memory > MEMORY_BAR_MB)


def cpu_of(command: list[str]) -> float:
    """User and system seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def web_worker(application: str, pages: tuple[str, ...], *, signs_in: bool = False, folder: str = ".") -> tuple[float, float]:
    """CPU seconds of master and worker until the first answer, and the worker's megabytes after the pages."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        application,
        "--chdir",
        folder,
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "1",
    ]
    server = subprocess.Popen(
        [*command, "--threads", "4", "--log-level", "error", "--no-control-socket"],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    root = f"http://127.0.0.1:{port}"
    try:
        with requests.Session() as session:
            answer_of(session, root + pages[0])
            family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
            start = sum(sum(process.cpu_times()[:2]) for process in family)
            if signs_in:
                sign_in(session, root)
            for page in pages * 3:
                answer_of(session, root + page)
        return start, family[-1].memory_info().rss / 1e6
    finally:
        server.terminate()
        server.wait(20)


def answer_of(session: requests.Session, url: str) -> None:
    """Get the page, waiting for a server that is just starting."""
    until = time.monotonic() + 60
    while True:
        try:
            session.get(url, timeout=30).raise_for_status()
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def sign_in(session: requests.Session, root: str) -> None:
    """As erin of the cast, by the form."""
    form = session.get(f"{root}/signin/", timeout=30).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    given = {"username": "erin", "password": PASSWORD, "csrfmiddlewaretoken": token[1] if token else ""}
    session.post(f"{root}/signin/", given, headers={"Referer": root}, timeout=30).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())
