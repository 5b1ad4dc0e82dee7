"""E-mail addresses as people type them: read from lines, and compared whatever their case and way of writing."""

import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.core.errors import Invalid

MOST = 50
LONGEST = 254


def addresses_in(lines: list[str], *, field: str) -> list[str]:
    """The addresses, each once, in their order; Invalid says of each line that is none what is wrong, and then none counts."""
    found: dict[str, str] = {}
    wrong: list[str] = []
    for number, line in enumerate(lines, start=1):
        address = unicodedata.normalize("NFC", line.strip())
        if not address:
            continue
        if not _is_address(address):
            wrong.append(_("Line %(number)s is no e-mail address: %(line)s") % {"number": number, "line": line.strip()[:80]})
        else:
            found.setdefault(folded(address), address)
    if not found and not wrong:
        wrong.append(_("Give at least one e-mail address."))
    if len(found) > MOST:
        wrong = [_("At most %(most)s addresses at once; these are %(count)s.") % {"most": MOST, "count": len(found)}]
    if wrong:
        raise Invalid(fields={field: wrong[:10]})
    return list(found.values())


def folded(address: str) -> str:
    """What two ways of writing one address have in common."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", address.strip()).casefold())


def is_same(one: str, other: str) -> bool:
    """Whether both are the same address; an empty one is nobody's."""
    return bool(folded(one)) and folded(one) == folded(other)


def written(field: str, address: str) -> Q:
    """The rows whose field may hold the address; `is_same` has the last word."""
    forms = {unicodedata.normalize(form, address.strip()) for form in ("NFC", "NFD")}
    condition = Q()
    for each in forms:
        condition |= Q(**{f"{field}__iexact": each})
    return condition


def _is_address(address: str) -> bool:
    if len(address) > LONGEST or "\x00" in address:
        return False
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True
