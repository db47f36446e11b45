"""Requests and questions about the patients of slides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allstation.core.errors import StationError
from allstation.core.patients import checked_patient
from allstation.processing.patients import parse_patients, propose_patients
from allstation.processing.status_types import Problem
from allstation.services.case import case_events
from allstation.services.case.questions import Answer, Question
from allstation.services.case.requests import CaseRequest
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.services.case.worker import OpenedCase


@dataclass(frozen=True)
class SetPatients(CaseRequest):
    """Give slides their patients, each with its source; an empty one takes it away.

    Attributes:
        patients: Patient and source by slide.
    """

    patients: Mapping[int, tuple[str, str]]

    def change(self, target: OpenedCase) -> None:
        wanted = {number: (checked_patient(one), source) for number, (one, source) in self.patients.items()}
        target.case.slides.restore_patients(wanted)
        target.emit(case_events.PatientsChanged(list(wanted)))


@dataclass(frozen=True)
class ProposePatients(Question):
    """Patients that a pattern or table would give, as ``patients_proposed``; nothing is changed.

    Attributes:
        given: A pattern of folder names, or the path of a table.
    """

    given: str

    def answer(self, case: Case, generation: int) -> Answer:
        """Return the proposal, or why there is none: a pattern is wrong until it is typed to its end."""
        try:
            return generation, self.given, propose_patients(case, parse_patients(self.given))
        except StationError as error:
            return generation, self.given, Problem.of(error)
