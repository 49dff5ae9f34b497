"""The shipped networks that `keras.applications` has too: what is known of them, and their graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import Diagnostics
from compiler.ir import CheckedGraph
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from compiler.spec.source import model_tree

FOLDER = Path(__file__).parents[1] / "conf" / "model"

SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml") if "\nestimator:" not in path.read_text("utf-8"))
"""Every network that is shipped; the other models are estimators."""


@dataclass(frozen=True, slots=True)
class Network:
    """One of them.

    Attributes:
        constructor: its name in `keras.applications`.
        params: with the head for 1,000 classes, as Keras counts them at the default size.
        size: of the images in tests: small, and halved to even and to odd sizes on the way.
        pixels: the highest value of an input.
        lines: its file is shorter than this.
    """

    constructor: str
    params: int
    size: int
    pixels: int = 1
    lines: int = 100


NETWORKS: Mapping[str, Network] = {
    "convnext_tiny": Network("ConvNeXtTiny", 28_589_128, 32, pixels=255),
    "densenet121": Network("DenseNet121", 8_062_504, 45),
    "efficientnet_b0": Network("EfficientNetB0", 5_330_571, 52, pixels=255),
    "inception_v3": Network("InceptionV3", 23_851_784, 75),
    "mobilenet_v2": Network("MobileNetV2", 3_538_984, 52),
    "resnet50": Network("ResNet50", 25_636_712, 45, lines=45),
    "resnet50v2": Network("ResNet50V2", 25_613_800, 45),
    "vgg16": Network("VGG16", 138_357_544, 40),
    "xception": Network("Xception", 22_910_480, 75),
}


def network_graph(name: str, overrides: Iterable[str] = ()) -> CheckedGraph:
    """The graph of `conf/model/<name>.yaml`, which has no faults and no warnings."""
    composed = compose(for_hydra([f"model={name}", *overrides]))
    diagnostics = Diagnostics()
    tree = model_tree(composed, diagnostics)
    assert tree is not None
    graph = compile_model(ModelSource(tree), diagnostics)
    assert diagnostics.faults == []
    return graph
