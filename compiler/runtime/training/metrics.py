"""Metrics by short names; a metric's key is its column in the history and what a monitor says."""

from typing import Annotated, Any, ClassVar, Literal

from compiler.runtime.training.losses import Task
from compiler.runtime.training.named import Named, snake
from compiler.settings import PositiveInt, choice, is_int, non_defaults, rule


class Metric(Named, family="metric"):
    """Abstract: what is measured besides the loss.

    Class attributes:
        keras: the class of `keras.metrics` for each task that the metric suits. It is given probabilities: (N, C)
            and class numbers for `multiclass`, (N, 1) of class 1 for `binary`, (N, K) and 0 or 1 for `multilabel`;
            values (N, K) for `regression`.
        best: whether larger or smaller is better.
    """

    keras: ClassVar[dict[Task, str]]
    best: ClassVar[Literal["max", "min"]]

    @property
    def key(self) -> str:
        return snake(type(self).__name__)

    def arguments(self, task: Task, labels: int) -> dict[str, Any]:
        """What Keras's constructor takes, defaults left out, for so many labels or classes."""
        return non_defaults(self)


class _Error(Metric, abstract=True):
    """Abstract: a distance between values; its short alias is its key."""

    best: ClassVar[Literal["max", "min"]] = "min"
    short: ClassVar[str]

    @property
    def key(self) -> str:
        return self.short


class Accuracy(Metric, aliases=("acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")):
    """Share of rows whose likeliest class is the right one; of labels that are on the right side of 0.5."""

    keras: ClassVar[dict[Task, str]] = {
        "multiclass": "SparseCategoricalAccuracy",
        "binary": "BinaryAccuracy",
        "multilabel": "BinaryAccuracy",
    }
    best: ClassVar[Literal["max", "min"]] = "max"


class TopKAccuracy(
    Metric, aliases=("top_k_accuracy", "sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy")
):
    """Share of rows whose right class is among the `k` likeliest; its key is `top_5_accuracy` where `k` is 5."""

    keras: ClassVar[dict[Task, str]] = {"multiclass": "SparseTopKCategoricalAccuracy"}
    best: ClassVar[Literal["max", "min"]] = "max"

    k: PositiveInt = 5

    @property
    def key(self) -> str:
        return f"top_{self.k}_accuracy"


class AUC(Metric):
    """Area under the curve, ROC or precision-recall, by `num_thresholds` trapezoids; the mean of the labels' areas."""

    keras: ClassVar[dict[Task, str]] = {"binary": "AUC", "multilabel": "AUC"}
    best: ClassVar[Literal["max", "min"]] = "max"

    num_thresholds: Annotated[
        int, rule("an integer >= 2", is_int, lambda v: v >= 2, {"type": "integer", "minimum": 2})
    ] = 200
    curve: Annotated[str, choice("ROC", "PR")] = "ROC"

    def arguments(self, task: Task, labels: int) -> dict[str, Any]:
        several = {"multi_label": True, "num_labels": labels} if task == "multilabel" else {}
        return non_defaults(self) | several


class F1Score(Metric, aliases=("f1",)):
    """Harmonic mean of precision and recall: of class 1 for two classes, else averaged over classes or labels.

    Its key says how: `f1_macro`, `f1_micro` or `f1_weighted`.
    """

    keras: ClassVar[dict[Task, str]] = {"multiclass": "F1Score", "binary": "F1Score", "multilabel": "F1Score"}
    best: ClassVar[Literal["max", "min"]] = "max"

    average: Annotated[str, choice("macro", "micro", "weighted")] = "macro"

    @property
    def key(self) -> str:
        return f"f1_{self.average}"

    def arguments(self, task: Task, labels: int) -> dict[str, Any]:
        return {"average": self.average, "threshold": None if task == "multiclass" else 0.5}


class Precision(Metric):
    """Share of rows taken for class 1 that are; of labels given that are right."""

    keras: ClassVar[dict[Task, str]] = {"binary": "Precision", "multilabel": "Precision"}
    best: ClassVar[Literal["max", "min"]] = "max"


class Recall(Metric):
    """Share of rows of class 1 that are taken for it; of right labels that are given."""

    keras: ClassVar[dict[Task, str]] = {"binary": "Recall", "multilabel": "Recall"}
    best: ClassVar[Literal["max", "min"]] = "max"


class MeanAbsoluteError(_Error, aliases=("mae", "MAE")):
    """Mean of the absolute differences."""

    keras: ClassVar[dict[Task, str]] = {"regression": "MeanAbsoluteError"}
    short: ClassVar[str] = "mae"


class MeanSquaredError(_Error, aliases=("mse", "MSE")):
    """Mean of the squared differences."""

    keras: ClassVar[dict[Task, str]] = {"regression": "MeanSquaredError"}
    short: ClassVar[str] = "mse"


class RootMeanSquaredError(_Error, aliases=("rmse", "RMSE")):
    """Root of the mean of the squared differences."""

    keras: ClassVar[dict[Task, str]] = {"regression": "RootMeanSquaredError"}
    short: ClassVar[str] = "rmse"


class MeanAbsolutePercentageError(_Error, aliases=("mape", "MAPE")):
    """Mean of the absolute differences, in percent of the label."""

    keras: ClassVar[dict[Task, str]] = {"regression": "MeanAbsolutePercentageError"}
    short: ClassVar[str] = "mape"


class R2Score(Metric, aliases=("r2",)):
    """Share of the variance that is explained."""

    keras: ClassVar[dict[Task, str]] = {"regression": "R2Score"}
    best: ClassVar[Literal["max", "min"]] = "max"

    @property
    def key(self) -> str:
        return "r2"


USUAL: dict[Task, tuple[Metric, ...]] = {
    "multiclass": (Accuracy(),),
    "binary": (Accuracy(),),
    "multilabel": (Accuracy(), F1Score()),
    "regression": (MeanAbsoluteError(), RootMeanSquaredError()),
}
"""What `metrics: auto` measures."""
