"""Configs from elsewhere: what is sound is read as it stands, and all else is a located fault."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from compiler.errors import ConfigError, Fault
from compiler.importer.archive import MOST_BYTES, MOST_DEPTH, MOST_NODES, read_config
from tests.importer.foreign_files import CONFIG, Member, link, members, write


def refusal(path: Path) -> Fault:
    with pytest.raises(ConfigError) as refused:
        read_config(path)
    (fault,) = refused.value.faults
    assert fault.place is not None and fault.place.source.name == str(path)
    return fault


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_config_of_an_archive(compression: int, tmp_path: Path) -> None:
    content = [*members(), ("assets/layers/string_lookup/vocabulary.txt", b"a\nb\n")]
    assert read_config(write(tmp_path / "model.keras", content, compression)) == CONFIG


def test_the_config_of_a_json_file(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps(CONFIG, indent=2))
    assert read_config(tmp_path / "model.json") == CONFIG


def test_the_caps_leave_room(tmp_path: Path) -> None:
    """The config of the largest network of keras.applications has 1.6 MB and 60,000 values."""
    layers = [{"class_name": "Dense", "config": {"units": i, "name": f"dense_{i}"}} for i in range(100_000)]
    config = {"class_name": "Sequential", "config": {"layers": layers}}
    assert len(json.dumps(config)) < MOST_BYTES
    assert read_config(write(tmp_path / "model.keras", members(json.dumps(config).encode()))) == config


MEMBERS: dict[str, tuple[list[Member], str, str]] = {
    "parent": ([("../../x.py", b"")], "E902", "the member '../../x.py', which leads out of the archive"),
    "parent inside": ([("assets/../../x", b"")], "E902", "which leads out of the archive"),
    "absolute": ([("/etc/passwd", b"")], "E902", "which leads out of the archive"),
    "backslash": ([("assets\\..\\x", b"")], "E902", "which leads out of the archive"),
    "drive": ([("assets/c:x", b"")], "E902", "which leads out of the archive"),
    "control": ([("assets/\n\x1b[2J", b"")], "E902", "which leads out of the archive"),
    "link": ([(link("assets/x"), b"/etc/passwd")], "E902", "which is a link or a device"),
    "twice": ([("config.json", b"{}")], "E902", "the member 'config.json', which stands there twice"),
    "strange": ([("model.pkl", b"")], "E902", "the member 'model.pkl', which is none that is read here"),
    "many": ([(f"assets/{i}", b"") for i in range(1_001)], "E903", "has 1,004 members: at most 1,000"),
}


@pytest.mark.parametrize("case", MEMBERS)
def test_members_that_are_refused(case: str, tmp_path: Path) -> None:
    more, code, message = MEMBERS[case]
    fault = refusal(write(tmp_path / "model.keras", [*members(), *more]))
    assert fault.code == code
    assert message in fault.message


CONFIGS: dict[str, tuple[bytes, str, str]] = {
    "no json": (b'{"class_name" "x"}', "E901", "in config.json no JSON (line 1, column 15: Expecting ':' delimiter)"),
    "no text": (b'{"a": "\xff"}', "E901", "in config.json text that is not UTF-8 (byte 7)"),
    "a list": (b"[1]", "E901", "in config.json no Keras config"),
    "no config": (b'{"class_name": "Dense"}', "E901", "in config.json a 'Dense' without the mapping 'config'"),
    "nan": (b'{"a": NaN}', "E902", "in config.json the number NaN, which is none of JSON's"),
    "infinity": (b'{"a": -Infinity}', "E902", "the number -Infinity"),
    "overflow": (b'{"a": 1e999}', "E902", "the number 1e999, which is beyond 64 bits"),
    "long number": (b'{"a": ' + b"9" * 1_000_000 + b"}", "E902", "which is beyond 64 bits"),
    "twice": (b'{"a": 1, "a": 2}', "E902", "the key 'a' twice in one mapping"),
    "surrogate": (rb'{"a": "\ud800"}', "E902", "half of a character in a text"),
    "surrogate key": (rb'{"\ud800": 1}', "E902", "half of a character in a text"),
    "deep": (b'{"a":' * 100_000, "E903", f"values nested more than {MOST_DEPTH} deep"),
    "less deep": (b'{"a":' * 200 + b"1" + b"}" * 200, "E903", f"values nested more than {MOST_DEPTH} deep"),
    "many": (b"[" + b"[]," * MOST_NODES + b"[]]", "E903", f"more than {MOST_NODES:,} values"),
    "large": (b" " * (MOST_BYTES + 1), "E903", f"the member 'config.json' of {MOST_BYTES + 1:,} bytes"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configs_that_are_refused(case: str, tmp_path: Path) -> None:
    config, code, message = CONFIGS[case]
    fault = refusal(write(tmp_path / "model.keras", members(config)))
    assert fault.code == code
    assert message in fault.message


def test_a_zip_bomb(tmp_path: Path) -> None:
    bomb = members(content=bytes(100 << 20))
    fault = refusal(write(tmp_path / "model.keras", bomb, zipfile.ZIP_DEFLATED))
    assert fault.code == "E903"
    assert "bytes that unpack to 104,857,600" in fault.message


def test_files_of_other_kinds(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"hello", b"\x80\x04K\x01."):
        file.write_bytes(content)
        assert refusal(file).code == "E901"


def test_something_in_front_of_the_archive(tmp_path: Path) -> None:
    path = write(tmp_path / "model.keras", members())
    path.write_bytes(b"PK\x03\x04 and more" + path.read_bytes())
    assert refusal(path).message == "the file has something in front of its first member"


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").code == "E006"
    assert refusal(tmp_path).code == "E006"
    os.mkfifo(tmp_path / "pipe")  # a reader of it would wait for ever
    assert refusal(tmp_path / "pipe").code == "E006"
