"""Plan of the runs that reproduce the tables of the two source papers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.fit.recipe import Recipe, recipe_from
from training.models.registry import preset

TABLES: Final = ("zhang", "nadim", "table2")
BOTH_EPOCHS: Final = (10, 15)
LOSSES: Final = {"CCE": "categorical_crossentropy", "BCE": "binary_crossentropy"}


@dataclass(frozen=True)
class Arm:
    """Row of a table, run with several seeds.

    Attributes:
        key: Names the run folders.
        title: As the table prints it.
        data: Recipe entries over the method's preset.
        weight: Rough cost of a run against the others, for the estimate of the time left.
        seeded: Whether another seed gives another outcome.
    """

    key: str
    title: str
    data: Mapping[str, Mapping[str, Any]]
    weight: float = 1.0
    seeded: bool = True


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the runs; reports print them.

    Attributes:
        quick: Two epochs and small inputs: checks the machinery, not the figures.
        backbone_size: Side of the input of ResNet50 and DenseNet121, pixels.
        backbone_epochs: Epochs of ResNet50 and DenseNet121.
    """

    quick: bool = False
    backbone_size: int = 224
    backbone_epochs: int = 15


def zhang_arms(sizes: Sizes) -> list[Arm]:
    """The factorial epochs x batch x loss, the number of blocks, and the same network fitted with care.

    The first 10 epochs of a 15-epoch run are a 10-epoch run of the same seed (constant step size, the
    order depends on seed and epoch), so one run with a snapshot gives both rows.
    """
    long, short = (2, 1) if sizes.quick else (max(BOTH_EPOCHS), min(BOTH_EPOCHS))

    def arm(key: str, title: str, *, batch: int, loss: str, blocks: int = 3) -> Arm:
        fit = {"epochs": long, "batch": batch, "loss": LOSSES[loss], "keep": "last", "snapshots": [short]}
        method = {"kind": "zhang", "options": {"blocks": blocks}}
        return Arm(key, title, {"fit": fit, "method": method}, weight=long * (0.4 if blocks == 1 else 1.0))

    arms = [
        arm(f"zhang-b{batch}-{loss.lower()}", f"batch {batch}, {loss}", batch=batch, loss=loss)
        for loss, batch in (("CCE", 64), ("BCE", 64), ("CCE", 32), ("BCE", 32))
    ]
    arms += [
        arm(f"zhang-blocks{blocks}", f"{blocks} convolution blocks", batch=64, loss="CCE", blocks=blocks)
        for blocks in (1, 2, 4)
    ]
    careful: dict[str, Mapping[str, Any]] = {
        "input": {"scaling": "signed"},
        "fit": {"epochs": 2 if sizes.quick else 20, "batch": 32, "schedule": "cosine", "keep": "best"},
    }
    title = "same network with care: input centred, batch 32, 20 epochs, cosine, best validation"
    arms.insert(1, Arm("zhang-careful", title, {**careful, "method": {"kind": "zhang"}}, weight=long * 1.4))
    return arms


def nadim_arms(sizes: Sizes) -> list[Arm]:
    """The four classifiers of Table 1, on one split; backbones from scratch unless weights are found."""
    side = 32 if sizes.quick else sizes.backbone_size
    epochs = 1 if sizes.quick else sizes.backbone_epochs
    own = {"fit": {"epochs": 1}, "input": {"height": 64, "width": 64}} if sizes.quick else {}
    backbone = {"input": {"height": side, "width": side}, "fit": {"epochs": epochs}}
    heavy = epochs * (side / 64) ** 2 * 2
    return [
        Arm("knn-pixels", "k-NN on 32x32 pixels", {}, weight=0.1, seeded=False),
        Arm("knn-hog", "k-NN on HOG + PCA(100)", {}, weight=0.3, seeded=False),
        Arm("nadim", "Proposed colour CNN", own, weight=6.0),
        Arm("resnet50", "ResNet50", backbone, weight=heavy),
        Arm("densenet121", "DenseNet121", backbone, weight=heavy),
    ]


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """Row of Nadim's Table 2.

    Attributes:
        reference: As printed.
        families: Feature families as we compute them.
        classifier: ``svm`` or ``ann``.
        test_set: Images the reference tested on.
        accuracy: Percent, as printed.
    """

    reference: str
    families: str
    classifier: str
    test_set: int
    accuracy: float


TABLE2: Final = (
    FamilyRow("Singhal and Singh (2016)", "glcm+lbp", "svm", 260, 93.8),
    FamilyRow("Bhattacharjee and Saini (2015)", "shape", "ann", 120, 95.2),
    FamilyRow("Singhal and Singh (2015)", "shape+lbp", "svm", 260, 92.3),
    FamilyRow("Rawat et al. (2017)", "shape+glcm", "svm", 196, 89.8),
    FamilyRow("Putzu, Caocci, and Di Ruberto (2014)", "shape+colour+glcm+lbp", "svm", 267, 92.0),
    FamilyRow("Putzu and Di Ruberto (2013)", "shape+glcm+lbp", "svm", 245, 92.0),
)


def table2_arms(sizes: Sizes) -> list[Arm]:
    """The six feature families, and Zhang's HOG + PCA(100) with three classifiers."""
    del sizes
    arms = []
    for row in TABLE2:
        kind = f"{row.classifier}-cells"
        key = f"{kind}-{row.families}"
        method = {"kind": kind, "options": {"families": row.families}}
        arms.append(Arm(key, row.reference, {"method": method}, weight=0.3, seeded=row.classifier == "ann"))
    arms.append(Arm("svm-hog", "SVM on HOG + PCA(100)", {}, weight=0.3, seeded=False))
    arms.append(Arm("mlp-hog", "MLP on HOG + PCA(100)", {}, weight=0.3))
    return arms


def arms_of(table: str, sizes: Sizes) -> list[Arm]:
    """Return the arms of a table."""
    return {"zhang": zhang_arms, "nadim": nadim_arms, "table2": table2_arms}[table](sizes)


@dataclass(frozen=True)
class Planned:
    """Planned run.

    Attributes:
        arm: Row of the table.
        seed: Seed of weights, order and augmentation.
        recipe: Complete recipe.
    """

    arm: Arm
    seed: int
    recipe: Recipe

    @property
    def key(self) -> str:
        """Name of the run folder."""
        return f"{self.arm.key}-seed{self.seed}"


@dataclass(frozen=True)
class Reproduction:
    """Reproduction of one table in one folder.

    Attributes:
        table: One of :data:`TABLES`.
        data: Labelled folder.
        out: Holds ``runs/`` with one folder a run; the reports are written here.
        seeds: Seeds of every row that depends on one.
        sizes: How large.
        groups: Same-field groups; None for ``field_groups.csv`` in or beside the folder, if there is one.
    """

    table: str
    data: Path
    out: Path
    seeds: int
    sizes: Sizes
    groups: Path | None = None

    def plan(self, only: Collection[str] = ()) -> list[Planned]:
        """List the runs, all rows of seed 1 first, so that an early end leaves whole tables.

        Every run has the same image-random split (seed 1), so that rows can be compared field by field.

        Args:
            only: Keys of the rows to plan; empty for all.
        """
        data, groups = self.data.resolve(), self.groups or find_groups_table(self.data)
        return [
            Planned(arm, seed, _recipe(arm, data=data, groups=groups, seed=seed))
            for seed in range(1, self.seeds + 1)
            for arm in arms_of(self.table, self.sizes)
            if (seed == 1 or arm.seeded) and (not only or arm.key in only)
        ]

    def folder(self, planned: Planned) -> Path:
        """Return where a run lies, or will."""
        return self.out / "runs" / planned.key


def find_groups_table(data: Path) -> Path | None:
    """Return ``field_groups.csv`` in or beside the labelled folder, if there is one."""
    for candidate in (data / "field_groups.csv", data.parent / "field_groups.csv"):
        if candidate.is_file():
            return candidate.resolve()
    return None


def _recipe(arm: Arm, *, data: Path, groups: Path | None, seed: int) -> Recipe:
    kind = str(arm.data.get("method", {}).get("kind", arm.key))
    merged: dict[str, Any] = preset(kind)
    for table, entries in arm.data.items():
        merged[table] = {**merged.get(table, {}), **entries}
    # The papers resize a decoded field; the station's own scaled decoding serves the panel's presets.
    merged["input"] = {"interpolation": "area", **merged["input"]}
    merged["name"], merged["data"] = f"{arm.key}-seed{seed}", str(data)
    merged["fit"] = {**merged.get("fit", {}), "seed": seed}
    merged["split"] = {"kind": "image-random", "seed": 1, "groups": str(groups or "")}
    return recipe_from(merged)
