"""What a file is, by its name and its first bytes; those that are not on the list are refused. Pure."""

import codecs
import json
import unicodedata
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import PurePath

MOST_BYTES = 10 * 1024 * 1024
LONGEST_NAME = 200
HEADERS_OF_MAIL = ("from:", "to:", "subject:", "date:", "received:", "return-path:", "message-id:", "mime-version:")


def is_pdf(content: bytes) -> bool:
    return content.startswith(b"%PDF-")


def is_png(content: bytes) -> bool:
    return content.startswith(b"\x89PNG\r\n\x1a\n")


def is_jpeg(content: bytes) -> bool:
    return content.startswith(b"\xff\xd8\xff")


def is_text(content: bytes) -> bool:
    """UTF-8 without what no text has; a byte order mark is let through."""
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        return False
    return not any(unicodedata.category(letter) == "Cc" and letter not in "\t\n\r\f" for letter in text)


def is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def is_mail(content: bytes) -> bool:
    """Header lines as mail has them stand first."""
    head = content[:4096].decode("latin-1").lower()
    return any(line.startswith(HEADERS_OF_MAIL) for line in head.splitlines()[:40]) and b"\x00" not in content


def holds_part(part: str) -> Callable[[bytes], bool]:
    """Whether it is an Office document: a zip with this folder, and no macros in it. Nothing of it is unpacked."""

    def sniff(content: bytes) -> bool:
        try:
            names = zipfile.ZipFile(BytesIO(content)).namelist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            return False
        macros = any(name.lower().endswith("vbaproject.bin") for name in names)
        return "[Content_Types].xml" in names and any(name.startswith(part) for name in names) and not macros

    return sniff


OFFICE = "application/vnd.openxmlformats-officedocument."
TYPES: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    "pdf": ("application/pdf", is_pdf),
    "png": ("image/png", is_png),
    "jpg": ("image/jpeg", is_jpeg),
    "jpeg": ("image/jpeg", is_jpeg),
    "txt": ("text/plain", is_text),
    "csv": ("text/csv", is_text),
    "md": ("text/markdown", is_text),
    "json": ("application/json", is_json),
    "eml": ("message/rfc822", is_mail),
    "docx": (f"{OFFICE}wordprocessingml.document", holds_part("word/")),
    "xlsx": (f"{OFFICE}spreadsheetml.sheet", holds_part("xl/")),
}
ENDINGS = tuple(TYPES)


def type_of(name: str, content: bytes) -> str:
    """The content type; empty where the name's ending is not on the list, or the bytes are not what it says."""
    kind, sniff = TYPES.get(PurePath(name).suffix.lower().lstrip("."), ("", None))
    return kind if sniff and sniff(content) else ""


def name_of(given: str) -> str:
    """The last part of a name as it came, without what no name has, at most as long as one may be; its ending stays."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(letter for letter in last if unicodedata.category(letter) not in ("Cc", "Cf", "Cs")).strip(" .")
    path = PurePath(clean or "file")
    ending = path.suffix[:20]
    return path.stem[: LONGEST_NAME - len(ending)] + ending
