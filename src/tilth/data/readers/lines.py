"""Bytes of a file, decompressed as its name says, and lines of them with a bounded length.

A compressed file that is cut short gives what came before the cut; the cut itself is reported by `CutShort`.
"""

import io
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from tilth.data.readers.files import SourceFile, open_file

_BLOCK = 1 << 18


class CutShort(Exception):  # noqa: N818 - it is a place in a file, not an error of ours
    """The compressed stream ends before its end mark, or is damaged."""


def blocks(file: SourceFile) -> Iterator[bytes]:
    """The bytes of a file in blocks, decompressed by its suffix; raises `CutShort` at the place of a cut."""
    name = file.uri.lower()
    with open_file(file) as opened:
        if name.endswith(".gz"):
            yield from _gunzip(opened)
        elif name.endswith(".zst"):
            yield from _unzstd(opened)
        else:
            while block := opened.read(_BLOCK):
                yield block


def lines(file: SourceFile, most: int) -> Iterator[bytes | int]:
    """The lines of a file without their ends. A line longer than `most` bytes is given as its length in bytes."""
    rest: list[bytes] = []
    held = 0
    for block in blocks(file):
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            held += end - start
            if held > most:
                yield held
            else:
                rest.append(block[start:end])
                yield b"".join(rest)
            rest, held, start = [], 0, end + 1
        held += len(block) - start
        if held <= most:
            rest.append(block[start:])
        else:
            rest = []
    if held > most:
        yield held
    elif held:
        yield b"".join(rest)


class Stream(io.RawIOBase):
    """The decompressed bytes of a file as a readable stream; `cut` holds the `CutShort` that ended it, if one did."""

    def __init__(self, file: SourceFile) -> None:
        self._blocks = blocks(file)
        self._rest = b""
        self.cut: CutShort | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                self._rest = next(self._blocks)
            except StopIteration:
                return 0
            except CutShort as cut:
                self.cut = cut
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _gunzip(opened: BinaryIO) -> Iterator[bytes]:
    """Every member of a gzip file. pyarrow's reader takes a cut file for a whole one, so zlib is asked itself."""
    inflate = zlib.decompressobj(wbits=31)
    begun = False
    while block := opened.read(_BLOCK):
        while block:
            begun = True
            try:
                data = inflate.decompress(block)
            except zlib.error as error:
                raise CutShort(f"the gzip stream is damaged: {error}") from None
            if data:
                yield data
            block = inflate.unused_data
            if inflate.eof:
                block = block.lstrip(b"\0")  # padding between members is allowed
                inflate = zlib.decompressobj(wbits=31)
                begun = bool(block)
    if begun:
        raise CutShort("the gzip stream has no end")


def _unzstd(opened: BinaryIO) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(pa.PythonFile(opened), "zstd")
    while True:
        try:
            block = stream.read(_BLOCK)
        except OSError as error:
            raise CutShort(f"the zstd stream is cut or damaged: {error}") from None
        if not block:
            return
        yield block
