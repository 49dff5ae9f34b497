"""What goes together before an estimator is fitted: parameters, library, data and settings. No library is imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compiler.errors import ConfigError, Diagnostics, Place
from compiler.estimators import KEY, EstimatorSpec
from compiler.runtime.checks import Data, SettingsCheck
from compiler.runtime.extras import require
from compiler.runtime.training import TrainSettings
from compiler.spec.compose import config_folder
from compiler.spec.located import Map, Seq, Tree, at

_USED = ("seed", "metrics", "class_weight", "early_stopping", "best", "loggers", "threads")
"""Keys of `train` that mean something for an estimator."""

_MONITOR = "val.loss"


def check_estimator(
    spec: EstimatorSpec, train: TrainSettings, data: Data, section: Map, diagnostics: Diagnostics
) -> None:
    """Report what in `train` or the parameters does not suit the estimator or the data.

    Args:
        section: the `train` section, for the places.
    """
    _library(spec, diagnostics)
    check = SettingsCheck(train, data, section, diagnostics)
    check.metrics()
    check.monitors(("best", "early_stopping"))
    check.class_weight()
    _stopping(spec, train, check)
    _parameters(spec, data, diagnostics)
    _idle(spec, section, check)


def _library(spec: EstimatorSpec, diagnostics: Diagnostics) -> None:
    """E808: it is not installed."""
    library = spec.kind.library
    if library == "scikit-learn":
        return
    try:
        require([library], library, f"{KEY}: {spec.name}", spec.place)
    except ConfigError as error:
        for fault in error.faults:
            diagnostics.add(fault)


def _stopping(spec: EstimatorSpec, train: TrainSettings, check: SettingsCheck) -> None:
    """E601, W607: the early stopping of a library watches the loss."""
    stopping = train.early_stopping
    if stopping is None:
        return
    if not spec.kind.iterates:
        check.report("W607", f"'early_stopping' has no effect: {spec.name!r} has no iterations", ("early_stopping",))
        return
    if stopping.monitor != _MONITOR:
        message = f"the early stopping of {spec.name!r} monitors {_MONITOR!r} alone (got {stopping.monitor!r})"
        check.report("E601", message, ("early_stopping", "monitor"))
    if stopping.patience == 0:
        check.report("E107", f"'patience' must be at least 1 for {spec.name!r} (got 0)", ("early_stopping", "patience"))
    if stopping.start_from_epoch:
        message = f"'start_from_epoch' has no effect: {spec.name!r} counts from its first iteration"
        check.report("W607", message, ("early_stopping", "start_from_epoch"))
    if spec.name == "lightgbm" and spec.params.arguments()["boosting_type"] == "dart":
        message = "'early_stopping' has no effect: LightGBM has none with 'boosting_type: dart'"
        check.report("W607", message, ("early_stopping",))


def _parameters(spec: EstimatorSpec, data: Data, diagnostics: Diagnostics) -> None:
    """E107: parameters that the task or others do not allow."""
    given = spec.params.arguments()

    def report(message: str, name: str, hint: str | None = None) -> None:
        place = at(spec.section, (name,))[0] if name in spec.section.entries else spec.place
        diagnostics.report("E107", message, place, hint=hint)

    if given.get("solver") == "liblinear" and data.task == "multiclass":
        report("'solver: liblinear' knows two classes alone, but the data have more", "solver", "solver: lbfgs or saga")
    if given.get("scale_pos_weight") is not None and data.task not in ("binary", "multilabel"):
        report(f"'scale_pos_weight' needs two classes, but the data are for {data.task}", "scale_pos_weight")
    if given.get("loss") == "quantile" and given.get("quantile") is None:
        report("'loss: quantile' needs 'quantile'", "loss", "quantile: 0.5 is the median")
    if given.get("boosting_type") == "rf" and not (given["subsample_freq"] > 0 and given["subsample"] < 1):
        report("'boosting_type: rf' needs 'subsample_freq' > 0 and 'subsample' < 1", "boosting_type")


def _idle(spec: EstimatorSpec, section: Map, check: SettingsCheck) -> None:
    """W607: what the user set in `train` and only networks heed. Shipped defaults are nobody's wish."""
    for key, tree in section.entries.items():
        if key in _USED:
            continue
        path = next((path for path, place in _leaves(tree, (key,)) if _users_own(place)), None)
        if path is not None:
            message = f"{'.'.join(path)!r} has no effect: {spec.name!r} is no network"
            check.report("W607", message, path)


def _leaves(tree: Tree, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Place]]:
    if isinstance(tree, Map) and tree.entries:
        for key, child in tree.entries.items():
            yield from _leaves(child, (*path, key))
    elif isinstance(tree, Seq) and tree.items:
        yield path, tree.items[0].place
    else:
        yield path, tree.place


def _users_own(place: Place) -> bool:
    """Whether a value stands on the command line or in a file that was not shipped."""
    return place.overridden or not Path(place.source.name).resolve().is_relative_to(config_folder().resolve())
