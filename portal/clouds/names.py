"""Names that any cloud takes, derived from whatever people typed. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping

NOT_A_NAME = re.compile(r"[^a-z0-9]+")
NOT_PRINTED = re.compile(r"[^\w\s+\-=.:/@]", re.UNICODE)


def safe_name(text: str, *, longest: int = 63, joiner: str = "-") -> str:
    """Lower-case ASCII letters and digits in words, beginning with a letter; never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = NOT_A_NAME.sub(joiner, plain).strip(joiner)
    if not name or not name[0].isalpha():
        name = f"c{joiner}{name}" if name else "concord"
    return name[:longest].rstrip(joiner)


def name_of_key(text: str, key: str, *, longest: int = 63, joiner: str = "-") -> str:
    """A name that belongs to this key alone: the safe name and ten hex digits of the key."""
    mark = hashlib.sha256(key.encode()).hexdigest()[:10]
    return f"{safe_name(text, longest=longest - 11, joiner=joiner)}{joiner}{mark}"


def short_key(key: str, longest: int = 64) -> str:
    """The key as a client token: itself, or its digest where it is longer than clouds take."""
    return key if len(key) <= longest and key.isascii() else hashlib.sha256(key.encode()).hexdigest()[:longest]


def safe_tags(tags: Mapping[str, str], *, most: int = 40) -> dict[str, str]:
    """Tags that every cloud takes: no reserved names, no strange characters, at most 128 and 256 long."""
    clean = (
        (NOT_PRINTED.sub(" ", name)[:128].strip(), NOT_PRINTED.sub(" ", value)[:256].strip()) for name, value in tags.items()
    )
    kept = {name: value for name, value in clean if name and not name.lower().startswith(("aws:", "concord-step"))}
    return dict(list(kept.items())[:most])
