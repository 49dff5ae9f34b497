"""Read YAML text into a located tree: one pass over the parser's events, with caps.

Values are those that OmegaConf reads (`1e-3` is a float, dates are strings), so a file means the same
whether Hydra composes it or `model_file=` names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import yaml
from omegaconf._utils import get_yaml_loader  # the rules by which OmegaConf reads scalars have no public name

from compiler.errors import Diagnostics, Note, Place, Source
from compiler.spec.located import Leaf, Map, Seq, Tree, Value, as_yaml

_TRAP = re.compile(r"(?i)(yes|no|on|off)|[-+]?0[0-7_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML was built with it


@dataclass(frozen=True, slots=True)
class Caps:
    """How large a file may be: bytes of text, depth of nesting, nodes (keys, values, lists, mappings)."""

    bytes: int = 4 << 20
    depth: int = 60
    nodes: int = 400_000


OWN = Caps()
"""Caps for the user's own configuration."""

FOREIGN = Caps(bytes=1 << 20, depth=40, nodes=60_000)
"""Caps for a file from someone else."""


def read_tree(source: Source, diagnostics: Diagnostics, *, caps: Caps = OWN, strict: bool = False) -> Tree | None:
    """The located tree of a YAML text, or None with the faults in `diagnostics`.

    Args:
        strict: refuse what a file from elsewhere must not have: anchors, aliases, tags, merge keys.
    """
    if len(source.text.encode()) > caps.bytes:
        diagnostics.report("E004", f"the file is larger than {caps.bytes:,} bytes", Place(source, 1, 1))
        return None
    try:
        return _Reader(source, diagnostics, caps, strict).read()
    except _Stop:
        return None
    except yaml.YAMLError as error:
        _report_syntax(error, source, diagnostics)
        return None


class _Stop(Exception):
    """Reading cannot go on; the reason is in the diagnostics."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    place: Place
    items: list[Tree] | None = None
    entries: dict[str, Tree] = field(default_factory=dict[str, Tree])
    keys: dict[str, Place] = field(default_factory=dict[str, Place])
    pending: str | None = None  # the key whose value comes next
    merging: bool = False  # ... and that key is `<<`
    skipping: bool = False  # ... and that key has a fault
    anchor: str | None = None

    def close(self) -> Tree:
        if self.items is not None:
            return Seq(tuple(self.items), self.place)
        return Map(self.entries, self.place, self.keys)


class _Reader:
    def __init__(self, source: Source, diagnostics: Diagnostics, caps: Caps, strict: bool) -> None:
        self.source, self.diagnostics, self.caps, self.strict = source, diagnostics, caps, strict
        self.stack: list[_Open] = []
        self.anchors: dict[str, Tree] = {}
        self.root: Tree | None = None
        self.nodes = 0
        self.documents = 0

    def read(self) -> Tree | None:
        events = cast(Iterator[yaml.Event], yaml.parse(self.source.text, Loader=_Parser))  # pyright: ignore[reportUnknownMemberType]  # the stubs say too little
        for event in events:
            self.take(event)
        if self.root is None or (isinstance(self.root, Leaf) and self.root.value is None):
            self.stop("E002", "the file is empty", Place(self.source, 1, 1))
        return self.root

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.stop("E001", "the file has more than one YAML document", self.place(event))
            return
        if not isinstance(event, (yaml.NodeEvent, yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            return
        if isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            opened = self.stack.pop()
            self.put(opened.close(), opened.anchor)
            return
        self.nodes += 1
        if self.nodes > self.caps.nodes:
            self.stop("E004", f"the file has more than {self.caps.nodes:,} nodes", self.place(event))
        place = self.place(event)
        if isinstance(event, yaml.AliasEvent):
            self.refuse("an alias", place)
            if event.anchor not in self.anchors:
                self.stop("E001", f"unknown alias '{event.anchor}'", place)
            self.put(self.anchors[event.anchor], None)
            return
        if event.anchor is not None:
            self.refuse("an anchor", place)
        tag = getattr(event, "tag", None)  # all nodes but aliases have one
        if tag is not None:
            quote = f"quote it ('{tag}') to mean the text" if tag.startswith("!") else None
            self.refuse(f"a tag ({tag})", place, quote)
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(event, place)
            return
        if len(self.stack) >= self.caps.depth:
            self.stop("E004", f"the file nests deeper than {self.caps.depth} levels", place)
        if self.expects_key:
            self.stop("E009", "a key must be a string", place)
        items: list[Tree] | None = [] if isinstance(event, yaml.SequenceStartEvent) else None
        self.stack.append(_Open(place, items, anchor=event.anchor))

    @property
    def expects_key(self) -> bool:
        top = self.stack[-1] if self.stack else None
        return top is not None and top.items is None and top.pending is None

    def scalar(self, event: Any, place: Place) -> None:
        value, raw = _scalar(event.value) if event.implicit[0] else (event.value, None)
        if not self.expects_key:
            self.put(Leaf(value, place, raw), event.anchor)
            return
        top = self.stack[-1]
        top.merging = event.value == "<<" and event.implicit[0]
        if top.merging:
            self.refuse("a merge key (<<)", place)
        elif not isinstance(value, str) and not (type(value) is int and raw is None):
            quote = f"quote it ('{event.value}') to mean the text"
            message = f"a key must be a string (YAML reads a bare {event.value} as {as_yaml(value)})"
            self.diagnostics.report("E009", message, place, hint=quote)
            top.skipping = True
        key = str(event.value)
        if key in top.entries and not top.merging:
            notes = (Note("it stands here already", top.keys[key]),)
            self.diagnostics.report("E003", f"duplicate key {key!r}", place, notes=notes)
        top.pending = key
        if not top.merging and not top.skipping:
            top.keys[key] = place

    def put(self, tree: Tree, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = tree
        if not self.stack:
            self.root = tree
            return
        top = self.stack[-1]
        if top.items is not None:
            top.items.append(tree)
            return
        if top.pending is None:
            self.stop("E009", "a key must be a string", tree.place)
        elif top.merging and isinstance(tree, Map):
            top.entries = {**tree.entries, **top.entries}
            top.keys = {**tree.keys, **top.keys}
        elif not top.skipping:
            top.entries[top.pending] = tree
        top.pending, top.merging, top.skipping = None, False, False

    def refuse(self, what: str, place: Place, hint: str | None = "make a block of what comes again") -> None:
        if self.strict:
            self.stop("E005", f"{what} is not allowed in a file from elsewhere", place, hint)

    def stop(self, code: str, message: str, place: Place, hint: str | None = None) -> None:
        self.diagnostics.report(code, message, place, hint=hint)
        raise _Stop

    def place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return Place(self.source, start.line + 1, start.column + 1, max(1, width))


@cache
def _scalar_rules() -> Any:
    return get_yaml_loader()("")


def read_scalar(text: str) -> Value:
    """The value that YAML reads for a plain word."""
    return _scalar(text)[0]


@cache
def _scalar(text: str) -> tuple[Value, str | None]:
    """The value of a plain word, and the word itself where YAML 1.1 surprises."""
    rules = _scalar_rules()
    tag = rules.resolve(yaml.ScalarNode, text, (True, False))
    if tag in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
        return text, None
    try:
        value = rules.construct_object(yaml.ScalarNode(tag, text))
    except ValueError:  # e.g. an integer of thousands of digits
        return text, None
    return value, text if _TRAP.fullmatch(text) else None


def _report_syntax(error: yaml.YAMLError, source: Source, diagnostics: Diagnostics) -> None:
    """The parser's complaint: where it stopped, and where what it was reading begins."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context = getattr(error, "context", None)
    lines = source.text.splitlines()
    stopped, began = (_mark(getattr(error, name, None), source) for name in ("problem_mark", "context_mark"))
    place = stopped or began
    if place is None:  # characters that YAML does not allow have a position only
        position = getattr(error, "position", 0)
        text = source.text.encode()[: position if isinstance(position, int) else 0].decode(errors="ignore")
        before = f"{text}|".splitlines()  # as excerpts divide lines
        place = Place(source, len(before), len(before[-1]))
    elif began is not None and place.line > len(lines):  # the end of the file: say what is open
        place, problem = began, f"{problem} before the end of the file"
    notes = (Note(str(context), began),) if context and began and began != place else ()
    message = f"{problem} ({context})" if context and not notes else problem
    diagnostics.report("E001", message, place, hint=_syntax_hint(f"{problem} {context}", place, lines), notes=notes)


def _mark(mark: Any, source: Source) -> Place | None:
    return None if mark is None else Place(source, mark.line + 1, mark.column + 1)


def _syntax_hint(problem: str, place: Place, lines: list[str]) -> str | None:
    """What most likely caused a syntax error."""
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    here = line[place.column - 1 : place.column]
    if here == "\t" or line[: len(line) - len(line.lstrip())].count("\t"):
        return "YAML indents with spaces, not with tabs"
    if re.search(r"[{\[,:]\s*\$\{", line):
        return "inside {...} and [...] quote an interpolation: '${...}'"
    if "alias" in problem or here == "*":
        return "quote a text that begins with '*'"
    if "scanning a tag" in problem:
        return "quote a text that begins with '!'"
    if here in ("%", "@", "`", "&", "!"):
        return f"quote a text that begins with {here!r}"
    if "mapping values" in problem:
        return "quote a text with ': ' in it, and begin a new line for a new key"
    return None
