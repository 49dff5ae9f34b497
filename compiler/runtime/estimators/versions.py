"""The libraries of estimators, found without importing them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

_PACKAGES = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost", "xgboost-cpu"), "scikit-learn": ("scikit-learn",)}


def library_version(library: str) -> str | None:
    """The installed version."""
    for package in _PACKAGES[library]:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None
