"""Reading CSV: whatever a spreadsheet saved comes back as it was, and what cannot be read is said in one line."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.errors import Invalid
from portal.identity.imports_csv import COLUMNS, MOST_BYTES, MOST_ROWS, TEMPLATES, decode, neutral, read, write

KINDS = sorted(COLUMNS)
CELL = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)


def saved(kind, rows, delimiter=",", end="\r\n", quoting=csv.QUOTE_MINIMAL):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(COLUMNS[kind])
    writer.writerows(rows)
    return out.getvalue()


def in_one_line(cell):
    return " ".join(cell.split())


@given(
    st.data(),
    st.sampled_from(KINDS),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
)
def test_what_was_saved_is_what_is_read(data, kind, delimiter, end, quoting, with_mark):
    width = len(COLUMNS[kind])
    rows = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5))
    if (
        quoting == csv.QUOTE_MINIMAL
    ):  # the writer leaves a lone return without quotes, which no reader can tell from a new line
        rows = [[cell.replace("\r", " ") for cell in row] for row in rows]
    rows = [["first", *row[1:]] for row in rows]
    text = saved(kind, rows, delimiter, end, quoting)
    sheet = read(decode(("\ufeff" if with_mark else "").encode() + text.encode()))
    assert sheet.kind == kind
    assert [[row[name] for name in COLUMNS[kind]] for row in sheet.rows] == [
        [in_one_line(cell) for cell in row] for row in rows
    ]


@given(st.text(max_size=300))
def test_no_text_is_more_than_read_or_refused(text):
    for beginning in ("", "person,role,scope\n"):
        assert refusal_of(beginning + text).count("\n") == 0


def refusal_of(text):
    """What is said of a text that cannot be read; empty where it can."""
    try:
        return "" if read(text).rows else "no rows"
    except Invalid as error:
        return error.extra["fields"]["text"][0]


@given(st.lists(st.lists(CELL, min_size=2, max_size=2)))
def test_what_is_written_computes_nothing(rows):
    written = list(csv.reader(io.StringIO(write(("a", "b"), rows).removeprefix("\ufeff"), newline="")))
    assert len(written) == len(rows) + 1
    assert not [
        cell for row in written[1:] for cell in row if cell.lstrip(" \n").startswith(("=", "+", "-", "@", "\t", "\r"))
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\n=1"])
def test_a_formula_is_text(cell):
    assert neutral(cell) == f"'{cell}"
    assert neutral(f"x{cell}") == f"x{cell}"


def test_lines_are_those_of_the_file():
    sheet = read('person,role,scope\r\n\r\n"al\r\nice",member,web\r\nbob,viewer,web\r\n')
    assert [(row.line, row["person"]) for row in sheet.rows] == [(3, "al ice"), (5, "bob")]


def test_a_header_may_be_in_any_order_and_case_and_leave_out_what_is_not_needed():
    sheet = read("Cost centre;PATH\n4711;Retail / web\n")
    assert (sheet.kind, sheet.rows[0]["path"], sheet.rows[0]["cost_centre"]) == ("projects", "Retail / web", "4711")
    assert sheet.rows[0]["owner"] == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_can_be_read(kind):
    sheet = read(write(COLUMNS[kind], [TEMPLATES[kind]]))
    assert (sheet.kind, len(sheet.rows)) == (kind, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is nothing in it"),
        (" \n\n", "There is nothing in it"),
        ("person,role,scope\n", "no row below"),
        ("who,what\na,b\n", "does not say what the rows are"),
        ("person,role,scope,shoe_size\na,b,c,d\n", "Not a column of such a file: shoe_size."),
        ("person,role,scope,\na,b,c,d\n", "Not a column of such a file: “”."),
        ("person,role,scope,role\na,b,c,d\n", "names a column twice"),
        ("person,role,scope\na,b\n", "Line 2 has 2 cells; the header has 3."),
        ("person,role,scope\na,b,c\n\na,b,c,d\n", "Line 4 has 4 cells; the header has 3."),
        ('person,role,scope\na,b,c\na,"b,c\n', "Line 3: a quote is opened and not closed"),
        ('person,role,scope\na,"b"x,c\n', "Line 2: a quote is opened and not closed"),
        ("person,role,scope\na,b\x00,c\n", "Line 2 holds a NUL"),
        ("person,role,scope\na,b," + "c" * 200_000 + "\n", "Line 2 holds a cell of more than 128 kB"),
        ("x" * (MOST_BYTES + 1), "larger than 1 MB"),
        ("person,role,scope\n" + "a,b,c\n" * (MOST_ROWS + 1), "more than 10,000 rows"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(text, said):
    with pytest.raises(Invalid, match=said) as error:
        read(text)
    assert len(str(error.value).splitlines()) == 1


def test_ten_thousand_rows_are_read():
    assert len(read("person,role,scope\n" + "a,b,c\n" * MOST_ROWS).rows) == MOST_ROWS


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("path\nCafé / web\n".encode("latin-1"), "Line 2 is not UTF-8"),
        ("path\nCafé / web\n".encode("utf-16"), "Line 1 is not UTF-8"),
        (b"x" * (MOST_BYTES + 1), "larger than 1 MB"),
    ],
)
def test_a_file_of_another_encoding_is_told_apart(data, said):
    with pytest.raises(Invalid, match=said):
        decode(data)
