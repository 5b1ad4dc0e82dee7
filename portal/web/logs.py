"""What the log never says: the secret of a one-time link, which Django writes with the address of an answer that failed."""

import logging
import re

from portal.core.errors import HIDDEN

LINKS = re.compile(r"(/invitations/|/decide/|/signin/reset/[0-9a-f-]{36}/)[^/\s?\"']+")


class HideLinks(logging.Filter):
    """Lets every record through, without the secrets of links."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if LINKS.search(said):
            record.msg, record.args = LINKS.sub(rf"\1{HIDDEN}", said), None
        return True
