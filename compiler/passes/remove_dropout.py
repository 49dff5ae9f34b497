"""The pass `remove_dropout`: takes out what acts in training only, dropout, noise, penalties and augmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.ir import CheckedGraph, CheckedNode
from compiler.passes.removal import without

if TYPE_CHECKING:
    from compiler.passes.rewriting import Rewritten, Weights

TRAINING_ONLY = (
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D",
    "SpatialDropout2D", "SpatialDropout3D", "StochasticDepth",
)  # fmt: skip
"""Layers that pass on tensor and mask when they are not trained."""

AUGMENTATION = (
    "AugMix", "CutMix", "Equalization", "MaxNumBoundingBoxes", "MixUp", "RandAugment", "Solarization",
    "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomElasticTransform",
    "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert",
    "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear",
    "RandomTranslation", "RandomZoom",
)  # fmt: skip
"""Layers that pass on images but no mask. RandomCrop is none of them: it resizes where it does not crop."""


def remove_dropout(graph: CheckedGraph, weights: Weights | None) -> Rewritten:
    """Take out the layers that do nothing at inference."""
    masked = any(checked.node.op == "Masking" or checked.node.args.get("mask_zero") for checked in graph)
    names = TRAINING_ONLY if masked else TRAINING_ONLY + AUGMENTATION

    def passes_on(checked: CheckedNode) -> bool:
        return checked.node.op in names

    return without(graph, weights, passes_on)
