"""The page of a sweep, in a real browser: it draws what the trials say, asks nobody, and runs nothing of the users'."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compiler.runtime.sweep.report import write_report
from compiler.runtime.sweep.report.figures import CURVES, MARKS, SLICE_MARKS
from compiler.runtime.sweep.report.page import ROWS
from compiler.runtime.sweep.results import write_results
from compiler.runtime.sweep.standing import standing_of
from compiler.runtime.sweep.study import Study
from tests.sweep.browser import Browser
from tests.sweep.sweeps import ACCURACY, PARAMS, RATE, drawn, study, tell, trial

ATTACK = '<script>window.attacked=1</script><img src=x onerror="window.attacked=1"><b>bold</b>'


def swept(root: Path, count: int, *, two: bool = False) -> Study:
    arguments, trials = drawn(count, two=two)
    to = study(root, arguments, (ACCURACY, PARAMS) if two else (ACCURACY,), {"test": False})
    tell(to, *trials)
    return to


def shown(chromium: Browser, to: Study, scheme: str = "light") -> None:
    """Open the study's page, and wait until all of its figures are drawn."""
    write_results(to)
    chromium.open(write_report(to), scheme=scheme)
    chromium.wait("document.querySelectorAll('.plot').length === document.querySelectorAll('.plot.drawn').length")


def traces(chromium: Browser, figure: str) -> dict[str, int]:
    """How many marks and lines Plotly drew as SVG, by the trace's name."""
    return chromium.evaluate(
        "(() => { const plot = document.getElementById('plot-" + figure + "'); const found = {};"
        " plot.querySelectorAll('.trace.scatter').forEach((group, i) => { found[plot.data[i].name ?? i] ="
        " group.querySelectorAll('.point').length || group.querySelectorAll('.js-line').length; }); return found; })()"
    )


@pytest.fixture(scope="module")
def sixty(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A page that is opened once; the tests of it come before those that open others."""
    to = swept(tmp_path_factory.mktemp("sixty"), 60)
    shown(chromium, to)
    return to


def test_the_page_draws_every_trial_and_asks_nobody(chromium: Browser, sixty: Study) -> None:
    standing = standing_of(sixty)
    counts = standing.counts()
    reported = [each for each in standing.trials if each.steps]
    assert chromium.complaints == []
    assert chromium.requests == [sixty.folder.report.resolve().as_uri()]
    assert traces(chromium, "history-0") == {
        "complete": counts["complete"], "pruned, at its last epoch": counts["pruned"], "best so far": 1,
    }  # fmt: skip
    best = standing.best
    assert best is not None
    curves = traces(chromium, "curves")
    assert curves.pop(f"best, trial {best.number}") == len(best.steps)
    assert curves["complete"] == counts["complete"] - 1 and curves["pruned"] == counts["pruned"]
    assert sum(curves.values()) + 1 <= len(reported)
    for i, key in enumerate(["model", RATE, "model.vars.width"]):
        having = sum(key in each.params for each in standing.scored)
        assert sum(traces(chromium, f"slices-0-{i}").values()) == having
    assert chromium.evaluate("document.querySelectorAll('#plot-importances .bars .point').length") == 6
    dimensions = "document.querySelectorAll('#plot-parallel .y-axis').length"
    assert chromium.evaluate(dimensions) == 6 + 1
    assert chromium.evaluate("document.querySelectorAll('#trials tbody tr').length") == 60
    assert chromium.evaluate("document.querySelectorAll('#reasons tbody tr').length") == len(counts) - 1
    assert chromium.evaluate("document.querySelector('.command code').textContent").startswith("python train.py data=")


def test_the_table_is_sorted_and_filtered(chromium: Browser, sixty: Study) -> None:
    column = "[...document.querySelectorAll('#trials tbody tr')].map(row => row.cells[2].textContent)"
    press = "document.querySelectorAll('#trials thead button')[2].click()"
    chromium.evaluate(press)
    up = chromium.evaluate(column)
    chromium.evaluate(press)
    down = chromium.evaluate(column)
    values = sorted(f"{each.values[0]:.4f}" for each in standing_of(sixty).scored if each.values)
    empty = [""] * (60 - len(values))
    assert up == [*values, *empty] and down == [*reversed(values), *empty]
    chromium.evaluate("(() => { const box = document.getElementById('filter'); box.value = 'E802';"
                      " box.dispatchEvent(new Event('input')); })()")  # fmt: skip
    visible = chromium.evaluate("[...document.querySelectorAll('#trials tbody tr')].filter(row => !row.hidden).length")
    assert visible == sum(each.code == "E802" for each in standing_of(sixty).trials) > 0


def test_the_picture_is_not_blank_in_light_and_in_dark(chromium: Browser, sixty: Study) -> None:
    backs: list[float] = []
    for scheme in ("light", "dark"):
        chromium.scheme(scheme)
        chromium.wait(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        pixels = np.asarray(Image.open(io.BytesIO(chromium.screenshot())).convert("RGB")).astype(int)
        assert pixels.shape == (6000, 1300, 3)
        figures = chromium.evaluate(
            "[...document.querySelectorAll('.plot')].map(plot => { const box = plot.getBoundingClientRect();"
            " return [box.top, box.bottom, box.left, box.right].map(Math.round); })"
        )
        for top, bottom, left, right in figures:
            part = pixels[top:bottom, left:right].reshape(-1, 3)
            back = np.median(part, axis=0)
            assert (np.abs(part - back).max(axis=1) > 40).mean() > 0.005, "a figure has lines, marks and text"
        backs.append(float(np.median(pixels)))
    assert backs[0] > 200 and backs[1] < 60
    assert chromium.complaints == []


def test_several_objectives_have_a_front(chromium: Browser, tmp_path: Path) -> None:
    to = swept(tmp_path, 80, two=True)
    shown(chromium, to)
    standing = standing_of(to)
    assert chromium.complaints == []
    found = traces(chromium, "front-0-1")
    assert found["Pareto front"] == len(standing.front)
    assert found["beaten in every objective"] == len(standing.scored) - len(standing.front)
    assert chromium.evaluate("document.querySelectorAll('[id^=plot-slices-1-]').length") == 6
    assert chromium.evaluate("document.querySelectorAll('.value').length") == 2


def test_a_thousand_trials_and_more_are_thinned_out_with_a_note(chromium: Browser, tmp_path: Path) -> None:
    to = swept(tmp_path, 2800)
    shown(chromium, to)
    standing = standing_of(to)
    assert len(standing.scored) > MARKS and chromium.complaints == []
    assert traces(chromium, "history-0")["complete"] == MARKS
    assert sum(traces(chromium, "slices-0-0").values()) == SLICE_MARKS
    curves = traces(chromium, "curves")
    assert sum(curves.values()) - curves[f"best, trial {standing.best.number if standing.best else -1}"] == CURVES - 1
    assert chromium.evaluate("document.querySelectorAll('#trials tbody tr').length") == ROWS
    notes = chromium.evaluate("[...document.querySelectorAll('.note')].map(note => note.textContent).join(' ')")
    assert f"2,000 of {len(standing.scored):,} complete trials" in notes and "300 curves of" in notes
    assert "all are in trials.csv" in notes
    marked = chromium.evaluate("document.querySelector('tr.winner td').textContent")
    assert standing.best is not None and int(marked) == standing.best.number, "the best trial is among those shown"


def test_what_users_wrote_is_text(chromium: Browser, tmp_path: Path) -> None:
    """Markup and scripts in values, keys, reasons and names of folders."""
    root = tmp_path / "<img src=x onerror=alert(1)>"
    root.mkdir()
    arguments = ["model=mlp,convnet", "+model.vars.text=choice(a,b)", f"{RATE}=interval(0, 1)"]
    to = study(root, arguments, search={"test": False})
    attacks: list[Any] = [
        trial(number, "complete", 0.5 + number / 100, steps={1: 0.5, 2: 0.6},
              params={"model": "mlp", "model.vars.text": f"{ATTACK} & {number}", RATE: number / 20})
        for number in range(12)
    ]  # fmt: skip
    attacks.append(trial(12, "failed", reason=ATTACK, params={"model": "mlp"}))
    tell(to, *attacks)
    chromium.open(_report_of_strange_values(to))
    chromium.wait("document.querySelectorAll('.plot').length === document.querySelectorAll('.plot.drawn').length")
    assert chromium.evaluate("window.attacked ?? null") is None
    assert chromium.complaints == []
    assert chromium.evaluate("document.querySelectorAll('img, .scroll b, .params b').length") == 0
    cells = chromium.evaluate("[...document.querySelectorAll('#trials tbody td')].map(cell => cell.textContent)")
    assert f"{ATTACK} & 3" in cells and ATTACK in cells
    ticks = chromium.evaluate("[...document.querySelectorAll('#plot-slices-0-1 .xtick text')].map(t => t.textContent)")
    assert ticks and all(tick.startswith("<script>window.") for tick in ticks)
    assert chromium.evaluate("document.querySelector('h1').textContent") == root.name
    assert len(chromium.requests) == 1


def _report_of_strange_values(to: Study) -> Path:
    """The page of values that the space does not know: importances are of no interest here."""
    from compiler.runtime.sweep import report

    original = report.importances
    report.importances = lambda standing, distributions: original(type(standing)(standing.objectives, ()), {})
    try:
        return write_report(to)
    finally:
        report.importances = original


def test_links_lead_to_the_folders_of_trials(tmp_path: Path) -> None:
    to = swept(tmp_path, 10)
    text = re.sub("<script.*?</script>", "", write_report(to).read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r'href="(trials/[^"]*)"', text)
    assert set(links) == {f"trials/{number:05d}/" for number in range(10)}
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text), "nothing is fetched from elsewhere"


@pytest.mark.parametrize("scored", [False, True])
def test_a_sweep_that_has_just_begun_has_a_page(chromium: Browser, tmp_path: Path, scored: bool) -> None:
    to = study(tmp_path)
    first = [trial(0, "complete", 0.5, params={"model": "mlp", RATE: 0.01})] if scored else []
    tell(to, *first, trial(1, "running"), trial(2, "waiting"))
    shown(chromium, to)
    assert chromium.complaints == []
