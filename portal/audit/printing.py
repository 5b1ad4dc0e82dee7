"""A page as a PDF by WeasyPrint. Only workers load it, and where its library of the system is missing it says so."""

import logging
from pathlib import Path
from typing import Any

from portal.audit.models import NO_PANGO

logger = logging.getLogger(__name__)
try:
    import weasyprint
except OSError as error:  # Pango is a library of the system: `apt install libpango-1.0-0 libpangoft2-1.0-0`
    logger.warning("no PDF can be drawn here: %s", error)
    weasyprint: Any = None  # type: ignore[no-redef]


class NoPango(Exception):
    """The library that draws text is not installed on this machine."""

    def __str__(self) -> str:
        return NO_PANGO


def write_pdf(html: str, target: Path, *, attached: Path) -> None:
    """Draw a page that refers to nothing outside, with one file attached; NoPango where that cannot be done."""
    if weasyprint is None:
        raise NoPango
    page = weasyprint.HTML(string=html, url_fetcher=fetch_nothing)
    evidence = weasyprint.Attachment(filename=str(attached), name=attached.name, description="concord-evidence/1")
    page.write_pdf(target, attachments=[evidence])


def fetch_nothing(url: str, *_args: Any, **_kwargs: Any) -> Any:
    """A page of evidence is whole in itself: what it says may come from anybody, and nothing is fetched for it."""
    raise ValueError(f"not fetched: {url[:80]}")
