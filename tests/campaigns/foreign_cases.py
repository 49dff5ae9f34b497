"""What can be done to a `.keras` file that Keras saved: attacks on its archive, its config and its weights; damage."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py

from compiler.importer.members import CONFIG, METADATA, WEIGHTS
from tests.campaigns.mutations import mutate_tree
from tests.importer.foreign_files import HOSTILE, Member, link, write

Change = Callable[[dict[str, bytes], Path], object]
"""Writes an archive with these members, changed, to the path."""


@dataclass(frozen=True, slots=True)
class Case:
    """One file from elsewhere.

    Attributes:
        title: what was done to it.
        make: writes it to the path.
        may: besides being refused: nothing (`refused`), be read as what it was before (`same`), or as any model, since
            what it says is large or odd and no more (`read`).
        weights: whether the command is to bring the weights along.
    """

    title: str
    make: Callable[[Path], object]
    may: Literal["refused", "same", "read"] = "refused"
    weights: bool = True


def attacks(original: Path, folder: Path) -> Iterator[Case]:
    """Every attack on the file `original`, whose names begin with what is attacked."""
    members = content(original)
    for title, change in {**ARCHIVE, **_layers(folder)}.items():
        may = "read" if title.removeprefix("config: ") in ODD else "refused"
        yield Case(title, lambda path, change=change: change(members, path), may)
    for name, change in HOSTILE.items():
        weights = {**members, WEIGHTS: _changed(members[WEIGHTS], change)}
        yield Case(f"weights: {name}", lambda path, weights=weights: write(path, list(weights.items())))
    yield Case("config: compiled with code", lambda path: _compiled(members, path, folder), "same")


def mutants(original: Path, number: int, seed: int) -> Iterator[Case]:
    """The file with a config in which one to three things are changed at random, and without weights."""
    members = content(original)
    for i in range(number):
        rng = random.Random(f"{seed}/{original.name}/{i}")
        config = json.loads(members[CONFIG])
        for _ in range(rng.randint(1, 3)):
            config["config"] = mutate_tree(config["config"], rng)
        text = json.dumps(config).encode()
        yield Case(f"mutant {i}", lambda path, text=text: write(path, [(CONFIG, text)]), "read", weights=False)


def truncations(original: Path, number: int) -> Iterator[Case]:
    """The file cut off at `number` places from its first byte to its last but one."""
    data = original.read_bytes()
    for i in range(number):
        at = (len(data) - 1) * i // max(1, number - 1)
        yield Case(f"cut at {at}", lambda path, at=at: path.write_bytes(data[:at]))


def flips(original: Path, number: int, seed: int) -> Iterator[Case]:
    """The file with one bit flipped, at `number` random places; of an archive at a third as many in its headers too."""
    data = original.read_bytes()
    rng = random.Random(f"{seed}/{original.name}")
    places: dict[str, Sequence[int]] = {"bit": range(len(data))}
    if zipfile.is_zipfile(original):
        places["header"] = _headers(original)
    for kind, some in places.items():
        for _ in range(number if kind == "bit" else number // 3):
            at, bit = rng.choice(some), rng.randrange(8)
            changed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            yield Case(f"{kind} {bit} of byte {at}", lambda path, changed=changed: path.write_bytes(changed), "same")


def _headers(original: Path) -> list[int]:
    """The places of an archive that are headers: in the members' content every flip spoils a checksum."""
    with zipfile.ZipFile(original) as archive:
        infos = archive.infolist()
    data = original.read_bytes()
    inside: set[int] = set()
    for info in infos:  # a local header is 30 bytes, a name, and extra fields, of the lengths that it says
        lengths = [int.from_bytes(data[info.header_offset + i :][:2], "little") for i in (26, 28)]
        start = info.header_offset + 30 + sum(lengths)
        inside |= set(range(start, start + info.compress_size))
    return [at for at in range(len(data)) if at not in inside]


def content(original: Path) -> dict[str, bytes]:
    """The members of an archive."""
    with zipfile.ZipFile(original) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _changed(weights: bytes, change: Callable[[h5py.File], object]) -> bytes:
    file = io.BytesIO(weights)
    with h5py.File(file, "r+") as h5:
        change(h5)
    return file.getvalue()


# --- the archive ---


def _with(*more: Member) -> Change:
    return lambda members, path: write(path, [*members.items(), *more])


def _without(name: str) -> Change:
    return lambda members, path: write(path, [item for item in members.items() if item[0] != name])


def _replaced(name: str, data: bytes, compression: int = zipfile.ZIP_STORED) -> Change:
    return lambda members, path: write(path, list({**members, name: data}.items()), compression)


ARCHIVE: dict[str, Change] = {
    "archive: ../": _with(("../../../evil", b"x")),
    "archive: assets/../": _with(("assets/../../evil", b"x")),
    "archive: absolute": _with(("/etc/evil", b"x")),
    "archive: backslash": _with(("..\\evil", b"x")),
    "archive: link": _with((link("assets/x"), b"/etc/passwd")),
    "archive: link for the config": lambda members, path: write(
        path, [(link(CONFIG), b"/etc/passwd"), *((n, d) for n, d in members.items() if n != CONFIG)]
    ),
    "archive: config twice": _with((CONFIG, b"{}")),
    "archive: weights twice": _with((WEIGHTS, b"x")),
    "archive: pickle": _with(("model.pkl", b"\x80\x04cos\nsystem\n.")),
    "archive: no config": _without(CONFIG),
    "archive: no weights": _without(WEIGHTS),
    "archive: no HDF5": _replaced(WEIGHTS, b"\x80\x04cos\nsystem\n."),
    "archive: bomb in the config": lambda members, path: _bomb(members, path, CONFIG, b"{"),
    "archive: bomb in the metadata": lambda members, path: _bomb(members, path, METADATA, b"{"),
    "archive: bomb in the weights": lambda members, path: _bomb(members, path, WEIGHTS, b"\x89HDF\r\n\x1a\n"),
    "archive: 100,000 members": lambda members, path: _many(members, path),
    "json: deep": _replaced(CONFIG, b'{"class_name":' * 500_000),
    "json: deep lists": _replaced(CONFIG, b'{"class_name": "Sequential", "config": {"layers": ' + b"[" * 1_000_000),
    "json: many": _replaced(CONFIG, b'{"class_name": "Sequential", "config": {"layers": [' + b"[]," * 5_000_000),
    "json: long number": _replaced(CONFIG, b'{"class_name": ' + b"9" * 15_000_000 + b"}"),
    "json: NaN": _replaced(CONFIG, b'{"class_name": "Sequential", "config": {"layers": [NaN]}}'),
    "json: key twice": _replaced(CONFIG, b'{"class_name": "Sequential", "config": {}, "config": {"layers": []}}'),
    "json: half a character": _replaced(CONFIG, rb'{"class_name": "\ud800", "config": {}}'),
    "json: a list": _replaced(CONFIG, b"[]"),
    "json: empty": _replaced(CONFIG, b""),
}  # fmt: skip


def _bomb(members: dict[str, bytes], path: Path, name: str, start: bytes) -> None:
    """Put a gigabyte in the place of a member, which a megabyte unpacks to."""
    write(path, [item for item in members.items() if item[0] != name])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as stream:
        stream.write(start)
        for _ in range(1024):
            stream.write(bytes(1 << 20))


def _many(members: dict[str, bytes], path: Path) -> None:
    write(path, [*members.items(), *((f"assets/{i}", b"") for i in range(100_000))])


ODD = (
    "3,000 layers in reverse",
    "repeated", "padding", "upsampling", "target", "dimensions", "a name that leads out", "a name with escapes",
    "a name that does not end", "input",
)  # fmt: skip
"""Configs that say what a model may say: nothing of it is allocated."""

# --- the config: of layers that run something, or want the whole memory ---


def _layers(folder: Path) -> dict[str, Change]:
    canary = folder / "canary"
    code = json.loads(content(folder / "lambda.keras")[CONFIG])["config"]["layers"][1]
    marshalled = code["config"]["function"]
    call = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
    run = f"__import__('os').system('touch {canary}')"
    unsafe = {
        "module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization",
        "registered_name": "enable_unsafe_deserialization",
    }  # fmt: skip
    replaced: dict[str, dict[str, Any]] = {
        "Lambda": code,
        "Lambda by its own module": {**code, "module": "keras.src.layers.core.lambda_layer"},
        "Lambda as a Dense": {**code, "class_name": "Dense", "registered_name": "Lambda"},
        "Lambda as a Custom>Dense": {**code, "class_name": "Dense", "registered_name": "Custom>Dense", "module": None},
        "Lambda of a system call": _layer("Lambda", function=call),
        "TFSMLayer": _layer("TFSMLayer", filepath="/etc/evil", call_endpoint="serve"),
        "TorchModuleWrapper": _layer("TorchModuleWrapper", module={"class_name": "__bytes__", "config": "gASVCg=="}),
        "exec": {"module": "builtins", "class_name": "exec", "config": run, "registered_name": "exec"},
        "os.system": {"module": "os", "class_name": "system", "config": {"command": f"touch {canary}"}},
        "Dense of os": _layer("Dense", module="os", units=3),
        "subprocess.Popen": {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", str(canary)]}},
        "unsafe deserialisation": unsafe,
        "get_file": {**unsafe, "module": "keras.utils", "config": "get_file", "registered_name": "get_file"},
        "another class registered": _layer("Dense", units=3, registered_name="evil>Dense", module="evil"),
        "initializer": _layer("Dense", units=3, kernel_initializer=call),
        "initializer of a module": _layer(
            "Dense", units=3, kernel_initializer={"module": "os", "class_name": "system", "config": {"command": run}}
        ),
        "activation": _layer("Dense", units=3, activation=call),
        "activation of code": _layer("Dense", units=3, activation=marshalled),
        "regularizer of code": _layer("Dense", units=3, kernel_regularizer=marshalled),
        "dtype of code": _layer("Dense", units=3, dtype=marshalled),
        "inner Lambda": _layer("TimeDistributed", layer=code),
        "vocabulary of a file": _layer("StringLookup", vocabulary="/etc/passwd"),
        "means of a file": _layer("IntegerLookup", vocabulary="/etc/passwd"),
        "an expression": _layer("Dense", units="$9**9**9"),
        "an interpolation": _layer("Dense", units="${oc.env:PATH}"),
        "units": _layer("Dense", units=10**9),
        "more units": _layer("Dense", units=10**18),
        "kernel": _layer("Conv2D", filters=4, kernel_size=[10**5, 10**5]),
        "filters": _layer("Conv2D", filters=10**12, kernel_size=3, padding="same"),
        "filters of a layer that only Keras knows": _layer("ConvLSTM2D", filters=10**6, kernel_size=3),
        "vocabulary": _layer("Embedding", input_dim=10**12, output_dim=10**3),
        "repeated": _layer("RepeatVector", n=10**12),
        "padding": _layer("ZeroPadding2D", padding=10**9),
        "upsampling": _layer("UpSampling2D", size=10**9),
        "target": _layer("Reshape", target_shape=[10**6] * 3),
        "dimensions": _layer("Reshape", target_shape=[1] * 100_000),
        "negative units": _layer("Dense", units=-1),
        "a mapping for units": _layer("Dense", units={"a": {"b": []}}),
        "a name that leads out": _layer("Dense", units=3, name="../../evil"),
        "a name that is no text": _layer("Dense", units=3, name=["a"]),
        "a name that does not end": _layer("Dense", units=3, name="x" * 1_000_000),
        "a name with escapes": _layer("Dense", units=3, name="\x1b[2Jevil\n"),
    }
    cases: dict[str, Change] = {
        f"config: {title}": lambda members, path, entry=entry: _put_in(members, path, entry)
        for title, entry in replaced.items()
    }
    cases["config: input"] = lambda members, path: _edit(members, path, _vast_input)
    cases["config: 50,000 layers"] = lambda members, path: _edit(members, path, _many_layers)
    cases["config: 3,000 layers in reverse"] = lambda members, path: _edit(members, path, _reversed_layers)
    cases["config: nested twice, 25 times"] = lambda members, path: _edit(members, path, _doubled)
    cases["config: a circle"] = lambda members, path: _edit(members, path, _circle)
    cases["config: of another class"] = lambda members, path: _edit(members, path, _another_class)
    cases["config: nested in itself"] = lambda members, path: _edit(members, path, _nested)
    return cases


def _layer(
    name: str, /, *, module: Any = "keras.layers", registered_name: str | None = None, **config: Any
) -> dict[str, Any]:
    if name == "TorchModuleWrapper":
        module, config = "keras.layers", {"module": module}
    return {"module": module, "class_name": name, "config": config, "registered_name": registered_name}


def _edit(members: dict[str, bytes], path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    config = json.loads(members[CONFIG])
    change(config)
    write(path, list({**members, CONFIG: json.dumps(config).encode()}.items()))


def _put_in(members: dict[str, bytes], path: Path, entry: dict[str, Any]) -> None:
    """Put `entry` in the place of the layer `relu`, between the same tensors."""

    def change(config: dict[str, Any]) -> None:
        layers = config["config"]["layers"]
        at = next(i for i, layer in enumerate(layers) if layer["config"]["name"] == "relu")
        old, new = layers[at], deepcopy(entry)
        if isinstance(new["config"], dict):
            new["config"].setdefault("name", "relu")
        layers[at] = {"name": "relu", "inbound_nodes": old["inbound_nodes"], **new}

    _edit(members, path, change)


def _vast_input(config: dict[str, Any]) -> None:
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**9, 10**9, 3]


def _many_layers(config: dict[str, Any], number: int = 50_000) -> None:
    """A chain of layers between the input and the first one."""
    layers = config["config"]["layers"]
    call = json.dumps(layers[1]["inbound_nodes"])
    for i in range(number):
        entering = call if i == 0 else call.replace('"image"', f'"r{i - 1}"')
        layers.append({**_layer("ReLU", name=f"r{i}"), "inbound_nodes": json.loads(entering)})
    layers[1]["inbound_nodes"] = json.loads(call.replace('"image"', f'"r{number - 1}"'))


def _reversed_layers(config: dict[str, Any]) -> None:
    """Such a chain, listed from its end: who waits for a layer must not look through all."""
    _many_layers(config, 3_000)
    config["config"]["layers"][1:] = config["config"]["layers"][:0:-1]


def _doubled(config: dict[str, Any]) -> None:
    """Models in models, each calling the one inside it twice: 2**25 calls."""
    layers = config["config"]["layers"]
    call = json.dumps(layers[1]["inbound_nodes"][0])
    first, model = layers[0], None
    for i in range(25):
        inner = [first]
        if model is not None:
            again = call.replace('"image", 0', f'"m{i - 1}", 0')
            inner.append({**model, "inbound_nodes": [json.loads(call), json.loads(again)]})
        last = ["image", 0, 0] if model is None else [f"m{i - 1}", 1, 0]
        ends = {"input_layers": ["image", 0, 0], "output_layers": last}
        body = {"name": f"m{i}", "layers": inner, **ends}
        model = {"module": "keras.src.models.functional", "class_name": "Functional", "config": body, "name": f"m{i}"}
    layers.append({**(model or {}), "inbound_nodes": [json.loads(call)]})
    layers[1]["inbound_nodes"] = [json.loads(call.replace('"image"', '"m24"'))]


def _circle(config: dict[str, Any]) -> None:
    first, second = config["config"]["layers"][1:3]
    first["inbound_nodes"] = json.loads(json.dumps(second["inbound_nodes"]).replace('"conv"', '"norm"'))


def _another_class(config: dict[str, Any]) -> None:
    config["class_name"], config["module"], config["registered_name"] = "Popen", "subprocess", "Popen"


def _nested(config: dict[str, Any]) -> None:
    for _ in range(20):
        inner = deepcopy(config)
        config["config"]["layers"][2] = {
            **inner,
            "name": "norm",
            "inbound_nodes": config["config"]["layers"][2]["inbound_nodes"],
        }


def _compiled(members: dict[str, bytes], path: Path, folder: Path) -> None:
    """Code where no model is: what an optimizer is, and how a layer is built, is not looked at."""
    call = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}

    def change(config: dict[str, Any]) -> None:
        config["compile_config"] = {
            "optimizer": call,
            "loss": {"module": "builtins", "class_name": "exec", "config": str(folder)},
        }
        for layer in config["config"]["layers"]:
            layer["build_config"] = {"input_shape": [None, 10**9, 10**9, 3]}

    _edit(members, path, change)
