"""The model card and the checklist inside the bundle, written from the run's records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from allstation.core.classes import PATIENTS_UNKNOWN, RESEARCH_USE
from allstation.core.metrics import Figure
from allstation.inference.passport import PassportLine, passport_table

LIMITS: Final = (
    "Patients are unknown: every figure counts fields, and fields of one patient are alike.",
    "One hospital, one stain, one camera family; classes are confounded with the day of capture.",
    "Class names are immunophenotypes by flow cytometry; a light microscope field alone cannot prove them.",
    "Fields must be whole frames at about 100x, oil, squashed to 224x224 by the program itself.",
    "What the network sees is white cells only; a field without them is sent to review.",
)


def figure_lines(figures: Sequence[Figure]) -> list[str]:
    """Return figures as rows of a Markdown table."""
    head = ["| figure | value | 95 % interval | n | split |", "|---|---|---|---|---|"]
    rows = [
        f"| {figure.name} | {figure.value:.4f} | {figure.interval or 'none'} | {figure.n} | {figure.split} |"
        for figure in figures
    ]
    return head + rows


def model_card(
    info: Mapping[str, Any], figures: Sequence[Figure], table: str, elsewhere: Sequence[PassportLine] = ()
) -> str:
    """Return the model card (sections of Mitchell et al. 2019, FAT*) as Markdown.

    Args:
        info: ``bundle.json`` as far as it is known.
        figures: Figures of this very network on fields it was not trained on.
        table: The result table of the recipe, Markdown, or an empty string.
        elsewhere: What the typer of cells is worth in other laboratories.
    """
    training = info["training"]
    parts = [
        f"# Model card: {info['name']} {info['version']}",
        RESEARCH_USE,
        "## Model details",
        "EfficientNet-Lite0 with its ImageNet weights (Apache-2.0), quantised to eight bits, read at five "
        "depths by one linear layer at every place, of each channel and of what of it lies above a level, "
        "only inside white cells: everything else is zero "
        "before the network sees the field, and pooling is the mean over the cells' area. The evidence map "
        "adds up to the logits.",
        f"Made {info['created']} by the recipe with hash `{training['recipe_sha256']}`.",
        "## Intended use",
        "Research on peripheral blood smear fields in acute lymphoblastic leukemia: sorting, teaching, "
        "method comparison. A named person reviews every field that matters.",
        "## Out of scope",
        "Diagnosis, treatment, single-cell crops, other stains, other diseases, slides scanned at low power.",
        "## Factors",
        "Stain, camera, white balance, focus and the day of capture change the colours of cells. The result "
        "table says by how much decisions change under such changes.",
        "## Training data",
        f"{training['fields']} fields, Taleqani Hospital (Aria et al. 2021, DOI 10.34740/KAGGLE/DSV/2175623; "
        f"Ghaderzadeh et al. 2022, DOI 10.1002/int.22753); patients: {training['patients']}. "
        f"Hash of the list and pixels `{training['list_sha256']}`.",
        "## Evaluation of this network",
        "\n".join(figure_lines(figures)),
        f"All figures by field, {PATIENTS_UNKNOWN}.",
        "## Evaluation of the recipe",
        table or "Not measured yet.",
        "## Evaluation in other laboratories",
        "This network is made for the fields of one hospital; it was not shown to work on others, and is "
        "meant to name nothing there. What carries over is the cell network beside it, once a laboratory "
        "types cells of its own. AUROC of single cells, patients or groups kept apart:",
        "\n".join(passport_table(tuple(elsewhere))) if elsewhere else "Not measured yet.",
        "## Ethical considerations",
        "Fields come from patients of one hospital whose age, sex and origin are not published; how the "
        "model does on others is unknown. It must not be the reason for or against a treatment.",
        "## Limits",
        "\n".join(f"- {limit}" for limit in LIMITS),
    ]
    return "\n\n".join(parts) + "\n"


def claim_checklist(info: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    """Return a checklist after CLAIM (Mongan et al. 2020; update 2024), filled from the records."""
    training = info["training"]
    main = "; ".join(str(figure) for figure in figures[:3])
    rows = (
        ("1-2 Title, abstract", "Deep learning on blood smear fields; see the model card."),
        ("3-4 Background, aims", "Classes of fields, from white cells only; accuracy without shortcuts."),
        ("5 Design", "Retrospective."),
        ("6 Goal", "A model for research with known limits."),
        ("7 Data source", "Public data set, one hospital, 2021."),
        ("8 Eligibility", "All fields of the four class folders that were at hand; none was left out."),
        ("9 Preprocessing", f"{info['preprocessing']}"),
        ("10 Selection of subsets", "None."),
        ("11 Data elements", "Class by flow cytometry, as the data set states."),
        ("12 De-identification", "By the publisher; files carry no metadata on patients."),
        ("13 Missing data", "Patient ids, age and sex are missing for every field."),
        ("14-18 Ground truth", "Folder names of the data set; no second reading was made here."),
        ("19 Sample size", f"{training['fields']} fields; not calculated beforehand."),
        ("20-21 Partitions", f"{training['split']}; level: same-field group; patients unknown."),
        ("22-24 Model", "See the model card; Keras and LiteRT; ImageNet start."),
        ("25 Training", "Recipe in the project: training/shipped/recipe.toml."),
        (
            "26 Choice of the model",
            "None: a closed form; its settings were chosen on four of the five block folds.",
        ),
        ("27 Ensembling", "None."),
        ("28 Metrics", "See the figures; intervals are 95 %."),
        ("29 Statistics", "Wilson intervals for shares; fields are clustered in groups."),
        ("30 Robustness", "Result table: background, corner, colours, blur, compression, turns."),
        ("31 Explainability", "Evidence map; its sum is the logit; share inside cells in the table."),
        ("32 Validation on internal data", main),
        ("33 External validation", "Not done: no second hospital with these classes is open."),
        ("34-36 Results", "See the figures of the card and of the result table."),
        ("37 Failure analysis", "Confusion matrix in the result table."),
        ("38 Limits", " ".join(LIMITS)),
        ("39 Implications", "Research use only."),
        ("40-42 Registration, protocol, funding", "None registered; code and recipe are open; no funding."),
    )
    lines = [f"# CLAIM checklist: {info['name']} {info['version']}", RESEARCH_USE, ""]
    lines += ["| item | where or what |", "|---|---|", *(f"| {item} | {text} |" for item, text in rows)]
    return "\n".join(lines) + "\n"
