"""Figures that the two source papers print, and the mistakes in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ZhangRow:
    """Row of Zhang's Table 1.

    Attributes:
        epochs: Epochs.
        batch: Batch size.
        loss: ``CCE`` or ``BCE``.
        validation: Validation accuracy.
        test: Test accuracy.
        validation_seconds: Prediction time on the validation set.
        test_seconds: Prediction time on the test set.
    """

    epochs: int
    batch: int
    loss: str
    validation: float
    test: float
    validation_seconds: float
    test_seconds: float


ZHANG_TABLE1: Final = (
    ZhangRow(15, 64, "CCE", 0.80, 0.82, 2.13, 1.98),
    ZhangRow(15, 64, "BCE", 0.76, 0.78, 2.09, 2.62),
    ZhangRow(15, 32, "CCE", 0.74, 0.75, 2.09, 2.62),
    ZhangRow(10, 32, "CCE", 0.78, 0.81, 2.09, 2.62),
)

NADIM_TABLE1: Final = {"resnet50": 0.5980, "knn-pixels": 0.6542, "densenet121": 0.7958, "nadim": 0.9216}
"""The paper's accuracies (it prints "Nesnet50", "KNN", "Densenet", "Proposed")."""

NADIM_TEST: Final = (455, 493)
"""Right and all test fields: the only pair that gives the printed 0.9229208827."""

NADIM_CONFUSION: Final = ((47, 25, 0, 5), (6, 143, 0, 0), (0, 1, 143, 1), (0, 0, 0, 122))
"""Rows true, Benign, Early, Pre, Pro; reconstructed: satisfies every figure that the paper prints."""

ZHANG_MISTAKES: Final = (
    "The data set is called grayscale; it is RGB. Grey is a conversion made here too.",
    "HOG with PCA to 100 numbers and a two-dimensional CNN on 100x100 pixels cannot both be the input. "
    "Both are built: the CNN on pixels here, HOG + PCA(100) with SVM and MLP in table2.",
    "The four rows change epochs, batch and loss at once. The full factorial is run here.",
    "Ten epochs are said to lower the test accuracy to 0.81; against the row with the same batch (0.75) "
    "that is a rise.",
    "Rows two to four print the same times (2.09 and 2.62 s). Every run is timed here, after a warm-up.",
    "0.82, 0.81 and 0.78 come from single seeds on about 489 fields; their 95 % intervals overlap "
    "(0.784-0.852, 0.773-0.842, 0.740-0.814). No row can be called optimal from them.",
    "Binary cross-entropy on softmax outputs is another objective, not a remedy for class imbalance.",
    "The number of convolution layers is called adjustable and never tabulated. It is here.",
    "No per-class figures, no areas under the curve, no interval, no split by patient or field.",
)

NADIM_MISTAKES: Final = (
    "The test set is printed as 3256 fields (Table 2). The printed accuracies are 449/486 and 455/493: "
    "the test set has 493 fields.",
    "The per-class table (47/53, 143/168, 143/143, 122/128) divides by predicted totals: these are "
    "precisions, not accuracies, and Pre and Early are exchanged.",
    "Precision 0.851, recall 0.960 and F1 0.902 are those of the top left two-by-two corner of the matrix, "
    "not of four classes.",
    "Reconstructed, Benign recall is 47/77 = 0.610: two of five benign fields are called leukemia.",
    "The headline of 92.28 % is the mean of four precisions; 92.16 % is no count over 486 or 493 either.",
    "AUC is printed for 'class 1' and 'class 2' only: Early and Pre. All four are given here.",
    "None of 59.80, 65.42 and 79.58 % is a count over 493: the comparators were scored on another split. "
    "Here all methods share one split.",
    "ResNet50 and DenseNet need their own scaling. How much of the low results 1/255 explains was not run.",
    "An improvement of '0.6 %' is claimed; its own Table 1 shows 12.6 points, its Table 2 two better rivals.",
    "Augmentation is listed as normalisation; 'transfer learning' is claimed for a network from scratch.",
    "Highest sensitivity and specificity are claimed and never printed. Both stand in the tables here.",
)

TABLE2_MISTAKES: Final = (
    "Table 2 sets four-class fields beside binary single cells of ALL-IDB (108 to 368 images): another "
    "task, another data set. Here the feature families are measured on the same four-class split.",
    "The 'test set' of the proposed model is printed as 3256; it has 493 fields.",
    "The rows do not say how features were computed; families, not code, are compared. Texture is GLCM "
    "(Haralick's thirteen) or LBP or both, as each row's column says.",
)
