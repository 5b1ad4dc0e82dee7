"""Rows of people, projects or roles from CSV, and CSV back from rows. Pure, no database."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.core.errors import Invalid

MOST_BYTES = 1 << 20
MOST_ROWS = 10_000
DELIMITERS = (",", ";", "\t")
FORMULA = ("=", "+", "-", "@", "\t", "\r")

COLUMNS = {
    "people": ("username", "name", "email"),
    "projects": ("path", "cost_centre", "environment", "data_class", "owner"),
    "roles": ("person", "role", "scope", "until"),
}
NEEDED = {"people": {"username", "email"}, "projects": {"path"}, "roles": {"person", "role", "scope"}}
TEMPLATES = {
    "people": ("alice", "Alice Adams", "alice@example.org"),
    "projects": ("Retail / Web shop", "4711", "produce", "internal", "alice"),
    "roles": ("alice", "member", "Retail / Web shop", "2030-12-31"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line of the file it begins on, and its cells by column, in one line each; empty where there is none."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of one kind: "people", "projects" or "roles"."""

    kind: str
    rows: tuple[Row, ...]


def decode(data: bytes) -> str:
    """The text of a file. Invalid where it is too large, or no UTF-8."""
    if len(data) > MOST_BYTES:
        raise _refused(_("The file is larger than 1 MB. Split it."))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(_("Line %(line)s is not UTF-8. Save the file as “CSV UTF-8”.") % {"line": line}) from error


def read(text: str) -> Sheet:
    """The rows of a text; its header says what they are. Invalid, in one line, where it cannot be read whole."""
    text = text.removeprefix("\ufeff")
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise _refused(_("The text is larger than 1 MB. Split it."))
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise _refused(_("Line %(line)s holds a NUL character. Save the file as “CSV UTF-8”.") % {"line": line})
    lines = _lines(text)
    header = next(lines, None)
    if header is None:
        raise _refused(_("There is nothing in it. The first line names the columns."))
    columns = [re.sub(r"[\s-]+", "_", cell.lower()) for cell in header[1]]
    kind = _kind(columns)
    rows: list[Row] = []
    for line, cells in lines:
        if len(cells) != len(columns):
            said = ngettext(
                "Line %(line)s has %(count)s cell; the header has %(columns)s.",
                "Line %(line)s has %(count)s cells; the header has %(columns)s.",
                len(cells),
            )
            raise _refused(said % {"line": line, "count": len(cells), "columns": len(columns)})
        if len(rows) == MOST_ROWS:
            raise _refused(_("There are more than %(most)s rows. Split the file.") % {"most": f"{MOST_ROWS:,}"})
        rows.append(Row(line, dict(zip(columns, cells, strict=True))))
    if not rows:
        raise _refused(_("There is a header and no row below it."))
    return Sheet(kind, tuple(rows))


def write(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV with a byte order mark, so that a spreadsheet reads it as UTF-8, and with nothing a spreadsheet would compute."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()


def neutral(cell: object) -> str:
    """The cell as text; what a spreadsheet would take for a formula begins with an apostrophe."""
    text = str(cell)
    return f"'{text}" if text.lstrip(" \n").startswith(FORMULA) else text


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not empty: where it begins, and its cells without the space around them."""
    first = next((line for line in re.split(r"[\r\n]", text) if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first), strict=True)
    begins = 1
    try:
        for cells in reader:
            cells = [" ".join(cell.split()) for cell in cells]
            if any(cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _refused(_why(error) % {"line": begins}) from error


def _why(error: csv.Error) -> str:
    if "field larger" in str(error):
        return _("Line %(line)s holds a cell of more than 128 kB. Is a quote missing?")
    return _("Line %(line)s: a quote is opened and not closed, or closed and followed by text.")


def _delimiter(header: str) -> str:
    """Whichever parts the header into most columns."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=bare.count)


def _kind(columns: Sequence[str]) -> str:
    there = set(columns)
    kind = next((kind for kind in COLUMNS if NEEDED[kind] <= there), None)
    if kind is None:
        known = "; ".join(", ".join(columns) for columns in COLUMNS.values())
        raise _refused(_("The header does not say what the rows are. It is one of: %(known)s.") % {"known": known})
    unknown = [column for column in columns if column not in COLUMNS[kind]]
    if unknown:
        given = {"unknown": ", ".join(column[:40] or "“”" for column in unknown[:5]), "known": ", ".join(COLUMNS[kind])}
        raise _refused(_("Not a column of such a file: %(unknown)s. The columns are %(known)s.") % given)
    if len(there) != len(columns):
        raise _refused(_("The header names a column twice."))
    return kind


def _refused(said: str) -> Invalid:
    return Invalid(said, fields={"text": [said]})
