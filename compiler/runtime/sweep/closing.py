"""The end of a sweep: its results are written, the winner's test split is scored, and a summary is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from compiler.runtime.job import as_typed
from compiler.runtime.sweep.final import score_winner
from compiler.runtime.sweep.report import write_report
from compiler.runtime.sweep.results import recorded, write_results
from compiler.runtime.sweep.wording import counted, duration, number

if TYPE_CHECKING:
    from compiler.runtime.sweep.study import Study

_SHOWN = 8
"""Numbers of trials that are listed for a reason; points of a front; parameters."""


def conclude(study: Study) -> str:
    """Write all results of a sweep that has ended, finished or not; gives the summary.

    The winner's test split is scored where all trials are finished and `search.test` is true, unless it was before.

    Raises:
        ConfigError: E803 or E805, files cannot be written, or are not what they were.
    """
    write_results(study)
    if study.definition.search.test:
        score_winner(study)
    write_report(study)
    folder = study.folder.root
    return summary(recorded(folder), str(as_typed(folder)))


def summary(record: Mapping[str, Any], folder: str) -> str:
    """The end of a sweep in words: how many trials, what was best and how to train it again, what mattered, what
    failed and why, and where the files are.

    Args:
        record: the content of `sweep.json`.
        folder: the sweep's, as the user would type it.
    """
    lines = [_counts(record)]
    lines += [_reason(each) for each in record["reasons"]]
    best = record["best"]
    if best is None:
        lines.append("no trial is complete")
    else:
        lines += ["", *_best(record, best), f"  {best['command']}", ""]
        lines += _importances(record["importances"])
    if record["status"] == "unfinished":
        lines.append(f"to go on: python train.py -m search.resume={folder}")
    lines.append(f"{folder}: sweep.json, trials.csv, report.html")
    return "\n".join(lines)


def _counts(record: Mapping[str, Any]) -> str:
    total = sum(record["counts"].values())
    text = f"{total:,} trial{'s' if total != 1 else ''}: {counted(record['counts'])}"
    seconds = record["timings"]["seconds"]
    return f"{text}, in {duration(seconds)}" if seconds else text


def _reason(each: Mapping[str, Any]) -> str:
    return f"  {each['state']}: {each['reason'] or 'no reason was told'} ({_trials(each['trials'])})"


def _trials(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"trial{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:_SHOWN]))}{more}"


def _best(record: Mapping[str, Any], best: Mapping[str, Any]) -> list[str]:
    lines = []
    front = record.get("front")
    if front is not None:
        lines.append(f"Pareto front: {len(front)} trial{'s' if len(front) != 1 else ''}")
        lines += [f"  trial {each['trial']:>3}  {_values(each)}" for each in front[:_SHOWN]]
        lines += [f"  and {len(front) - _SHOWN} more: sweep.json has them all"] if len(front) > _SHOWN else []
    by = f" by {record['objectives'][0]['metric']}" if front is not None else ""
    lines.append(f"best{by}: trial {best['trial']}  {_values(best)}")
    final = record["final"]
    if final is not None:
        lines.append(f"  {final_text(final, best['trial'])}")
    return lines


def final_text(final: Mapping[str, Any], best: int) -> str:
    """What the test split of the winner gave, in a line.

    Args:
        final: as `sweep.json` has it.
        best: the number of the trial that is the best one now.
    """
    if not final["metrics"]:
        return f"the test split was not scored: {final['reason']}"
    deviation: Mapping[str, float] = final.get("deviation") or {}
    scores = "  ".join(
        f"test.{name} {number(value)}" + (f" ± {number(deviation[name])}" if name in deviation else "")
        for name, value in final["metrics"].items()
    )
    over = f" (mean of {len(final['runs'])} folds)" if deviation else ""
    if final["trial"] == best:
        return f"{scores}{over}, scored once"
    return (
        f"{scores}{over}: of trial {final['trial']}, which was the best when the test split was scored; "
        "it is not scored again"
    )


def _values(told: Mapping[str, Any]) -> str:
    return "  ".join(f"{metric} {number(value)}" for metric, value in told["values"].items())


def _importances(record: Mapping[str, Any]) -> list[str]:
    if record["reason"]:
        return [f"importances: {record['reason']}"]
    several = len(record["by_objective"]) > 1
    return [
        f"importances{f' for {metric}' if several else ''}: {_shares(shares)}"
        for metric, shares in record["by_objective"].items()
    ]


def _shares(shares: Mapping[str, float]) -> str:
    text = ", ".join(f"{key} {share:.2f}" for key, share in list(shares.items())[:_SHOWN])
    return f"{text} and {len(shares) - _SHOWN} more" if len(shares) > _SHOWN else text
