"""FITS files block by block: every size is read from the headers before any data is read or unpacked.

astropy opens first and complains later: half a file says "buffer is too small", a wrong checksum only warns,
and a gzip bomb is unpacked whole. Here the headers are walked in blocks of 2880 bytes (FITS standard 4.0,
section 3) and no more bytes than they promise are touched.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from astropy.io import fits

from zwicky.core.errors import FitsError
from zwicky.data.fits_cards import CARD, card, no_astropy_surprise, one_line, read_header, whole_number

BLOCK: Final = 2880  # [byte] FITS standard 4.0, section 3.1
_MOST_HEADER_BLOCKS: Final = 1024  # 36 864 cards: far beyond any real header; stops one that never ends
_MOST_HDUS: Final = 1000  # likewise
_MOST_AXES: Final = 999  # FITS standard 4.0, section 4.4.1
_BITPIX: Final = (8, 16, 32, 64, -32, -64)
_CHUNK: Final = 1 << 20  # [byte]
_MAGIC: Final = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"\x1f\x9d": "compress (.Z)",
    b"\x89HDF": "HDF5",
}


@dataclass(frozen=True, eq=False)
class HduOutline:
    """One header-data unit, known from its header alone.

    Parameters
    ----------
    path : Path
        The file.
    index : int
        0 for the primary.
    header : astropy Header
        Its cards.
    axes : tuple of int
        NAXIS1, NAXIS2, ...: the fastest axis first.
    start, header_bytes, data_bytes : int [byte]
        Where it begins in the unpacked file, and how long it is without padding.
    """

    path: Path
    index: int
    header: fits.Header
    axes: tuple[int, ...]
    start: int
    header_bytes: int
    data_bytes: int

    @property
    def kind(self) -> str:
        """PRIMARY, or the type of the extension: IMAGE, BINTABLE, TABLE ..."""
        return (
            "PRIMARY"
            if self.index == 0
            else str(card(self.header, "XTENSION", str(self.path))).strip().upper()
        )

    @property
    def name(self) -> str:
        """EXTNAME in capitals, or nothing."""
        return str(card(self.header, "EXTNAME", f"{self.path}, HDU {self.index}") or "").strip().upper()

    @property
    def is_image(self) -> bool:
        """Whether it holds pixels."""
        return self.kind in ("PRIMARY", "IMAGE") and self.data_bytes > 0

    @property
    def where(self) -> str:
        """File and HDU, for messages."""
        return f"{self.path}, HDU {self.index}" + (f" ({self.name})" if self.name else "")

    def __str__(self) -> str:
        size = " x ".join(map(str, self.axes)) or "no data"
        return f"HDU {self.index} {self.name or self.kind}: {self.kind.lower()}, {size}"


class _Stream:
    """The bytes of a file, unpacked only as far as they are asked for and never beyond a budget."""

    def __init__(self, raw: BinaryIO, path: Path, budget_bytes: int) -> None:
        self.path, self.position, self._budget = path, 0, budget_bytes
        self.packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        self._size = os.fstat(raw.fileno()).st_size
        self._file: BinaryIO = gzip.GzipFile(fileobj=raw, mode="rb") if self.packed else raw  # type: ignore[assignment]

    def read(self, n_bytes: int) -> bytes:
        """Return n bytes, fewer at the end of the file."""
        if self.packed and self.position + n_bytes > self._budget:
            raise FitsError(
                "This file unpacks to more than is allowed.",
                where=str(self.path),
                expected=f"at most {self._budget} bytes, 8 per pixel of --max-pixels",
                got=f"{self.position + n_bytes} bytes by its headers",
                fix="raise the limit with --max-pixels N, or unpack the file yourself",
            )
        block = self._file.read(n_bytes)
        self.position += len(block)
        return block

    def skip(self, n_bytes: int) -> int:
        """Pass over n bytes; return how many there were."""
        if not self.packed:
            passed = max(min(n_bytes, self._size - self.position), 0)
            self._file.seek(passed, os.SEEK_CUR)
            self.position += passed
            return passed
        left = n_bytes
        while left and (block := self.read(min(left, _CHUNK))):
            left -= len(block)
        return n_bytes - left


@contextmanager
def _opened(path: Path, budget_bytes: int) -> Iterator[_Stream]:
    try:
        with path.open("rb") as raw:
            yield _Stream(raw, path, budget_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise FitsError(
            "This file cannot be read.",
            where=str(path),
            expected="a FITS file, plain or gzipped",
            got=f"{type(error).__name__}: {one_line(error)}",
            fix="check the name and the permissions, or copy the file again",
        ) from error


def _budget_bytes(max_pixels: int) -> int:
    return 8 * max_pixels + _MOST_HEADER_BLOCKS * BLOCK


def outline(path: Path, *, max_pixels: int) -> tuple[list[HduOutline], list[str]]:
    """Return what the headers of a FITS file promise, and notes on oddities; no data is read.

    Parameters
    ----------
    path : Path
        Plain or gzipped; other packings are refused by name.
    max_pixels : int
        Larger images are refused, and a gzipped file is unpacked to at most 8 bytes per allowed pixel.

    Raises
    ------
    FitsError
        If it is not FITS, is cut short, or promises too much.
    """
    hdus: list[HduOutline] = []
    notes: list[str] = []
    with _opened(path, _budget_bytes(max_pixels)) as stream:
        while (raw := _read_header(stream, len(hdus), notes)) is not None:
            hdu = _outline_of(raw, path, len(hdus), stream.position - len(raw), notes)
            _check_pixels(hdu, max_pixels)
            hdus.append(hdu)
            _pass_data(stream, hdu, notes)
            if len(hdus) > _MOST_HDUS:
                raise FitsError(
                    "This file has more parts than any image file.",
                    where=str(path),
                    expected=f"at most {_MOST_HDUS} HDUs",
                    got=f"{len(hdus)} or more",
                    fix="write the image into a file of its own",
                )
    return hdus, notes


def _read_header(stream: _Stream, index: int, notes: list[str]) -> bytes | None:
    block = stream.read(BLOCK)
    if index == 0:
        _check_first(block, stream.path)
    elif not block.startswith(b"XTENSION"):
        if block:
            notes.append(f"what follows HDU {index - 1} is no extension and was not read")
        return None
    raw = bytearray()
    while len(block) == BLOCK:
        raw += block
        cards = [block[i : i + CARD] for i in range(0, BLOCK, CARD)]
        if any(one.rstrip() == b"END" for one in cards):
            return bytes(raw)
        if len(raw) >= _MOST_HEADER_BLOCKS * BLOCK:
            break
        block = stream.read(BLOCK)
    raise FitsError(
        "A header does not end.",
        where=f"{stream.path}, HDU {index}",
        expected=f"an END card within {_MOST_HEADER_BLOCKS} blocks of {BLOCK} bytes",
        got=f"{len(raw) + len(block) % BLOCK} bytes without one",
        fix="the file is cut short or damaged: copy or download it again",
    )


def _check_first(block: bytes, path: Path) -> None:
    if not block:
        raise FitsError("The file is empty.", where=str(path), expected="a FITS image", got="0 bytes")
    packing = next((name for magic, name in _MAGIC.items() if block.startswith(magic)), None)
    if packing:
        raise FitsError(
            "This is not a plain or gzipped FITS file.",
            where=str(path),
            expected="FITS (.fits) or gzipped FITS (.fits.gz)",
            got=packing,
            fix="unpack or convert it first",
        )
    if not (block.startswith(b"SIMPLE  =") and block[9:CARD].split(b"/")[0].strip() == b"T"):
        raise FitsError(
            "This is not a FITS file.",
            where=str(path),
            expected="'SIMPLE  =                    T' as the first card",
            got=repr(block[:30].decode("latin-1")),
        )


def _outline_of(raw: bytes, path: Path, index: int, start: int, notes: list[str]) -> HduOutline:
    where = f"{path}, HDU {index}"
    bad = next((i for i, byte in enumerate(raw) if not 32 <= byte <= 126), None)
    if bad is not None:
        raise FitsError(
            "A header holds a byte that is not text.",
            where=where,
            expected="printable ASCII",
            got=f"{raw[bad]:#04x} at byte {start + bad}",
            fix="the file is damaged: copy or download it again",
        )
    header = read_header(raw.decode("ascii"), where, notes)
    n_axes = whole_number(header, "NAXIS", where, 0, _MOST_AXES)
    axes = tuple(whole_number(header, f"NAXIS{i + 1}", where, 0, 2**63) for i in range(n_axes))
    bitpix = whole_number(header, "BITPIX", where, min(_BITPIX), max(_BITPIX))
    if bitpix not in _BITPIX:
        raise FitsError(
            "This number of bits per pixel does not exist.",
            where=f"{where}: BITPIX",
            expected=_BITPIX,
            got=bitpix,
        )
    if card(header, "GROUPS", where) is True:
        raise FitsError(
            "Random groups are not an image.", where=where, expected="an image HDU", got="GROUPS = T"
        )
    extra = whole_number(header, "PCOUNT", where, 0, 2**63, default=0)
    groups = whole_number(header, "GCOUNT", where, 1, 2**63, default=1)
    data_bytes = abs(bitpix) // 8 * groups * (extra + math.prod(axes)) if axes else 0
    return HduOutline(path, index, header, axes, start, len(raw), data_bytes)


def _check_pixels(hdu: HduOutline, max_pixels: int) -> None:
    n_pixels = math.prod(hdu.axes) if hdu.is_image else 0
    if n_pixels > max_pixels:
        raise FitsError(
            "This image is larger than is allowed.",
            where=hdu.where,
            expected=f"at most {max_pixels} pixels",
            got=f"{' x '.join(map(str, hdu.axes))} = {n_pixels} pixels",
            fix=f"if that is meant: --max-pixels {n_pixels}; or cut the image out first",
        )


def _pass_data(stream: _Stream, hdu: HduOutline, notes: list[str]) -> None:
    padding = -hdu.data_bytes % BLOCK
    passed = stream.skip(hdu.data_bytes + padding)
    if passed < hdu.data_bytes:
        raise FitsError(
            "The file is cut short.",
            where=hdu.where,
            expected=f"{hdu.data_bytes} bytes of data",
            got=f"{passed} bytes",
            fix="copy or download it again",
        )
    if passed < hdu.data_bytes + padding:
        notes.append(f"HDU {hdu.index} is not padded to {BLOCK} bytes; its data are whole")


def load(hdu: HduOutline, notes: list[str]) -> np.ndarray:
    """Read the pixels of one image, and no byte beyond them; its checksums are verified if it has any.

    BSCALE, BZERO and BLANK are applied by astropy: 8- and 16-bit integers become float32, longer ones
    float64, and blank pixels NaN. Integers without these keywords stay integers.

    Parameters
    ----------
    hdu : HduOutline
        From ``outline``.
    notes : list of str
        Harmless remarks are added here.

    Returns
    -------
    array, the last axis being NAXIS1, in the byte order of this machine

    Raises
    ------
    FitsError
        If the bytes are not there, or their sums differ from CHECKSUM or DATASUM.
    """
    with _opened(hdu.path, hdu.start + hdu.header_bytes + hdu.data_bytes) as stream:
        stream.skip(hdu.start)
        raw = stream.read(hdu.header_bytes + hdu.data_bytes)
    raw += bytes(-len(raw) % BLOCK)
    data = raw[hdu.header_bytes :]
    _check_sum(hdu, "DATASUM", data)
    _check_sum(hdu, "CHECKSUM", raw)
    with no_astropy_surprise(hdu.where, notes):
        kind = fits.PrimaryHDU if hdu.index == 0 else fits.ImageHDU
        values = np.asarray(kind.fromstring(hdu.header.tostring().encode("ascii") + data).data)
        return values.astype(values.dtype.newbyteorder("="))


def _check_sum(hdu: HduOutline, keyword: str, content: bytes) -> None:
    """Compare a 32-bit ones'-complement sum with the header (FITS standard 4.0, section 4.4.2.7)."""
    stated = str(card(hdu.header, keyword, hdu.where) or "").strip()
    if not stated:
        return
    total = int(np.frombuffer(content, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    # DATASUM is the sum of the data; CHECKSUM is chosen so that the whole HDU adds up to -0, all bits set.
    if total != (int(stated) if keyword == "DATASUM" and stated.isdigit() else 0xFFFFFFFF):
        raise FitsError(
            "The file was changed since its checksum was written: its numbers cannot be trusted.",
            where=f"{hdu.where}: {keyword}",
            expected=f"content that agrees with {stated}",
            got=f"content that adds up to {total}",
            fix="copy or download it again; if the change was meant, write new checksums (fitschecksum)",
        )
