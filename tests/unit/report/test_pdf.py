"""The report as another program reads it: pages, text, fonts, structure, attachment, bytes."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pypdf import PdfReader

from allstation.core.classes import CLASS_NAMES, RESEARCH_USE
from allstation.core.decision import Decision, Reason
from allstation.core.errors import StationError
from allstation.core.records import Slide
from allstation.report.content.build import build_content, content_json
from allstation.report.content.options import Letterhead, ReportOptions
from allstation.report.content.wording import interval, percent
from allstation.report.pdf import render_pdf, write_pdf
from allstation.report.verification.verify import embedded_data

from .factory import CLOCK

HOSTILE = (
    "<b>bold</b> &amp; <a href='javascript:alert(1)'>x</a>",
    "\x00\x01\x07\x1b[31m\u202egnp.exe\ud800",
    "word " * 2000,
    "x" * 10_000,
    "\U0001f600\U0001f9ec\U0001f468\u200d\U0001f469\u200d\U0001f467 emoji",
    "C:\\Users\\..\\..\\windows\\system32\\" + "deep\\" * 40,
    "(unbalanced ) parens \\( \\) %PDF endstream endobj",
    "محمد (علی) שלום 王小明",
    '=HYPERLINK("http://x")',
    "",
    " \n\n\n ",
    "line\n" * 300,
)


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module")
def full(factory, tmp_path_factory):
    snapshot = factory.snapshot(36, slides=2, reviewed=9)
    path = tmp_path_factory.mktemp("reports") / "full.pdf"
    options = ReportOptions(
        clock=CLOCK, reviewer="Dr. B. Reviewer", status="final", letterhead=Letterhead("Lab", ("Street 1",)),
        anonymise=False, annex=True,
    )  # fmt: skip
    write_pdf(snapshot, path, options)
    return snapshot, build_content(snapshot, options), PdfReader(path), path


@pytest.fixture(scope="module")
def texts(full):
    """The text of every page, read once."""
    return [flat(page.extract_text()) for page in full[2].pages]


def test_every_page_carries_the_case_the_wording_and_its_number(full, texts):
    snapshot = full[0]
    assert len(texts) > 4
    for index, text in enumerate(texts, start=1):
        assert RESEARCH_USE in text
        assert f"Page {index} of {len(texts)}" in text
        assert snapshot.case_id in text


def test_every_font_is_embedded_and_a_subset(full):
    _, _, reader, _ = full
    fonts = {
        font["/BaseFont"]: font["/FontDescriptor"]
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert fonts
    for name, descriptor in fonts.items():
        assert "/FontFile2" in descriptor
        assert re.match(r"/[A-Z]{6}\+", name)


def test_the_summary_shows_every_count_fraction_and_interval(full, texts):
    content, text = full[1], texts[0]
    for share in content.counts.shares:
        assert f"{share.count} of {share.n}" in text
        assert flat(percent(share.share)) in text
        assert flat(interval(share.low, share.high)) in text


def test_every_field_has_its_row_and_its_whole_hash(full, texts):
    snapshot, content, _, _ = full
    text = " ".join(texts)
    for row in content.fields:
        assert row.sha256 in text
        assert row.name in text
    assert all(one.error in text for one in snapshot.fields if one.error)


def test_reviews_stand_beside_predictions(full, texts):
    content, text = full[1], " ".join(texts)
    assert "What the reviewer changed" in text
    assert f"{content.counts.changed} changed" in text
    assert "Dr. B. Reviewer" in text


def test_the_model_is_named_with_hash_figures_and_patients_unknown(full, texts):
    snapshot, text = full[0], " ".join(texts)
    assert snapshot.models[0].sha256 in text
    for said in ("0.964 to 0.990", "408", "patients unknown", "background colour only", "One hospital"):
        assert said in text


def test_bookmarks_lead_to_their_pages(full, texts):
    _, _, reader, _ = full
    titles = {
        item.title: reader.get_destination_page_number(item)
        for item in reader.outline
        if not isinstance(item, list)
    }
    for title in ("Key figures", "What the reviewer changed", "Every field", "Methods", "Appendix: files"):
        assert title in texts[titles[title]]
    assert list(titles.values()) == sorted(titles.values())


def test_properties_and_language(full):
    snapshot, _, reader, _ = full
    assert snapshot.case_id in reader.metadata.title
    assert reader.metadata.subject == RESEARCH_USE
    assert reader.metadata.creation_date.isoformat() == "2026-11-22T15:34:07+00:00"
    assert "Lab" in reader.metadata.author
    assert reader.trailer["/Root"]["/Lang"] == "en"


def test_structure_is_marked_in_reading_order(full):
    _, _, reader, _ = full
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is True or str(root["/MarkInfo"]["/Marked"]) == "True"
    kinds: list[str] = []
    figures: list[str] = []

    def walk(element) -> None:
        kinds.append(element["/S"])
        if element["/S"] == "/Figure":
            figures.append(element["/Alt"])
        kids = element.get("/K")
        if not isinstance(kids, int):
            for kid in kids:
                walk(kid.get_object())

    walk(root["/StructTreeRoot"]["/K"].get_object())
    assert kinds[0] == "/Document"
    assert kinds.index("/H1") < kinds.index("/H2")
    assert kinds.count("/Table") >= 6
    assert {"/TR", "/TH", "/TD", "/P", "/Figure"} <= set(kinds)
    assert all(figures)
    parents = root["/StructTreeRoot"]["/ParentTree"]["/Nums"]
    assert parents[::2] == list(range(len(reader.pages)))


def test_every_mark_of_a_page_has_its_element(full):
    _, _, reader, _ = full
    parents = reader.trailer["/Root"]["/StructTreeRoot"]["/ParentTree"]["/Nums"]
    for index, page in enumerate(reader.pages):
        code = page.get_contents().get_data().decode("latin-1")
        marks = [int(found) for found in re.findall(r"/MCID (\d+)", code)]
        assert marks == list(range(len(marks)))
        assert len(parents[2 * index + 1]) == len(marks)
        assert code.count("BDC") + code.count("BMC") == code.count("EMC")


def test_the_embedded_data_hold_the_figures(full):
    _, content, _, path = full
    data = embedded_data(path)
    assert data["content"]["counts"] == json.loads(json.dumps(dataclasses.asdict(content.counts)))
    assert len(data["content"]["fields"]) == 36


def test_same_case_and_clock_give_the_same_bytes(factory):
    snapshot = factory.snapshot(12, reviewed=3)
    options = ReportOptions(clock=CLOCK)
    content = build_content(snapshot, options)
    assert render_pdf(snapshot, content, options) == render_pdf(snapshot, content, options)


def test_another_clock_gives_other_bytes(factory):
    snapshot = factory.snapshot(2)
    options = [
        ReportOptions(clock=clock, template="summary") for clock in (CLOCK, lambda: CLOCK().replace(hour=9))
    ]
    made = [render_pdf(snapshot, build_content(snapshot, one), one) for one in options]
    assert made[0] != made[1]


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("template", ["summary", "full", "contact"])
def test_every_template_on_every_paper(factory, tmp_path, template, paper):
    target = tmp_path / "r.pdf"
    write_pdf(
        factory.snapshot(12, slides=2), target, ReportOptions(clock=CLOCK, template=template, page_size=paper)
    )
    box = PdfReader(target).pages[0].mediabox
    assert (round(box.width), round(box.height)) == {"A4": (595, 842), "Letter": (612, 792)}[paper]
    if template == "summary":
        assert len(PdfReader(target).pages) == 1


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("slides", [1, 4, 7, 9])
@pytest.mark.parametrize("comment", ["", "n/a"])
def test_the_sign_off_is_never_alone_on_a_page(factory, tmp_path, paper, slides, comment):
    snapshot = factory.snapshot(40, slides=slides, reviewed=5)
    options = ReportOptions(clock=CLOCK, template="summary", page_size=paper, comment=comment)
    assert len(PdfReader(write_pdf(snapshot, tmp_path / "r.pdf", options)).pages) == 1


@pytest.mark.parametrize("template", ["summary", "full", "contact"])
def test_an_amended_report_names_what_changed_on_its_pages(factory, tmp_path, template):
    before = content_json(build_content(factory.snapshot(6), ReportOptions(clock=CLOCK)))
    options = ReportOptions(
        clock=CLOCK, template=template, status="amended", reason="second opinion", reviewer="Dr. B",
        previous=before,
    )  # fmt: skip
    snapshot = factory.snapshot(6, reviewed=3)
    pages = [page.extract_text() for page in PdfReader(
        write_pdf(snapshot, tmp_path / "r.pdf", options)).pages]  # fmt: skip
    (first, *_) = build_content(snapshot, options).amendments
    text = " ".join("".join(pages).split())
    assert "Amended: second opinion" in " ".join(pages[0].split())
    assert first.what in text
    assert f"{len(build_content(snapshot, options).amendments)} changes since the earlier report" in text


def test_the_title_has_room_for_a_case_s_id_name_and_time(factory, tmp_path):
    snapshot = factory.snapshot(1, case_id="15e08d1a-82e1-4021-b2b0-1a228c002c9c", name="Musterfrau, Maria")
    options = ReportOptions(clock=CLOCK, template="summary", anonymise=False)
    text = flat(PdfReader(write_pdf(snapshot, tmp_path / "r.pdf", options)).pages[0].extract_text())
    assert flat(f"Case Musterfrau, Maria \u00b7 22 Nov 2026, 15:34 UTC {snapshot.case_id}") in text


def test_a_long_name_of_a_laboratory_is_set_smaller_before_it_is_shortened(factory, tmp_path):
    name = "Zentrum für Hämatologie und Onkologie Musterstadt"
    letter = Letterhead(name, ("Street", "Town"))
    path = write_pdf(
        factory.snapshot(1),
        tmp_path / "r.pdf",
        ReportOptions(clock=CLOCK, template="summary", letterhead=letter),
    )
    assert name in PdfReader(path).pages[0].extract_text()


def test_a_crowded_summary_stays_on_one_page(factory, tmp_path):
    snapshot = factory.snapshot(60, slides=12, reviewed=9)
    options = ReportOptions(
        clock=CLOCK,
        template="summary",
        page_size="Letter",
        comment="Twelve slides, well stained. " * 30,
        anonymise=False,
        status="final",
        reviewer="Prof. Dr. " + "Long Name " * 12,
        reason="signed after second reading " * 5,
        letterhead=Letterhead("Central Laboratory for Haematology " * 4, ("a" * 90, "b", "c", "d")),
    )
    write_pdf(snapshot, tmp_path / "r.pdf", options)
    (page,) = PdfReader(tmp_path / "r.pdf").pages
    text = flat(page.extract_text())
    assert "Signature" in text
    assert "shortened:" in text


@pytest.mark.parametrize("template", ["full", "summary"])
def test_what_tells_people_and_orders_apart_is_printed_whole(factory, tmp_path, template):
    details = {
        "patient_id": "9876543210" * 6 + "abcd",
        "request_id": "ACC-2026-1234567890-ABCDEFGHIJ-0987654321-KLMNOPQRSTUVWXYZ",
        "patient_name": "María Josefa de la Concepción y Fernández-Villaverde von Hohenstein",
    }
    snapshot = dataclasses.replace(factory.snapshot(20), details={**factory.snapshot(20).details, **details})
    options = ReportOptions(clock=CLOCK, anonymise=False, template=template, montage=False)
    page = PdfReader(write_pdf(snapshot, tmp_path / "r.pdf", options)).pages[0]
    printed = re.sub(r"\s+", "", page.extract_text())
    for text in details.values():
        assert text.replace(" ", "") in printed


@pytest.mark.parametrize("n", [0, 1, 2, 16, 17])
def test_any_number_of_fields_gives_a_report(factory, tmp_path, n):
    write_pdf(factory.snapshot(n), tmp_path / "r.pdf", ReportOptions(clock=CLOCK))
    text = flat(PdfReader(tmp_path / "r.pdf").pages[0].extract_text())
    assert ("nothing to count" in text) == (n == 0)
    assert ("Too few fields" in text) == (0 < n < 16)


def test_probabilities_near_and_at_certainty_are_printed_whole(factory, tmp_path):
    snapshot = factory.snapshot(4, reviewed=4)
    fields = []
    for field, top in zip(snapshot.fields, (1.0, 0.99999, 0.9994, 0.25), strict=True):
        rest = (1 - top) / 3
        values = dict(zip(CLASS_NAMES, (rest, rest, top, rest), strict=True))
        fields.append(
            dataclasses.replace(field, prediction=dataclasses.replace(field.prediction, probabilities=values))
        )
    target = tmp_path / "r.pdf"
    write_pdf(
        dataclasses.replace(snapshot, fields=tuple(fields)),
        target,
        ReportOptions(clock=CLOCK, montage=False, annex=True),
    )
    text = flat("".join(page.extract_text() for page in PdfReader(target).pages))
    assert "0.0 0.0 100.0 0.0" in text
    assert "<0.1 <0.1 >99.9 <0.1" in text


def test_every_reason_of_a_field_is_printed(factory, tmp_path):
    snapshot = factory.snapshot(1)
    field = snapshot.fields[0]
    decision = Decision(None, tuple(Reason))
    doubtful = dataclasses.replace(field, prediction=dataclasses.replace(field.prediction, decision=decision))
    write_pdf(
        dataclasses.replace(snapshot, fields=(doubtful,)),
        tmp_path / "r.pdf",
        ReportOptions(clock=CLOCK, annex=True),
    )
    text = flat("".join(page.extract_text() for page in PdfReader(tmp_path / "r.pdf").pages))
    assert f"needs review: {', '.join(Reason)}" in text


def test_a_case_without_slides_models_or_details(factory, tmp_path):
    bare = factory.snapshot(0, details={}, slides=1)
    bare = dataclasses.replace(bare, slides=(), models=(), audit_head="")
    write_pdf(bare, tmp_path / "r.pdf", ReportOptions(clock=CLOCK))
    assert "not given" in PdfReader(tmp_path / "r.pdf").pages[0].extract_text()


def test_missing_and_damaged_fields_get_a_box_instead_of_a_picture(factory, tmp_path):
    snapshot = factory.snapshot(4)
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    paths = (tmp_path / "gone.jpg", damaged)
    fields = [
        dataclasses.replace(field, path=paths[index % 2]) for index, field in enumerate(snapshot.fields)
    ]
    target = tmp_path / "r.pdf"
    write_pdf(
        dataclasses.replace(snapshot, fields=tuple(fields)),
        target,
        ReportOptions(clock=CLOCK, template="contact"),
    )
    text = PdfReader(target).pages[0].extract_text()
    assert "No picture" in text
    assert "file not found" in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_printed_or_replaced_and_never_breaks(factory, tmp_path, text):
    snapshot = factory.snapshot(4, reviewed=4)
    reviews = [
        dataclasses.replace(field, review=dataclasses.replace(field.review, reviewer=text, comment=text))
        for field in snapshot.fields
    ]
    name = text.replace("/", "_").replace("\0", "_")[:200] or "n"
    fields = [dataclasses.replace(field, path=Path("/data") / name) for field in reviews]
    details = {"patient_name": text, "stain": text, "question": text, text or "k": text}
    hostile = dataclasses.replace(
        snapshot,
        name=text,
        details=details,
        fields=tuple(fields),
        slides=(Slide(id=1, name=text, folder=None),),
    )
    options = ReportOptions(
        clock=CLOCK, anonymise=False, comment=text, conclusion=text, reviewer="R" + text,
        status="amended", reason="Z" + text, montage=False, annex=True,
        letterhead=Letterhead(text, (text, text)),
    )  # fmt: skip
    target = write_pdf(hostile, tmp_path / "r.pdf", options)
    raw = target.read_bytes()
    assert b"/JavaScript" not in raw
    assert b"/URI" not in raw
    if text.startswith("<b>"):
        assert "<b>bold</b>" in flat("".join(page.extract_text() for page in PdfReader(target).pages))


def test_qpdf_finds_nothing(full):
    tool = shutil.which("qpdf")
    if tool is None:
        pytest.skip("qpdf is not installed (apt-get install qpdf)")
    done = subprocess.run([tool, "--check", str(full[3])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr


def test_right_to_left_names_can_be_copied_in_reading_order(factory, tmp_path):
    import pypdfium2

    target = tmp_path / "r.pdf"
    named = dataclasses.replace(factory.snapshot(2), name="محمد علی")
    write_pdf(named, target, ReportOptions(clock=CLOCK, anonymise=False, template="summary"))
    raw = PdfReader(target).pages[0].get_contents().get_data().decode("latin-1")
    assert "محمد علی".encode("utf-16-be").hex() in raw.lower()
    document = pypdfium2.PdfDocument(target)
    assert len(document) == 1
    document.close()


def test_a_failed_write_leaves_the_old_report(factory, tmp_path):
    target = tmp_path / "missing" / "r.pdf"
    with pytest.raises(StationError) as refused:
        write_pdf(factory.snapshot(1), target, ReportOptions(clock=CLOCK, template="summary"))
    assert refused.value.code == "not-written"

    old = tmp_path / "r.pdf"
    old.write_bytes(b"old")

    def give_up(_page: int) -> None:
        raise StationError("cancelled", "The export was cancelled.")

    with pytest.raises(StationError):
        write_pdf(factory.snapshot(1), old, ReportOptions(clock=CLOCK), progress=give_up)
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_a_logo_is_printed_and_a_damaged_one_left_out(factory, tmp_path):
    snapshot = factory.snapshot(2)
    for logo, pictures in ((factory.picture(0), 1), (tmp_path / "no.png", 0)):
        options = ReportOptions(
            clock=CLOCK, template="summary", letterhead=Letterhead("Lab", (), logo), montage=False
        )
        write_pdf(snapshot, tmp_path / "r.pdf", options)
        assert len(PdfReader(tmp_path / "r.pdf").pages[0].images) == pictures


@pytest.mark.parametrize(("removed", "said"), [(1, "1 field was removed"), (12, "12 fields were removed")])
@pytest.mark.parametrize("template", ["summary", "full", "contact"])
def test_the_first_page_says_what_was_removed(factory, tmp_path, template, removed, said):
    snapshot = dataclasses.replace(factory.snapshot(6), removed=removed)
    options = ReportOptions(clock=CLOCK, template=template)
    text = flat(PdfReader(write_pdf(snapshot, tmp_path / "r.pdf", options)).pages[0].extract_text())
    assert f"{said} from the case by hand and not counted" in text


def test_a_moved_field_and_proposed_ones_that_were_taken_back_are_none_that_were_removed(factory, tmp_path):
    snapshot = dataclasses.replace(factory.snapshot(6), moved=1, taken_back=12)
    options = ReportOptions(clock=CLOCK, template="summary")
    text = flat(PdfReader(write_pdf(snapshot, tmp_path / "r.pdf", options)).pages[0].extract_text())
    assert "1 field was moved on the slide; 12 proposed fields were taken back unread" in text
    assert "removed from the case" not in text


def test_a_case_from_which_nothing_was_removed_says_nothing_of_it(texts):
    assert "removed from the case" not in " ".join(texts)
