"""Every fault of a table, by the whole text that a user sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.errors import ConfigError, Diagnostics, render
from compiler.runtime.data import read_data
from compiler.runtime.data.load import load
from compiler.runtime.data.settle import settled_section
from tests.runtime.data_files import section
from tests.runtime.tables import lines, wine, write

CSV = {"source": "csv", "path": "mine.csv", "target": "y", "split": "{val: 0.2, test: 0.2}"}
GOLDENS = Path(__file__).parents[1] / "golden" / "tables"
pytestmark = pytest.mark.usefixtures("own_folder")


def rows(row: Callable[[int], str], header: str = "age,town,y", count: int = 60) -> Callable[[], object]:
    return lambda: lines(header + "\n" + "".join(row(i) + "\n" for i in range(count)))


def good(i: int) -> str:
    return f"{20 + i % 9},{'abc'[i % 3]},{'ny'[i % 2]}"


def given(train: str, test: str) -> Callable[[], object]:
    def write() -> None:
        rows(good)()
        lines(f"age,town,y\n{train}" + "".join(good(i) + "\n" for i in range(40)), "train.csv")
        lines(f"age,town,y\n{test}" + "".join(good(i) + "\n" for i in range(10)), "test.csv")

    return write


GIVEN = {**CSV, "path": "", "train_path": "train.csv", "test_path": "test.csv", "split": "{val: 0.2}"}
VALUES = {**CSV, "target": "age", "task": "regression"}

CASES: dict[str, tuple[dict[str, str], Callable[[], object]]] = {
    # settings, without a look at the file
    "no_file": ({**CSV, "path": ""}, rows(good)),
    "two_ways": ({**CSV, "test_path": "test.csv", "separator": ";;", "scale": "log"}, rows(good)),
    "both_ways": ({**CSV, "test_path": "test.csv"}, rows(good)),
    "train_alone": ({**CSV, "path": "", "train_path": "mine.csv"}, rows(good)),
    "target_twice": ({**CSV, "target": "[y, y]", "id": "y", "size": "[4, 4]", "label_separator": ";"}, rows(good)),
    "columns_wrong": ({**CSV, "columns": "{age: number, town: {encode: onehot, mincount: 2}}"}, rows(good)),
    "inputs_wrong": ({**CSV, "inputs": "{a: [1], b: []}", "columns": "[age]"}, rows(good)),
    # E701, E702, E707: the file
    "absent": ({**CSV, "path": "mines.csv"}, rows(good)),
    "folder": (CSV, lambda: Path("mine.csv").mkdir()),
    "empty": (CSV, lambda: lines("")),
    "header_alone": (CSV, lambda: lines("age,town,y\n")),
    "names_twice": (CSV, rows(good, "age,age,y")),
    "name_missing": (CSV, rows(good, "age,,y")),
    "fields": (CSV, rows(lambda i: good(i) + (",1" if i % 20 == 7 else ""))),
    "fields_short": (CSV, rows(lambda i: "20,a" if i == 5 else good(i))),
    "not_utf8": (CSV, lambda: lines("age,town,y\n20,Ulm,n\n21,Zürich,y\n", encoding="latin-1")),
    "no_encoding": ({**CSV, "encoding": "utf-9"}, rows(good)),
    "not_parquet": ({**CSV, "source": "parquet"}, rows(good)),
    # E721: names
    "target_absent": ({**CSV, "target": "Y"}, rows(good)),
    "names_absent": (
        {**CSV, "id": "number", "columns": "{agee: numeric}", "inputs": "{a: [age], b: [twn]}"},
        rows(good),
    ),
    "other_separator": (CSV, rows(lambda i: good(i).replace(",", ";"), "age;town;y")),
    "nothing_left": ({**CSV, "columns": "{age: drop, town: drop}"}, rows(good)),
    "target_alone": (CSV, rows(lambda i: "ny"[i % 2], "y")),
    "given_without": (GIVEN, lambda: (given("", "")(), lines("age,y\n20,n\n", "test.csv"))),
    # E722: content
    "text_among_numbers": (CSV, rows(lambda i: good(i) if i not in (4, 33) else f"old,a,{'ny'[i % 2]}")),
    "text_in_numeric": ({**CSV, "columns": "{town: numeric}"}, rows(good)),
    "text_outside_train": (GIVEN, given("", "old,a,n\n")),
    "all_missing": ({**CSV, "columns": "{town: categorical}"}, rows(lambda i: f"{i % 7},NA,{'ny'[i % 2]}")),
    "ids_twice": ({**CSV, "id": "age"}, rows(good)),
    "beyond_float32": ({**CSV, "scale": "none"}, rows(lambda i: f"{i % 7}e38,{'abc'[i % 3]},{'ny'[i % 2]}")),
    # E705, E706: targets
    "target_missing": (CSV, rows(lambda i: good(i) if i % 9 else "20,a,")),
    "target_text": ({**VALUES, "target": "town"}, rows(good)),
    "target_fractions": ({**CSV, "target": "age", "task": "multiclass"}, rows(lambda i: f"{i}.5,a,n")),
    "one_class": (CSV, rows(lambda i: f"{i % 7},{'ab'[i % 2]},n")),
    "three_of_two": ({**CSV, "task": "binary", "target": "town"}, rows(good)),
    "several_targets": ({**CSV, "task": "multiclass", "target": "[town, y]"}, rows(good)),
    "labels_no_marks": ({**CSV, "task": "multilabel", "target": "[town, y]"}, rows(good)),
    "class_of_test_alone": (GIVEN, given("", "20,a,maybe\n")),
    "class_scarce": (CSV, rows(lambda i: good(i) if i else "20,a,maybe")),
    # E708: declared otherwise
    "declared": ({**CSV, "input_shape": "[5]", "classes": "3"}, rows(good)),
    "declared_inputs": (
        {**CSV, "inputs": "{a: [age], b: [town]}", "input_shape": "{a: [1], b: [2]}"},
        rows(good),
    ),
    # W723
    "constant": (CSV, rows(lambda i: f"20,{'abc'[i % 3]},{'ny'[i % 2]}")),
    "leak": (CSV, rows(lambda i: f"{i % 9},{'ab'[i % 2]},{'ny'[i % 2]}")),
    "leak_of_values": ({**VALUES, "target": "y"}, rows(lambda i: f"{i * i}.5,{'ab'[i % 2]},{i * i}.50")),
    "counts_rows": (CSV, rows(lambda i: f"{i},{'abc'[i % 3]},{'ny'[i % 2]}")),
    "names_rows": (CSV, rows(lambda i: f"{i % 7},town{i},{'ny'[i % 2]}")),
}


def text_of(keys: dict[str, str]) -> str:
    diagnostics = Diagnostics()
    tree = settled_section(section(keys), diagnostics)
    settings = None if tree is None else read_data(tree, diagnostics)
    if settings is None or tree is None:
        return render(diagnostics.faults)
    try:
        return render(load(settings, tree).warnings)
    except ConfigError as error:
        return render(error.faults)


@pytest.mark.parametrize("case", CASES)
def test_the_text_of_a_fault(case: str, golden: Callable[[str, str], None]) -> None:
    keys, make = CASES[case]
    make()
    golden(f"tables/{case}.txt", text_of(keys))


def test_a_good_table_is_not_suspected() -> None:
    write(wine())
    assert text_of(CSV) == "" and text_of({**CSV, "source": "csv", "input_shape": "[21]"}).count("E708") == 1


def test_every_code_of_tables_has_a_case() -> None:
    goldens = "".join(path.read_text("utf-8") for path in GOLDENS.glob("*.txt"))
    assert all(
        f"[{code}]" in goldens for code in ("E701", "E702", "E705", "E706", "E707", "E708", "E721", "E722", "W723")
    )
