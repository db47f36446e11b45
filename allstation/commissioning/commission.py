"""Commissioning without a person: typed cells on disk stand for clicks, all other groups are the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from allstation.commissioning.acceptance import Accepted, Refused, Wanted, acceptance_json
from allstation.commissioning.acceptance_text import acceptance_text
from allstation.commissioning.choice import chosen_groups, within_budget
from allstation.commissioning.session import CommissioningSession
from allstation.commissioning.typed_cells import TypedCells
from allstation.core.errors import StationError
from allstation.inference.bundle import ModelBundle
from allstation.inference.class_names import name_problem
from allstation.inference.site_bundle import SiteFacts, write_site_bundle
from allstation.keys.signing import SigningKey

BUDGET, SLIDES = 40, 5
"""Cells of a type, and slides or patients, where only one of both is limited."""
_TOO_LITTLE: Final = ("too-few-groups", "too-few-cells")
"""Codes of what is refused before anything could be measured."""
_MOST_LISTED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Plan of a commissioning: how many cells and slides are learned from, and what is required.

    Attributes:
        budget: Most cells of a type; None for all.
        slides: Slides or patients; None for all but a frozen fifth.
        seed: Of every draw.
        wanted: What the figures are held against.
    """

    budget: int | None = None
    slides: int | None = None
    seed: int = 0
    wanted: Wanted = field(default_factory=Wanted)


_OWN: Final = ("groups_learned", "groups_tested", "not_measured")
"""What names patients, slides or files, and stays out of the model: a model is given to others."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Commissioned:
    """Outcome of a commissioning.

    Attributes:
        outcome: Accepted or refused.
        cells: All cells.
        plan: What was asked for.
        learned_groups: Slides or patients that were learned from.
    """

    outcome: Accepted | Refused
    cells: TypedCells
    plan: Plan
    learned_groups: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        cells = self.cells
        groups = sorted(set(cells.groups) - set(self.learned_groups))
        return {
            **acceptance_json(self.outcome),
            "seed": self.plan.seed,
            "budget": self.plan.budget,
            "slides": self.plan.slides,
            "groups": "patients" if cells.patients_known else "slides" if cells.slides else "cells",
            "groups_learned": list(self.learned_groups)[:_MOST_LISTED],
            "groups_tested": groups[:_MOST_LISTED],
            "cells_measured": len(cells.types),
            "cells_not_measured": len(cells.unfound),
            "not_measured": [
                {"file": one.file, "type": one.type, "patient": one.patient, "why": one.why}
                for one in cells.unfound[:_MOST_LISTED]
            ],
            "pixel_size": cells.pixel_size,
            "pixel_size_source": cells.pixel_size_source,
            "scale_known": cells.scale_known,
            "cell_network_sha256": cells.network_sha256,
        }

    def given_json(self) -> dict[str, Any]:
        """Return what others may read of it, as the model carries it: no patient, slide or file."""
        return {key: value for key, value in self.to_json().items() if key not in _OWN}


def commission(cells: TypedCells, plan: Plan) -> Commissioned:
    """Learn from some typed cells, test on all cells of other groups, and judge.

    Args:
        cells: Typed and measured.
        plan: What is learned from.

    Raises:
        StationError: ``bad-cells`` if a type's name cannot be the name of a class.
    """
    names = sorted(set(cells.types))
    if problem := name_problem("Site", "1", names):
        raise StationError("bad-cells", f"The table of typed cells {problem}. Rename the type.")
    groups = cells.groups
    chosen = None
    limited = plan.slides is not None or plan.budget is not None
    if limited and not cells.slides and not any(cells.patients):
        # Every cell is a group of its own: cells are chosen at once.
        every = range(len(groups))
        rows = within_budget(cells.types, groups, every, budget=plan.budget or BUDGET, seed=plan.seed)
        chosen = [groups[row] for row in rows]
    elif limited:
        chosen = chosen_groups(
            cells.types,
            groups,
            count=min(plan.slides or SLIDES, len(set(groups)) - 1),
            budget=plan.budget or BUDGET,
            seed=plan.seed,
        )
    try:
        return _learned_and_tested(cells, plan, chosen)
    except StationError as error:
        if error.code not in _TOO_LITTLE:
            raise
        return Commissioned(outcome=Refused(reason=error.sentence), cells=cells, plan=plan, learned_groups=())


def _learned_and_tested(cells: TypedCells, plan: Plan, chosen: list[str] | None) -> Commissioned:
    """Go through a session as a person would."""
    groups = cells.groups
    session = CommissioningSession(
        cells.features,
        groups,
        network_sha256=cells.network_sha256,
        seed=plan.seed,
        learning=chosen,
        patients=cells.patients_text,
    )
    rows = list(session.learning_rows)
    if plan.budget is not None:
        rows = within_budget(cells.types, groups, rows, budget=plan.budget, seed=plan.seed)
    for row in rows:
        session.set_type(row, cells.types[row])
    for row in session.begin_test(len(cells.types)):
        session.set_type(row, cells.types[row])
    outcome = session.finish(plan.wanted)
    learned = tuple(sorted({groups[row] for row in session.learning_rows}))
    return Commissioned(outcome=outcome, cells=cells, plan=plan, learned_groups=learned)


def write_accepted(
    target: Path, found: Commissioned, *, name: str, base: ModelBundle, key: SigningKey | None
) -> ModelBundle:
    """Write the site bundle of what was accepted.

    Args:
        target: File to write.
        found: Whose outcome is :class:`Accepted`.
        name: Of the model, for people.
        base: Model that it stands on.
        key: The station's.

    Raises:
        TypeError: If it was refused.
        StationError: If the bundle would be refused on opening.
        OSError: If it cannot be written.
    """
    outcome, cells = found.outcome, found.cells
    if not isinstance(outcome, Accepted):
        raise TypeError("a refused model has no bundle")
    learned = set(found.learned_groups)
    groups, test = cells.groups, outcome.acceptance
    seen = {picture for picture, group in zip(cells.pictures, groups, strict=True) if group in learned}
    of = "patients" if cells.patients_known else "slides" if cells.slides else "cells"
    total = sum(test.learned.values())
    return write_site_bundle(
        target,
        name=name,
        version="1",
        typer=outcome.typer,
        rule=outcome.rule,
        figures=outcome.figures,
        facts=SiteFacts(
            pixel_size=cells.pixel_size,
            pixel_size_source=cells.pixel_size_source,
            scale_known=cells.scale_known and (cells.from_fields or bool(cells.pixel_size_source)),
            field_pixel_size=cells.field_pixel_size,
            from_fields=cells.from_fields,
        ),
        training={
            "fields": f"{total} typed cells of {len(test.learned_groups)} {of}",
            "split": test.balanced.split,
            "patients": test.balanced.patients,
            "typed": dict(test.learned),
        },
        limits=_limits(found),
        acceptance=found.given_json(),
        acceptance_text=acceptance_text(outcome, name=name),
        seen=seen,
        base=base,
        key=key,
    )


def _limits(found: Commissioned) -> list[str]:
    """Say what the model must not be used for."""
    limits = [
        "For cells of this laboratory only, with its stain, microscope and camera. A type is no diagnosis."
    ]
    if not found.cells.from_fields:
        limits.append(
            "Learned and tested on pictures of single cells; figures of whole fields were not measured."
        )
        if not found.cells.scale_known:
            limits.append("The scale of these pictures is not known: fields always need review.")
    if not found.cells.patients_known:
        limits.append("Patients unknown: cells of one patient may stand on both sides of the test.")
    return limits
