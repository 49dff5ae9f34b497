"""The page of an ensemble, in a real browser: it draws what the numbers say, asks nobody, and runs no text of users."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler.runtime.ensemble.anatomy import SHOWN, Anatomy, anatomy
from compiler.runtime.ensemble.comparison import Comparison, compare_test, compare_val
from compiler.runtime.ensemble.methods import Greedy, Uniform, Weighting
from compiler.runtime.ensemble.methods.optimal import Optimal
from compiler.runtime.ensemble.report import facts_of
from compiler.runtime.ensemble.report.figures import alike
from compiler.runtime.ensemble.report.page import ROWS, page
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.weighting import cross_validated, weigh
from compiler.runtime.training.losses import Task
from tests.ensemble.pools import drawn_pool
from tests.sweep.browser import Browser

ATTACK = '<script>window.attacked=1</script><img src=x onerror="window.attacked=1"><b>bold</b>'


def _made(
    path: Path, task: Task, members: int, rows: int = 120, method: Weighting | None = None, name: str = "m{}"
) -> tuple[Anatomy, dict[str, Comparison]]:
    """Write the page of an ensemble; gives what it shows."""
    whole = drawn_pool(task, members, 2 * rows)
    whole = replace(whole, names=tuple(name.format(i) for i in range(members)))
    pool, tested = whole.take(np.arange(rows)), whole.take(np.arange(rows, 2 * rows))
    settings = EnsembleSettings(method=method or Optimal(), draws=100, folds=3)
    weighed, crossed = weigh(pool, settings), cross_validated(pool, settings)
    made = anatomy(pool, settings, weighed, crossed)
    compared = {
        "val": compare_val(pool, settings, crossed),
        "test": compare_test(pool, tested, settings, weighed),
    }
    metrics = {
        "val": {made.objective.key: crossed.value},
        "test": {made.objective.key: compared["test"].value.estimate},
    }
    title = name.format("title")
    path.write_text(page(title, facts_of(pool, settings, weighed), metrics, compared, made), "utf-8")
    return made, compared


def _shown(chromium: Browser, path: Path) -> None:
    chromium.open(path)
    chromium.wait("document.querySelectorAll('.plot').length === document.querySelectorAll('.plot.drawn').length")


def _count(chromium: Browser, selector: str) -> int:
    return chromium.evaluate(f"document.querySelectorAll({selector!r}).length")


def _asked(chromium: Browser) -> list[str]:
    """Addresses; pictures that stand in the page itself are none."""
    return [address for address in chromium.requests if not address.startswith("data:")]


def test_the_page_says_and_draws_what_was_found_and_asks_nobody(chromium: Browser, tmp_path: Path) -> None:
    made, compared = _made(tmp_path / "report.html", "multiclass", 7)
    _shown(chromium, tmp_path / "report.html")
    assert chromium.complaints == [] and _asked(chromium) == [(tmp_path / "report.html").resolve().as_uri()]
    assert made.weights is not None and made.split is not None
    used = int((made.weights > 0).sum())
    assert 1 < used < 7
    assert _count(chromium, "#plot-weights .bars .point") == used
    assert _count(chromium, "#plot-weights .scatter .point") == 3 * used
    assert _count(chromium, "#plot-worths .bars .point") == sum(bool(worth) for worth in made.worths.values())
    assert _count(chromium, "#plot-sizes .scatter .js-line") == 3
    assert _count(chromium, "#plot-sizes .scatter .point") == 3 * len(made.sizes.sizes)
    assert _count(chromium, "#plot-errors .scatter .point") == 7 * 6 // 2
    assert _count(chromium, "[id^=plot-pairs-] .heatmaplayer image") == 5
    assert _count(chromium, "#plot-gains .errorbar") == sum(len(each.rivals) for each in compared.values()) == 6
    order = [made.names[made.pairs.members[i]] for i in alike(made.pairs)]
    ticks = "[...document.querySelectorAll('#plot-pairs-error_correlation .ytick text')].map(t => t.textContent)"
    assert chromium.evaluate(ticks) == order
    drawn = chromium.evaluate("document.getElementById('plot-pairs-kappa').data[0].z")
    places = alike(made.pairs)
    assert made.pairs.kappa is not None
    np.testing.assert_allclose(np.array(drawn, float), made.pairs.kappa[np.ix_(places, places)])
    cells = chromium.evaluate("[...document.querySelectorAll('#split td')].map(cell => Number(cell.textContent))")
    members, ambiguity, confidence, whole = cells
    assert members - ambiguity - confidence == pytest.approx(whole, abs=2e-6) and ambiguity > 0
    text = chromium.evaluate("document.querySelector('#compared table').textContent")
    assert f"{compared['test'].rivals['greedy'].gain.estimate:+.5f}" in text
    assert "certified" in chromium.evaluate("document.querySelector('.facts').textContent")


def test_tables_are_sorted_and_filtered_each_by_itself(chromium: Browser, tmp_path: Path) -> None:
    made, _ = _made(tmp_path / "report.html", "binary", 5, method=Greedy())
    _shown(chromium, tmp_path / "report.html")
    column = "[...document.querySelectorAll('#members tbody tr')].map(row => row.cells[4].textContent)"
    chromium.evaluate("document.querySelectorAll('#members thead button')[4].click()")
    assert chromium.evaluate(column) == [f"{value:.5f}" for value in sorted(made.singles)]
    chromium.evaluate("(() => { const box = document.querySelector('#table .filter'); box.value = 'm3';"
                      " box.dispatchEvent(new Event('input')); })()")  # fmt: skip
    rows = "[...document.querySelectorAll('{} tbody tr')].filter(row => !row.hidden).length"
    assert chromium.evaluate(rows.replace("{}", "#table")) == 4
    assert chromium.evaluate(rows.replace("{}", "#members")) == 5
    assert chromium.complaints == []


def test_many_members_are_cut_to_what_can_be_seen(chromium: Browser, tmp_path: Path) -> None:
    made, _ = _made(tmp_path / "report.html", "multiclass", 70, rows=60, method=Uniform())
    _shown(chromium, tmp_path / "report.html")
    assert chromium.complaints == []
    assert len(made.pairs.members) == SHOWN
    assert _count(chromium, "#members tbody tr") == 70
    assert _count(chromium, "#table tbody tr") == min(ROWS, SHOWN * (SHOWN - 1) // 2)
    assert _count(chromium, "#plot-weights .bars .point") == 40
    notes = chromium.evaluate("[...document.querySelectorAll('.note')].map(note => note.textContent).join(' ')")
    assert "40 of 70 members with a weight" in notes and f"The {SHOWN} of 70 members" in notes


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_other_tasks(chromium: Browser, tmp_path: Path, task: Task) -> None:
    _made(tmp_path / "report.html", task, 4, method=Uniform())
    _shown(chromium, tmp_path / "report.html")
    assert chromium.complaints == []
    assert _count(chromium, "[id^=plot-pairs-] .heatmaplayer image") == (2 if task == "regression" else 5)
    assert _count(chromium, "#plot-errors .scatter .point") == 6


def test_names_of_members_are_text(chromium: Browser, tmp_path: Path) -> None:
    _made(tmp_path / "report.html", "multiclass", 4, method=Uniform(), name=ATTACK + " {}")
    _shown(chromium, tmp_path / "report.html")
    assert chromium.evaluate("window.attacked ?? null") is None and chromium.complaints == []
    assert _count(chromium, "img, h1 b, td b") == 0
    cells = chromium.evaluate("[...document.querySelectorAll('#members tbody td')].map(cell => cell.textContent)")
    assert f"{ATTACK} 2" in cells
    ticks = chromium.evaluate("[...document.querySelectorAll('#plot-weights .ytick text')].map(t => t.textContent)")
    assert len(ticks) == 4 and all(tick.startswith("<script>window.") for tick in ticks)


def test_one_member_has_a_page(tmp_path: Path) -> None:
    made, _ = _made(tmp_path / "report.html", "multiclass", 1)
    assert made.worths == {} and made.as_json()["pairs"] == {}
    text = re.sub("<script.*?</script>", "", (tmp_path / "report.html").read_text("utf-8"), flags=re.DOTALL)
    assert 'id="plot-weights"' in text and 'id="plot-pairs' not in text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text), "nothing is fetched from elsewhere"
