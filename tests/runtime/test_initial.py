"""Weights to begin with, without Keras: which layers a file has, how they are paired, and what does not fit."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
import pytest

from compiler.errors import ConfigError, Fault, Place, render
from compiler.importer import archive, saved_weights
from compiler.runtime.initial import InitialWeights
from compiler.runtime.plan import Plan, plan
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.runtime.weights_files import MODEL, NET, Layer, keras_zip, older_h5, renamed, weights_h5

Golden = Callable[[str, str], None]
OTHER = {"stem": "conv1", "norm": "bn1", "hidden": "fc", "head": "predictions"}
HEADLESS = NET[:-1]
WIDE = (*NET[:-1], ("Dense", "head", [(5, 1000), (1000,)]))

pytestmark = pytest.mark.usefixtures("own_folder")


def planned(*overrides: str) -> Plan:
    Path("model.yaml").write_text(MODEL, "utf-8")
    return plan(compose(for_hydra(["model_file=model.yaml", "data=none", *overrides])))


def in_process(task: str, path: Path, request: dict[str, object], limits: object, place: Place) -> object:
    """`sandbox.run` without its process, which is slow to start: sound files need none."""
    module, _, function = task.partition(":")
    return getattr(importlib.import_module(module), function)({**request, "path": str(path)})


def initial(*overrides: str) -> tuple[InitialWeights, list[Fault]]:
    """What is found for the model, and the warnings."""
    with mock.patch.object(archive, "run", in_process), mock.patch.object(saved_weights, "run", in_process):
        job = planned(*overrides)
    assert job.initial is not None
    return job.initial, list(job.warnings)


def faults(*overrides: str) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        planned(*overrides)
    return list(caught.value.faults)


def groups(found: InitialWeights) -> dict[str, str]:
    return {name: saved.group.rpartition("/")[2] for name, saved in found.pairs.items()}


ALL = {"stem": "conv2d", "norm": "batch_normalization", "hidden": "dense", "head": "dense_1"}
FORMS: dict[str, Callable[[Path, Iterable[Layer]], Path]] = {
    "m.keras": lambda path, net: keras_zip(path, tuple(net)),
    "m.weights.h5": lambda path, net: weights_h5(path, tuple(net)),
    "m.h5": lambda path, net: older_h5(path, tuple(net)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("net", "by"), [(NET, "names"), (renamed(NET, OTHER), "order")])
def test_layers_are_paired_by_names_or_else_by_order(form: str, net: tuple[Layer, ...], by: str) -> None:
    FORMS[form](Path(form), net)
    found, warnings = initial(f"train.initial.weights={form}")
    assert (found.by, warnings, found.random) == (by, [], ())
    if form == "m.h5":
        assert list(groups(found).values()) == [name for _, name, shapes in net if shapes]
    else:
        assert groups(found) == ALL
    assert str(found) == f"weights: 4 layers from '{form}', by {by}"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("net", [WIDE, HEADLESS, renamed(WIDE, OTHER), renamed(HEADLESS, OTHER)])
def test_a_skipped_head_may_have_other_shapes_there_or_be_cut_off(form: str, net: tuple[Layer, ...]) -> None:
    FORMS[form](Path(form), net)
    found, warnings = initial(f"train.initial.weights={form}", "train.initial.skip=[head]")
    assert list(found.pairs) == ["stem", "norm", "hidden"] and found.random == ("head",)
    assert warnings == []
    assert str(found).endswith("; random: 'head'")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", [{}, OTHER])
def test_a_patched_model_has_the_order_of_the_model_before(form: str, names: dict[str, str]) -> None:
    """Two dense layers in the place of the head, one more before it: names hold, and so does the order."""
    FORMS[form](Path(form), renamed(WIDE, names))
    head = "{replace: [{op: Dense, units: 7, name: wide}, {op: Dense, units: 3}]}"
    patch = f"{{head: {head}, stem: {{insert_after: [LayerNormalization]}}}}"
    found, warnings = initial(
        f"train.initial.weights={form}", f"+model.patch={patch}", "train.initial.skip=[head, wide, LayerNormalization]"
    )
    assert list(found.pairs) == ["stem", "norm", "hidden"]
    assert found.random == ("LayerNormalization", "wide", "head")
    assert warnings == []


def test_a_head_that_is_taken_away_needs_no_skip() -> None:
    weights_h5(Path("m.weights.h5"), renamed(WIDE, OTHER))
    found, warnings = initial("train.initial.weights=m.weights.h5", "+model.patch={head: remove}")
    assert list(found.pairs) == ["stem", "norm", "hidden"] and not found.random and not warnings


def test_files_without_names_go_by_type_and_number() -> None:
    weights_h5(Path("m.weights.h5"), NET, named=False)
    found, _ = initial("train.initial.weights=m.weights.h5")
    assert (found.by, groups(found)) == ("order", ALL)


def test_a_whole_model_in_the_older_form() -> None:
    older_h5(Path("m.h5"), NET, below="model_weights")
    found, _ = initial("train.initial.weights=m.h5")
    assert [saved.group for saved in found.pairs.values()] == [
        f"model_weights/{name}" for name in ("stem", "norm", "hidden", "head")
    ]


def test_a_long_list_of_layers_in_numbered_pieces() -> None:
    older_h5(Path("m.h5"))
    with h5py.File("m.h5", "r+") as file:
        names = list(np.asarray(file.attrs["layer_names"]))
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:2], names[2:]
    found, _ = initial("train.initial.weights=m.h5")
    assert (found.by, len(found.pairs)) == ("names", 4)


def test_order_never_contradicts_names() -> None:
    """Two layers of one shape that changed places: going by order would give each the other's weights."""
    swapped = tuple((kind, {"stem": "norm", "norm": "stem"}.get(name, name), shapes) for kind, name, shapes in NET)
    weights_h5(Path("m.weights.h5"), swapped)
    assert {fault.code for fault in faults("train.initial.weights=m.weights.h5")} == {"E904"}
    found, _ = initial("train.initial.weights=m.weights.h5", "train.initial.pair=order")
    assert groups(found) == ALL
    assert faults("train.initial.weights=m.weights.h5", "train.initial.pair=names")


def test_layers_that_nothing_takes_are_a_warning() -> None:
    more = (*NET, ("Dense", "extra", [(3, 3), (3,)]))
    for form, make in FORMS.items():
        make(Path(form), more)
        (warning,) = initial(f"train.initial.weights={form}")[1]
        assert (warning.code, "'extra'" in warning.message) == ("W608", True)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("head", ["train.initial.weights=wide.keras"]),
        ("head_by_order", ["train.initial.weights=other.h5"]),
        ("another_model", ["train.initial.weights=deep.weights.h5"]),
        ("missing", ["train.initial.weights=headless.h5"]),
        ("no_weights", ["train.initial.weights=data.h5"]),
        ("no_hdf5", ["train.initial.weights=model.yaml"]),
        ("no_run", ["train.initial.weights=folder"]),
        ("glob", ["train.initial.weights=wide.keras", "train.initial.skip=[heed]"]),
        ("kernel", ["train.initial.weights=wide.keras", "+model.patch={head: remove, stem: {kernel_size: 5}}"]),
        ("frozen_head", ["train.initial.weights=net.keras", "model.freeze=['*', '!hidden']"]),
        ("frozen_at_random",
         ["train.initial.weights=wide.keras", "train.initial.skip=[head]", "model.freeze=['*', '!norm']"]),
    ],
)  # fmt: skip
def test_what_the_user_is_told(name: str, overrides: list[str], golden: Golden) -> None:
    keras_zip(Path("net.keras"))
    keras_zip(Path("wide.keras"), WIDE)
    older_h5(Path("other.h5"), renamed(WIDE, OTHER))
    older_h5(Path("headless.h5"), HEADLESS)
    weights_h5(Path("deep.weights.h5"), [("Dense", f"d{i}", [(8, 8), (8,)]) for i in range(6)])
    Path("folder").mkdir()
    with h5py.File("data.h5", "w") as file:
        file["x"] = np.zeros((3, 4), "float32")
    try:
        told = list(planned(*overrides).warnings)
    except ConfigError as error:
        told = list(error.faults)
    golden(f"initial/{name}.txt", render(told))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.__setitem__("layers/dense/vars/0", h5py.ExternalLink("other.h5", "/x")),
        lambda file: file.__setitem__("layers/dense/vars/0", h5py.SoftLink("/layers/dense_1/vars/0")),
        lambda file: file.create_dataset("layers/dense/vars/0", data=np.array([b"text"])),
        lambda file: file.create_dataset("layers/dense/vars/0", (144, 5), "f4", external=[("raw", 0, 2880)]),
        lambda file: file.create_dataset("layers/dense/vars/0", (10**9, 10**6), "f4", chunks=(1, 1)),
    ],
    ids=["external link", "soft link", "text", "external data", "shape bomb"],
)
def test_content_that_does_harm_is_refused(spoil: Callable[[h5py.File], object]) -> None:
    weights_h5(Path("m.weights.h5"))
    with h5py.File("m.weights.h5", "r+") as file:
        del file["layers/dense/vars/0"]
        spoil(file)
    (fault,) = faults("train.initial.weights=m.weights.h5")
    assert fault.code == "E902" and fault.place is not None and fault.place.overridden


def test_a_file_that_is_cut_short_is_damaged() -> None:
    Path("m.weights.h5").write_bytes(weights_h5(Path("whole.weights.h5")).read_bytes()[:3000])
    (fault,) = faults("train.initial.weights=m.weights.h5")
    assert fault.code == "E901"


@pytest.mark.parametrize("names", [[b"stem", b"nothing"], [b"stem", b"\xff"], [3, 4]])
def test_older_files_with_other_names_than_content(names: list[object]) -> None:
    older_h5(Path("m.h5"))
    with h5py.File("m.h5", "r+") as file:
        file.attrs["layer_names"] = names
    (fault,) = faults("train.initial.weights=m.h5")
    assert fault.code == "E901"


def test_a_config_that_no_keras_wrote_only_loses_the_order() -> None:
    weights_h5(Path("w.h5"))
    with zipfile.ZipFile("m.keras", "w") as archive:
        archive.writestr("config.json", '{"class_name": "Functional", "config": {"layers": [{"class_name": 3}, 4]}}')
        archive.write("w.h5", "model.weights.h5")
    found, _ = initial("train.initial.weights=m.keras", "train.initial.pair=order")
    assert groups(found) == ALL
