"""Every form that `export` writes, read by its own runtime: one network with all that is hard to carry over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from compiler.commands import main
from compiler.runtime.plan import plan
from compiler.runtime.run import RunWriter
from compiler.runtime.serving import tflite
from compiler.runtime.serving.export import MODULES
from compiler.runtime.serving.forms import FORMS
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from compiler.targets.keras import build

EVERYTHING = """
inputs: {image: {shape: [8, 8, 3]}, words: {shape: [6], dtype: int32}}
layers:
  - {op: RandomFlip, from: image}
  - {op: Normalization, mean: [1, 2, 3], variance: [1, 4, 9]}
  - {op: Conv2D, filters: 4, kernel_size: 3, padding: same}
  - BatchRenormalization
  - {op: residual, layers: [{op: SeparableConv2D, filters: 4, kernel_size: 3, padding: same}, LayerScale, {op: StochasticDepth, rate: 0.5}]}
  - {op: ops.sigmoid}
  - {op: GlobalAveragePooling2D, name: seen}
  - {op: Embedding, input_dim: 9, output_dim: 4, from: words}
  - {op: MultiHeadAttention, num_heads: 2, key_dim: 3, from: {query: prev, value: prev}}
  - {op: LSTM, units: 4, name: read}
  - {op: Concatenate, from: [seen, read], name: both}
  - {op: Dense, units: 3, activation: softmax, name: head}
  - {op: Dense, units: 2, from: both, name: values}
outputs: {label: head, v-alue: values}
"""  # noqa: E501  # a layer a line


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    """A run of it with random weights; inputs of eight rows; what Keras makes of them."""
    return made(tmp_path_factory.mktemp("everything"), EVERYTHING)


def made(folder: Path, text: str, *words: str) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    (folder / "m.yaml").write_text(text)
    job = plan(compose(for_hydra([f"model_file={folder / 'm.yaml'}", "data=none", *words])), together=False)
    keras.utils.set_random_seed(0)
    model = build(job.graph)
    random = np.random.default_rng(0)
    for variable in model.weights:  # statistics too, and LayerScale's 1e-6
        if variable.dtype == "float32":
            variable.assign(random.uniform(0.1, 0.5, variable.shape))
    with RunWriter(folder / "run", {"kind": "keras", "name": "m"}) as writer:
        writer.save_text("model.yaml", job.model_yaml)
        writer.save("model.keras", model.save)
        writer.complete({"spec_hash": job.graph.hash, "config": {"train": {"precision": job.graph.precision}}})
    shapes = [(8, *tensor.shape[1:]) for tensor in model.inputs]
    xs = [
        random.integers(0, 9, shape).astype(tensor.dtype) if "int" in tensor.dtype else random.normal(size=shape)
        for tensor, shape in zip(model.inputs, shapes, strict=True)
    ]
    xs = [x if x.dtype.kind == "i" else x.astype("float32") for x in xs]
    wanted = keras.tree.flatten(model(xs if len(xs) > 1 else xs[0], training=False))
    return folder / "run", xs, [np.asarray(output, "float32") for output in wanted]


def by_keras(path: Path) -> Callable[[list[np.ndarray]], list[Any]]:
    model: Any = keras.saving.load_model(path)
    return lambda xs: [model(xs, training=False)[name] for name in ("label", "v-alue")]


def by_tensorflow(path: Path) -> Callable[[list[np.ndarray]], list[Any]]:
    serve: Any = tf.saved_model.load(str(path))
    return lambda xs: [serve.serve([tf.constant(x) for x in xs])[name] for name in ("label", "v-alue")]


def by_onnxruntime(path: Path) -> Callable[[list[np.ndarray]], list[Any]]:
    import onnxruntime

    session: Any = onnxruntime.InferenceSession(path)
    shapes = {entering.name: entering.shape for entering in session.get_inputs()}
    assert shapes == {"image": ["batch", 8, 8, 3], "words": ["batch", 6]}
    return lambda xs: session.run(["label", "v-alue"], dict(zip(("image", "words"), xs, strict=True)))


def by_litert(path: Path) -> Callable[[list[np.ndarray]], list[Any]]:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()
    return lambda xs: [run(image=xs[0], words=xs[1])[name] for name in ("label", "v-alue")]


READERS = {"keras": by_keras, "saved_model": by_tensorflow, "onnx": by_onnxruntime, "tflite": by_litert}


@pytest.mark.parametrize("form", FORMS)
def test_a_runtime_says_what_keras_says(
    form: str, everything: tuple[Path, list[np.ndarray], list[np.ndarray]], tmp_path: Path
) -> None:
    run, xs, wanted = everything
    path = tmp_path / f"out{FORMS[form].ending}"
    main(["export", f"run={run}", f"to={form}", "-o", str(path)])
    ask = READERS[form](path)
    for rows in (slice(0, 1), slice(1, 8)):  # any batch will do
        said = ask([x[rows] for x in xs])
        for output, expected in zip(said, wanted, strict=True):
            np.testing.assert_allclose(np.asarray(output), expected[rows], atol=1e-5, rtol=1e-5)
    assert [made.name for made in tmp_path.iterdir()] == [path.name]


def test_every_form_has_its_module() -> None:
    assert list(MODULES) == list(FORMS) == list(READERS)


@pytest.mark.parametrize("form", ["onnx", "tflite"])
def test_half_precision_is_exported_in_float32(form: str, own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = "[{op: Conv2D, filters: 4, kernel_size: 3}, BatchNormalization, Flatten, {op: Dense, units: 3}]"
    made(own_folder, f"input: [6, 6, 2]\nlayers: {layers}\n", "train.precision=mixed_bfloat16")
    main(["export", "run=run", f"to={form}"])
    assert capsys.readouterr().out.startswith("4 layers became 3; ")


def test_what_was_written_is_what_is_compared(
    everything: tuple[Path, list[np.ndarray], list[np.ndarray]],
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def damaging(model: Any, signature: Any, path: Path) -> None:
        model.get_layer("head").bias.assign_add([0.1, 0.0, 0.0])
        write(model, signature, path)

    write = tflite.write
    monkeypatch.setattr(tflite, "write", damaging)
    with pytest.raises(SystemExit):
        main(["export", f"run={everything[0]}", "to=tflite"])
    text = capsys.readouterr().err
    assert "error[E803]: to=tflite changes what the model of " in text and "by up to 0.0" in text
    assert not list(own_folder.iterdir())
