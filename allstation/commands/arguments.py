"""Arguments of the commands: what each takes. Only the standard library is loaded here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from allstation.commands import (
    CSV_DECIMALS,
    CSV_SEPARATORS,
    FREE_TEXT,
    atlas_arguments,
    cluster_arguments,
    commission_arguments,
    site_arguments,
    slide_arguments,
)
from allstation.core.arguments import positive


def _force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="replace files that this program wrote for another run"
    )


def _classify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="field images, whole slides, folders or .zip archives of them",
    )
    slide_arguments.declare(parser, sizes=True)
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        metavar="BUNDLE",
        help="model bundle (default: the shipped one); given again, another model over the same fields",
    )
    parser.add_argument("--case", type=Path, metavar="DIR", help="keep everything in this .allcase folder")
    parser.add_argument(
        "--detail",
        action="append",
        default=[],
        metavar="KEY=TEXT",
        help="case data, such as patient_id=P-7 or received_at='2026-11-22 14:30'; again for more",
    )
    parser.add_argument(
        "--site", default="", metavar="ID", help="site that the fields were taken at (see: allstation site)"
    )
    parser.add_argument(
        "--patients",
        metavar="CSV|PATTERN",
        help="patient of each slide: a table (patient and slide, folder or file), or a pattern of folder "
        "names such as {patient}/{slide} or P{patient}_*",
    )
    parser.add_argument("--csv", type=Path, metavar="F", help="write the table of fields")
    parser.add_argument(
        "--separator",
        choices=tuple(CSV_SEPARATORS),
        default="comma",
        help="between the values of the CSV (default: comma); Excel where 0,83 is a number: semicolon",
    )
    parser.add_argument(
        "--decimal",
        choices=tuple(CSV_DECIMALS),
        default="point",
        help="decimal sign of the CSV (default: point)",
    )
    parser.add_argument(
        "--bom", action="store_true", help="begin the CSV with a byte order mark: Excel then reads UTF-8"
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write the fields as JSON")
    parser.add_argument("--xlsx", type=Path, metavar="F", help="write the table for Excel")
    parser.add_argument("--cells", type=Path, metavar="F", help="write the table of white cells")
    parser.add_argument("--report", type=Path, metavar="F.pdf", help="write the report")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="worker threads (default: one a processor)"
    )
    cluster_arguments.use_cluster(parser)
    _force(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="where to write the synthetic fields")
    parser.add_argument("--fields", type=positive, default=24, metavar="N", help="how many (default 24)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="same seed, same fields (default 1)")
    parser.add_argument("--labelled", action="store_true", help="one sub-folder a class, to try training")


def _models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("list", "show", "verify", "accept", "sign"),
        help="what to do; accept: use this one file of an unknown maker; sign: write a signature beside it",
    )
    parser.add_argument("bundle", nargs="?", type=Path, help="model bundle (default: the shipped one)")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="sign with this laboratory key (default: this station's)"
    )


def _keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("list", "make", "export", "trust", "distrust"),
        help="list: this station's key and those it trusts; make: a laboratory key, closed with a password; "
        "export: this station's public key; trust, distrust: a public key",
    )
    parser.add_argument("file", nargs="?", type=Path, help="key file to make, write or trust")
    parser.add_argument("--name", default="", metavar="NAME", help="of the laboratory, or of who is trusted")
    parser.add_argument("--laboratory", action="store_true", help="trust it as the laboratory's own key")


def _people(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("list", "add", "remove", "typed", "login", "pin"),
        help="add, remove: a person's PIN; typed, login, pin: how people are named in reviews and signatures",
    )
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="of the person")


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER|CELLS.csv",
        help="class sub-folders of fields; with --cells typed cells, as for commission",
    )
    parser.add_argument(
        "--cells", action="store_true", help="measure a site's model on typed cells instead of fields"
    )
    commission_arguments.pixel_size(parser)
    parser.add_argument(
        "--model", type=Path, metavar="BUNDLE", help="model bundle (default: the shipped one)"
    )
    parser.add_argument(
        "--groups", type=Path, metavar="CSV", help="columns class, file, field_group (or patient)"
    )
    parser.add_argument(
        "--patients",
        metavar="PATTERN",
        help="patient of each field by the names of its folders, such as {patient} or {patient}/{slide}",
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write every figure as JSON")
    parser.add_argument("--pdf", type=Path, metavar="F", help="write the evaluation as PDF")
    parser.add_argument("--threads", type=positive, metavar="N", help="worker threads")
    _force(parser)


def _case_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", type=Path, metavar="CASE", help="a .allcase folder")


def _audit(parser: argparse.ArgumentParser) -> None:
    _case_argument(parser)
    parser.add_argument("--anchor", type=Path, metavar="F.json", help="write the signed head of the trail")
    parser.add_argument("--compare", type=Path, metavar="F.json", help="compare with such a file")
    parser.add_argument(
        "--slides", action="store_true", help="read whole slides to the last byte and compare their hashes"
    )
    parser.add_argument(
        "--accept",
        default="",
        metavar="REASON",
        help="go on with this copy although a later trail was seen; the trail keeps the reason",
    )


def _keep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        choices=FREE_TEXT,
        metavar="KIND",
        help=f"free text that goes though the output is anonymised ({', '.join(FREE_TEXT)}); again for more",
    )


def _trace(parser: argparse.ArgumentParser) -> None:
    _case_argument(parser)
    parser.add_argument(
        "codes",
        nargs="+",
        metavar="CODE",
        help="from a table, a report (with its case's id) or a picture's comment",
    )


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASE", help=".allcase folders")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the reports (default: in each case)"
    )
    parser.add_argument(
        "--template",
        choices=("summary", "full", "contact"),
        default="full",
        help="page one alone, all pages, or a contact sheet of every field (default: full)",
    )
    parser.add_argument(
        "--annex",
        action="store_true",
        help="end a full report with tables of every field, models and hashes (default: embedded only)",
    )
    parser.add_argument("--page-size", choices=("A4", "Letter"), default="A4", help="paper (default: A4)")
    parser.add_argument(
        "--show-patient", action="store_true", help="print patient data (default: anonymised)"
    )
    parser.add_argument(
        "--status",
        choices=("draft", "preliminary", "final", "amended"),
        default="draft",
        help="a final or amended report locks the decisions it holds (default: draft)",
    )
    parser.add_argument("--signed-by", default="", metavar="NAME", help="who signs a final or amended report")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why it is amended or preliminary")
    parser.add_argument(
        "--conclusion", default="", metavar="TEXT", help="what the person who signs concludes; printed first"
    )
    parser.add_argument(
        "--comment", default="", metavar="TEXT", help="printed below the pictures of page one"
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="F.p12",
        help="sign a final or amended report digitally with this PKCS#12 file; its password is asked",
    )
    _password_file(parser)
    _keep(parser)
    _force(parser)


def _password_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="F",
        help="file whose first line is the password, not to be asked",
    )


def _certificate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("make", "list", "trust", "forget", "time-stamp-server"),
        help="make a self-made one; list, trust or forget those of others; name a server of time stamps",
    )
    parser.add_argument(
        "what",
        nargs="?",
        default="",
        metavar="WHAT",
        help="file to make or to trust (certificate or revocation list); SHA-256 to forget; address, or none",
    )
    parser.add_argument("--name", default="", metavar="NAME", help="make: person who will sign")
    parser.add_argument("--laboratory", default="", metavar="NAME", help="make: laboratory")
    parser.add_argument(
        "--authority",
        type=Path,
        metavar="F.pem",
        help="make: also write the certificate that others must trust",
    )
    _password_file(parser)


def _verify_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", type=Path, metavar="F.pdf", help="a report written by this program")
    parser.add_argument("--case", type=Path, metavar="CASE", help="also compare with this case")


def _export(parser: argparse.ArgumentParser) -> None:
    _case_argument(parser)
    parser.add_argument("--fhir", type=Path, metavar="F.json", help="FHIR R4 DiagnosticReport bundle")
    parser.add_argument("--dicom", type=Path, metavar="DIR", help="DICOM secondary captures (and the --pdf)")
    parser.add_argument("--geojson", type=Path, metavar="DIR", help="cell outlines that QuPath reads")
    parser.add_argument("--labelled", type=Path, metavar="DIR", help="class folders of the reviewed fields")
    parser.add_argument("--shares", type=Path, metavar="F.csv", help="shares by slide and patient")
    slide_arguments.declare_pictures(parser)
    parser.add_argument("--pdf", type=Path, metavar="F.pdf", help="a written report to include")
    parser.add_argument("--show-patient", action="store_true", help="include patient data")
    _keep(parser)
    parser.add_argument(
        "--list-texts", action="store_true", help="print the free text of the case, to decide what to keep"
    )
    _force(parser)


def _cells(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="CASE|PATH",
        help="a .allcase folder, or field images, whole slides, folders or .zip archives of them",
    )
    slide_arguments.declare(parser)
    parser.add_argument("--csv", type=Path, metavar="F", help="write the table of cells")
    parser.add_argument(
        "--crops", type=Path, metavar="DIR", help="write a picture of each cell: a new folder"
    )
    parser.add_argument(
        "--coco", type=Path, metavar="F", help="write boxes, masks and types for training detectors"
    )
    parser.add_argument(
        "--model", type=Path, metavar="BUNDLE", help="model bundle for images (default: the shipped one)"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="worker threads (default: one a processor)"
    )
    parser.add_argument(
        "--anonymised",
        action="store_true",
        help="numbers for names and codes for hashes, as in the other exports; of a case",
    )
    _keep(parser)
    _force(parser)


def _differential(parser: argparse.ArgumentParser) -> None:
    _case_argument(parser)
    parser.add_argument("--reader", metavar="NAME", help="only this person's count (default: everyone's)")
    parser.add_argument(
        "--proposals", action="store_true", help="count proposed types of cells that nobody named, and say so"
    )
    parser.add_argument(
        "--tell",
        action="append",
        default=[],
        metavar="TYPE=PERCENT",
        help="how many more cells tell the share of a type from this one; again for more",
    )


def _control(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("site", metavar="SITE", help="id of the site")
    parser.add_argument("--json", action="store_true", help="print the charts as JSON")
    parser.add_argument("--release", default="", metavar="DAY", help="release a day that broke a rule")
    parser.add_argument(
        "--new-reference", default="", metavar="DAY", help="begin the reference anew, after a meant change"
    )
    parser.add_argument("--by", default="", metavar="NAME", help="who does that (default: the login name)")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept and printed in reports")


def _training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="see: allstation train --help")


_Command = tuple[str, Callable[[argparse.ArgumentParser], None], str]
COMMANDS: dict[str, _Command] = {
    "classify": ("classify", _classify, "classify fields; write tables and a report"),
    **cluster_arguments.COMMANDS,
    "demo": ("demo", _demo, "write synthetic fields to try the program with"),
    "models": ("models", _models, "list, show or verify model bundles"),
    "keys": ("keys", _keys, "this station's key, a laboratory's key, and whose keys are trusted"),
    "people": ("people", _people, "how reviewers and signers are named, and who has a PIN"),
    "evaluate": ("evaluate", _evaluate, "every figure of a model on a labelled folder"),
    "commission": (
        "commission",
        commission_arguments.declare,
        "learn a site's model from typed cells and test it; status 3 if it is refused",
    ),
    "check": ("training", _training, "check a labelled folder before training (needs the training part)"),
    "train": ("training", _training, "train a model from a recipe (needs the training part)"),
    "sweep": ("training", _training, "train every combination of some values (needs the training part)"),
    "report": ("report", _report, "write the reports of one or many cases"),
    "export": ("export", _export, "a case as FHIR, DICOM, GeoJSON or a labelled folder"),
    "cells": ("cells", _cells, "the white cells of a case or of images: table, pictures, COCO"),
    "differential": ("differential", _differential, "the differential counts of a case"),
    "control": ("control", _control, "control charts of a site: light, stain, focus, novelty, classes"),
    "verify-report": (
        "report",
        _verify_report,
        "check a report's figures, signature and agreement with its case",
    ),
    "site": (
        "site",
        site_arguments.declare,
        "a laboratory: microscope, scale, white point; statistics of its model to share",
    ),
    "atlas": ("atlas", atlas_arguments.declare, "reviewed fields that others are compared with"),
    "certificate": (
        "certificate",
        _certificate,
        "certificates that sign reports, and whose signatures count",
    ),
    "audit": ("maintenance", _audit, "verify the audit trail of a case"),
    "trace": ("maintenance", _trace, "find the fields that the codes of an anonymised export stand for"),
    "repair": ("maintenance", _case_argument, "salvage a damaged case"),
    "doctor": ("doctor", lambda _: None, "versions, runtime, folders, and a self-test on one field"),
}
