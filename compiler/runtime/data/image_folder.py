"""Anyone's images: a folder for each class, with or without folders for train, val and test above them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from compiler.runtime.data.image_files import LAYOUT, SHOWN, ImageFiles, listed, printable, scan
from compiler.runtime.data.paths import is_file, is_folder, user_path
from compiler.runtime.data.source import CACHE, Blame, DataSettings, Part, Rows, Task, class_problems
from compiler.settings import Bool, MaybePositiveNumber, Problem, Str, choice, is_str, rule

if TYPE_CHECKING:
    from compiler.runtime.data.decoding import Decoded, Decoder
    from compiler.runtime.data.new_rows import NewRows


class Images(DataSettings, source="images"):
    """Image files, decoded once to bytes of one shape, which are kept in a cache.

    The classes are the names of the folders, in order; the rows are the files, in the order of their paths. A file's
    EXIF orientation is honoured, its colours become those of `input_shape`: 1 channel is grey, 3 are RGB, 4 are RGBA.

    Fields:
        path: the folder.
        size: null, or what `input_shape` says.
        resize: `stretch` to the shape; `crop` the middle that has its proportions; or `pad` with black.
        skip_broken: leave out, with a warning, files that cannot be decoded; else they are faults.
        cache: the folder for what has been decoded.
    """

    path: Annotated[str, rule("the path of a folder of images", is_str, schema={"type": "string"})]
    task: Annotated[Task, choice("multiclass", "binary")] = "multiclass"
    divide_by: MaybePositiveNumber = 255
    resize: Annotated[Literal["stretch", "crop", "pad"], choice("stretch", "crop", "pad")] = "stretch"
    skip_broken: Bool = False
    cache: Str = CACHE

    def check(self) -> Iterable[Problem]:
        yield from super().check()
        yield from class_problems(self)
        shape = self.shapes.get("", ())
        if len(shape) != 3 or shape[2] not in (1, 3, 4):
            message = "'input_shape' of images must be [height, width, channels] with 1, 3 or 4 channels"
            yield Problem(("input_shape",), "E107", message, "[64, 64, 3] makes them RGB, [64, 64, 1] grey")
        elif self.size is not None and self.size != shape[:2]:
            message = f"'size' says {list(self.size)}, but 'input_shape' {list(shape)}"
            yield Problem(("size",), "E107", message, "size: null; images get the size that 'input_shape' says")

    def read(self, blame: Blame) -> Rows | None:
        folder = user_path(self.path)
        if not is_folder(folder):
            what = f"{str(folder)!r} is a file, not a folder" if is_file(folder) else f"no folder {str(folder)!r}"
            blame("E701", what, "path", hint=LAYOUT)
            return None
        files = scan(folder, blame)
        if files is None or not self._has_classes(files, blame):
            return None
        images = self._decoded(files, blame)
        if images is None:
            return None
        import numpy as np  # not for `check`

        y = np.array(files.numbers, np.int64)[images.rows]
        names = [printable(files.paths[number]) for number in images.rows]
        parts: dict[str, Part] = {}
        for part, numbers in files.parts.items():
            first, end = np.searchsorted(images.rows, (numbers.start, numbers.stop))
            rows, suffix = slice(int(first), int(end)), "" if part == "all" else f"_{part}"
            digests, named = images.digests[rows], tuple(names[rows])
            parts[part] = Part({"": images.x[rows]}, y[rows], suffix, digests=digests, names=named)
        return Rows(files.classes, parts, {"classes": list(files.classes)})

    def new_rows(self, path: Path, fitted: Mapping[str, Any], blame: Blame, *, labels: bool) -> NewRows | None:
        """One image file, or a folder of them; for labels a folder for each class. Rows are called by their paths."""
        from compiler.runtime.data.image_rows import image_rows  # imports NumPy

        return image_rows(self, path, fitted["classes"], blame, labels=labels)

    @property
    def decoder(self) -> Decoder:
        from compiler.runtime.data.decoding import Decoder  # imports NumPy

        return Decoder(self.shapes[""], self.resize, self.skip_broken)

    def _has_classes(self, files: ImageFiles, blame: Blame) -> bool:
        """E708, before anything is decoded: as many folders as classes. W711: what else lies there."""
        count = len(files.classes)
        if count != self.classes:
            found = f"{str(files.folder)!r} has {count} folder{'s' if count > 1 else ''} ({listed(files.classes)})"
            hint = f"classes: {count}" if count > 1 else f"images need {LAYOUT}"
            blame("E708", f"'classes' says {self.classes}, but {found}", "classes", hint=hint)
        elif files.others:
            many = len(files.others) > 1
            what = "files are no images of a class and are" if many else "file is no image of a class and is"
            blame("W711", f"{len(files.others):,} {what} left out: {listed(files.others)}", "path")
        return count == self.classes

    def _decoded(self, files: ImageFiles, blame: Blame) -> Decoded | None:
        """All images, from the cache."""
        from compiler.runtime.data.cache import cached
        from compiler.runtime.data.decoding import VERSION, BrokenFiles, kept

        decoder = self.decoder
        settings = {"folder": str(files.folder.resolve()), **asdict(decoder)}
        state = f"{VERSION}, {files.state}"
        make = partial(decoder.keep, files.folder, files.paths)
        try:
            entry = cached(user_path(self.cache), printable(files.folder.name), settings, state, make, blame)
        except BrokenFiles as error:
            blame_broken(error.broken, files.paths, blame)
            return None
        if entry is None:
            return None
        images = kept(entry, in_memory=self.keeps)
        if images.broken:
            blame_broken(images.broken, files.paths, blame, skipped=True)
        return images


def blame_broken(broken: Mapping[str, str], paths: Sequence[str], blame: Blame, *, skipped: bool = False) -> None:
    """E720, or W711 where they are skipped: files that cannot be decoded, all in one."""
    some = "; ".join(f"{printable(path)!r} {why}" for path, why in list(broken.items())[:SHOWN])
    more = "; ..." if len(broken) > SHOWN else ""
    count = f"{len(broken):,} of {len(paths):,} files"
    if skipped:
        blame("W711", f"{count} cannot be decoded and are left out: {some}{more}", "path")
    else:
        hint = "mend or remove them; or skip_broken: true leaves them out"
        blame("E720", f"{count} cannot be decoded: {some}{more}", "path", hint=hint)
