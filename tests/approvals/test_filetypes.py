"""What a file is: told by its name and its bytes together, never by what the browser says."""

import zipfile
from io import BytesIO

import pytest

from portal.approvals.filetypes import LONGEST_NAME, TYPES, name_of, type_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def office(*names):
    kept = BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return kept.getvalue()


DOCX, XLSX = office("[Content_Types].xml", "word/document.xml"), office("[Content_Types].xml", "xl/workbook.xml")
GOOD = {
    "pdf": b"%PDF-1.7\n",
    "png": PNG,
    "jpg": b"\xff\xd8\xff\xe0rest",
    "jpeg": b"\xff\xd8\xff\xe0rest",
    "txt": "Grüße\n".encode(),
    "csv": "\ufeffa,b\n1,2\n".encode(),
    "md": b"# Why\n",
    "json": b'{"a": 1}',
    "eml": b"From: alice@example.org\r\nSubject: Why\r\n\r\nHello",
    "docx": DOCX,
    "xlsx": XLSX,
}


@pytest.mark.parametrize("ending", sorted(TYPES))
def test_each_type_on_the_list_is_known(ending):
    assert type_of(f"report.{ending.upper()}", GOOD[ending]) == TYPES[ending][0]


@pytest.mark.parametrize("ending", sorted(TYPES))
def test_a_program_is_none_of_them_whatever_it_is_called(ending):
    assert type_of(f"report.{ending}", b"MZ\x90\x00\x03\x00" + bytes(200)) == ""


@pytest.mark.parametrize("name", ["report.exe", "report.html", "report.svg", "report", "report.pdf.js", ".pdf", ""])
def test_what_is_not_on_the_list_is_refused_whatever_is_in_it(name):
    assert type_of(name, b"%PDF-1.7\n") == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", XLSX),
        ("a.xlsx", DOCX),
        ("a.docx", office("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin")),
        ("a.docx", b"PK\x03\x04 torn"),
        ("a.json", b"{"),
        ("a.json", b"[" * 100_000),
        ("a.txt", b"\xff\xfe\x00"),
        ("a.csv", b"a\x00b"),
        ("a.png", b"%PDF-1.7"),
    ],
)
def test_the_bytes_must_be_what_the_name_says(name, content):
    assert type_of(name, content) == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\secret\\plan.pdf", "plan.pdf"),
        ("../../etc/plan.pdf", "plan.pdf"),
        ("pl\x00an\u202e.pdf", "plan.pdf"),
        ("", "file"),
        ("预算.xlsx", "预算.xlsx"),
    ],
)
def test_a_name_is_its_last_part_without_what_no_name_has(given, kept):
    assert name_of(given) == kept


def test_a_long_name_is_cut_and_keeps_its_ending():
    assert name_of("a" * 900 + ".pdf") == "a" * (LONGEST_NAME - 4) + ".pdf"
