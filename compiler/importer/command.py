"""The command `import`: a Keras model, by file or by its name in `keras.applications`, as a model file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from compiler.errors import Place, Source
from compiler.importer.archive import read_config
from compiler.importer.model_file import ModelFile, model_file

APPLICATIONS = "keras.applications:"


def import_model(source: str, weights: Path | None = None) -> ModelFile:
    """The model file for a `.keras` archive, a Keras JSON config, or `keras.applications:NAME`.

    Args:
        source: the file, or the name.
        weights: a file for the weights too, as the model that is built from the model file loads them.

    Raises:
        ConfigError: the source cannot be read (E006, E901 to E904), or has what no model file can say (E102 to E117,
            E905).
    """
    if source.startswith(APPLICATIONS):
        return _application(source, weights)
    place = Place(Source(source, ""), 1, 1)
    config = read_config(Path(source))
    made = model_file(config, place, f"Imported from {Path(source).name}.")
    if weights:
        _transfer(Path(source), config, made, weights, place)
    return made


def _application(source: str, weights: Path | None) -> ModelFile:
    from compiler.targets.keras_applications import application

    name = source.removeprefix(APPLICATIONS)
    place = Place(Source(source, "", "override"), 1, 1)
    with TemporaryDirectory() as folder:
        saved = Path(folder) / "keras.weights.h5"
        config = application(name, place, saved if weights else None)
        made = model_file(config, place, f"Imported from keras.applications.{name}.")
        if weights:
            _transfer(saved, config, made, weights, place)
    return made


def _transfer(source: Path, config: dict[str, object], made: ModelFile, weights: Path, place: Place) -> None:
    from compiler.importer.transfer import transfer

    transfer(source, config, made.pairs, made.graph, weights, place)
