"""A real SMTP server of the tests: it keeps what arrives, and says no while it is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller

from scripts.launcher.ports import any_port


class Postbox:
    """Keeps what arrives; says no while `away`."""

    def __init__(self):
        self.mails, self.away = [], False

    async def handle_DATA(self, server, session, envelope):
        if self.away:
            return "451 come back later"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def open_postbox(settings: Any) -> Iterator[Postbox]:
    """One that the portal's mail goes to, until the block ends; the portal is `https://concord.example` meanwhile."""
    box = Postbox()
    server = Controller(box, hostname="127.0.0.1", port=any_port())
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.hostname, server.port
    settings.PUBLIC_URL = "https://concord.example"
    yield box
    server.stop()
