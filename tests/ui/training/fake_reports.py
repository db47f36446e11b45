"""What the stand-in worker reports: paired tests of models, and a map of a labelled folder."""

from __future__ import annotations

PAIRS = {
    "unclear": {"only_first_right": 3, "only_second_right": 1, "accuracy_difference": 0.05,
                "interval": [-0.02, 0.12], "p_mcnemar": 0.625, "p_holm": 0.625},
    "better": {"only_first_right": 12, "only_second_right": 1, "accuracy_difference": 0.275,
               "interval": [0.12, 0.41], "p_mcnemar": 0.0034, "p_holm": 0.0034},
    "worse": {"only_first_right": 2, "only_second_right": 28, "accuracy_difference": -0.65,
              "interval": [-0.81, -0.48], "p_mcnemar": 1.2e-6, "p_holm": 1.2e-6},
}  # fmt: skip
"""What the paired test finds of a run, first, against a model, second."""

SHARES = {"unclear": (0.9, 0.85), "better": (0.9, 0.625), "worse": (0.25, 0.9)}
"""Accuracy of the run and of the model."""


def map_report(folder: str, classes: list[str], *, with_parts: bool) -> dict[str, object]:
    """Return a map on which each class is a line of five fields, one of them taken for the first class."""
    parts = ["train", "train", "train", "validation", "test"] if with_parts else [""] * 5
    fields = [
        {
            "file": f"{name}/field {number}.png",
            "class_name": name,
            "part": parts[number - 1],
            "predicted": classes[0] if number == 2 else name,
            "x": float(10 * place),
            "y": float(number),
        }
        for place, name in enumerate(classes)
        for number in range(1, 6)
    ]
    return {
        "folder": folder,
        "model": {"name": "Shipped", "version": "1.0", "sha256": "abc"},
        "classes": classes,
        "output": "appearance",
        "explained": [0.61, 0.22],
        "left_out": 1,
        "problem": "Pre/broken.png is cut off.",
        "fields": fields,
    }
