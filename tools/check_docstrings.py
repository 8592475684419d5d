"""Check what ruff cannot see in docstrings: units against names, names against signatures, shapes, sources.

Usage: python tools/check_docstrings.py src

Rules (CONVENTIONS.md, "Units in names"; docstrings are NumPy style, units in square brackets):

1. everything public has a docstring;
2. a unit in brackets agrees with the suffix of the name: ``radius_mpc : float [Mpc, proper]``;
3. a Parameters section names every parameter of the signature, in order, and nothing else;
4. a shape in parentheses, ``(y, x)``, agrees with the shape in a jaxtyping annotation, ``"y x"``;
5. public functions of ``zwicky/physics`` say ``Source: ...`` and ``Checked by: tests/...``; test files
   that are named exist.

It reads the text only and imports nothing of the package. Exit status 1 when anything is found.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef

UNIT_OF_SUFFIX: Final = {
    "msun": ("Msun", 1),
    "kpc": ("kpc", 1),
    "mpc": ("Mpc", 1),
    "mpc2": ("Mpc", 2),
    "mpc3": ("Mpc", 3),
    "arcmin": ("arcmin", 1),
    "arcmin2": ("arcmin", 2),
    "kev": ("keV", 1),
    "uk": ("uK", 1),
    "uk2": ("uK", 2),
    "k": ("K", 1),
    "dex": ("dex", 1),
    "rad": ("rad", 1),
    "ghz": ("GHz", 1),
    "cm3": ("cm", 3),
}
JAXTYPING: Final = {"Float", "Float32", "Float64", "Int", "Int64", "Bool", "Complex", "Real", "Num", "Shaped"}
FIELDLESS_BASES: Final = {"ABC", "Protocol", "Enum", "IntEnum", "StrEnum", "Config", "BaseModel", "Exception"}


@dataclass(frozen=True)
class Finding:
    """One thing to mend."""

    path: Path
    line: int
    what: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class Entry:
    """One entry of a Parameters or Returns section: its names, what follows them, and its line."""

    names: tuple[str, ...]
    text: str
    line: int

    @property
    def unit(self) -> str | None:
        """The unit in brackets, without the frame that may follow it after a comma."""
        brackets = units_in(self.text)
        return brackets[-1] if brackets else None

    @property
    def shape(self) -> list[str] | None:
        """The words of a shape in parentheses; ``scalar`` has none; None if no shape is stated."""
        if self.text.startswith("scalar"):
            return []
        match = re.match(r"\(((?:[\w.*+-]+)?(?:\s*,\s*[\w.*+-]+)*,?)\s*\)", self.text)
        return [word.strip() for word in match[1].split(",") if word.strip()] if match else None


def units_in(text: str) -> list[str]:
    """Return the bracketed units of a text; ``list[float]`` is a type, not a unit."""
    return [found.split(",")[0].strip() for found in re.findall(r"(?:^|\s)\[([^\[\]]+)\]", text)]


def expected_units(name: str) -> tuple[str, ...]:
    """Return the spellings that the suffix of a name allows; none if the name carries no unit.

    A power after another unit divides (``_kev_cm3`` is keV cm^-3), so does all that follows ``per``;
    a first power multiplies (``_uk_arcmin`` is uK arcmin), and so does what follows the square of a map, in a power
    spectrum (``_uk2_arcmin2`` is uK^2 arcmin^2).
    """
    tokens = re.split(r"_(?:from|of|at|within)_", name.lower())[0].split("_")
    if "log10" in tokens:
        return ("dex",)
    if "ln" in tokens or tokens == ["k"]:
        return ()
    run: list[str] = []
    while tokens and (tokens[-1] in UNIT_OF_SUFFIX or tokens[-1] == "per"):
        run.insert(0, tokens.pop())
    factors: list[tuple[str, int]] = []
    divides = False
    for token in run:
        if token == "per":
            divides = True
            continue
        unit, power = UNIT_OF_SUFFIX[token]
        under = divides or (factors and power > 1 and factors[-1] != ("uK", 2))
        factors.append((unit, -power if under else power))
    if not factors:
        return ()
    text = " ".join(unit if power == 1 else f"{unit}^{power}" for unit, power in factors)
    if text == "cm^3":  # a density of particles, or a volume
        return ("cm^-3", text)
    temperature = re.sub(r"\b(u?K)\b", r"\1_CMB", text)
    return (text,) if temperature == text else (text, temperature)


def agrees(unit: str, allowed: tuple[str, ...]) -> bool:
    """Say whether a documented unit is one of those allowed; ``dex of Msun`` is dex."""
    return unit in allowed or ("dex" in allowed and unit.startswith("dex of "))


@dataclass(frozen=True)
class Docstring:
    """A docstring and where it stands."""

    text: str
    line: int

    @classmethod
    def of(cls, node: ast.Module | ast.ClassDef | Function) -> Docstring | None:
        """Return the docstring of a node, or None if there is none or it is empty."""
        raw = ast.get_docstring(node, clean=False)
        if raw is None or not raw.strip():
            return None
        leading = len(raw) - len(raw.lstrip("\n"))
        return cls(ast.get_docstring(node) or "", node.body[0].lineno + leading)

    @property
    def summary(self) -> str:
        """The first paragraph."""
        return self.text.split("\n\n")[0]

    def section(self, title: str) -> list[Entry] | None:
        """Return the entries of a section, or None if there is no such section."""
        lines = self.text.split("\n")
        rules = [i for i, line in enumerate(lines) if i and re.fullmatch(r"-{3,}", line)]
        start = next((i + 1 for i in rules if lines[i - 1] == title), None)
        if start is None:
            return None
        end = min((i - 1 for i in rules if i > start), default=len(lines))
        entries = []
        for i in range(start, end):
            if re.match(r"(Source|Checked by):", lines[i]):
                break
            if lines[i] and not lines[i][0].isspace():
                entries.append(_entry(lines[i], self.line + i))
        return entries


def _entry(header: str, line: int) -> Entry:
    match = re.fullmatch(r"(\*{0,2}[A-Za-z_]\w*(?:\s*,\s*\*{0,2}[A-Za-z_]\w*)*)(?:\s*:\s*(.*))?", header)
    if match is None:
        return Entry((), header, line)
    names = tuple(name.strip().lstrip("*") for name in match[1].split(","))
    return Entry(names, match[2] or "", line)


def annotated_shape(annotation: ast.expr | None) -> list[str] | None:
    """Return the words of the first jaxtyping shape in an annotation, or None."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    for node in ast.walk(annotation) if annotation is not None else ():
        if not (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple)):
            continue
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        last = node.slice.elts[-1]
        if name in JAXTYPING and isinstance(last, ast.Constant) and isinstance(last.value, str):
            return last.value.split()
    return None


def has_decorator(node: Function, *names: str) -> bool:
    """Say whether a function has one of these decorators, by their last name."""
    written = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(text.split("(")[0].split(".")[-1] in names for text in written)


def signature(node: Function, *, method: bool) -> dict[str, ast.expr | None]:
    """Return the parameters of a function and their annotations, in order, without self and private ones."""
    a = node.args
    ordered = [*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg]
    parameters = [argument for argument in ordered if argument is not None]
    if method and not has_decorator(node, "staticmethod"):
        parameters = parameters[1:]
    return {p.arg: p.annotation for p in parameters if not p.arg.startswith("_")}


def fields(node: ast.ClassDef) -> dict[str, ast.expr | None]:
    """Return what makes an instance: the parameters of __init__, or the fields of a dataclass or model."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return signature(item, method=True)
    return {
        item.target.id: item.annotation
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        if not item.target.id.startswith("_")
        if "ClassVar" not in ast.unparse(item.annotation)
        if item.value is None or "init=False" not in ast.unparse(item.value)
    }


@dataclass(frozen=True)
class Module:
    """One source file, found under the folder ``top``."""

    path: Path
    top: Path

    @property
    def is_physics(self) -> bool:
        """Whether the file belongs to the physics room."""
        return "physics" in self.path.relative_to(self.top).parts[:-1]

    def findings(self) -> Iterator[Finding]:
        """Check the whole file."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        name = self.path.stem
        public = not name.startswith("_") or (name.startswith("__") and name.endswith("__"))
        yield from self._presence(tree, f"module {name}", public=public)
        for node in tree.body:
            yield from self._node(node, public=public, owner=None)

    def _node(self, node: ast.stmt, *, public: bool, owner: ast.ClassDef | None) -> Iterator[Finding]:
        if isinstance(node, ast.ClassDef):
            public = public and not node.name.startswith("_")
            yield from self._class(node, public=public)
            for item in node.body:
                yield from self._node(item, public=public, owner=node)
        elif isinstance(node, Function) and not has_decorator(node, "overload", "setter"):
            yield from self._function(node, public=public and not node.name.startswith("_"), owner=owner)
        elif isinstance(node, ast.If | ast.Try):
            for item in node.body:
                yield from self._node(item, public=public, owner=owner)

    def _presence(
        self, node: ast.Module | ast.ClassDef | Function, what: str, *, public: bool
    ) -> Iterator[Finding]:
        if public and Docstring.of(node) is None:
            yield Finding(self.path, getattr(node, "lineno", 1), what, "a docstring", "none")

    def _class(self, node: ast.ClassDef, *, public: bool) -> Iterator[Finding]:
        yield from self._presence(node, f"class {node.name}", public=public)
        doc = Docstring.of(node)
        entries = doc.section("Parameters") if doc else None
        if doc and entries is not None:
            bases = {ast.unparse(base).split(".")[-1].split("[")[0] for base in node.bases}
            yield from self._parameters(entries, fields(node), node, closed=bases <= FIELDLESS_BASES)
            yield from self._units_and_shapes(entries, fields(node))
        yield from self._checked_by(doc)

    def _function(self, node: Function, *, public: bool, owner: ast.ClassDef | None) -> Iterator[Finding]:
        yield from self._presence(node, f"function {node.name}", public=public)
        doc = Docstring.of(node)
        if doc is None:
            return
        entries = doc.section("Parameters")
        known = signature(node, method=owner is not None)
        if entries is not None:
            yield from self._parameters(entries, known, node, closed=True)
            yield from self._units_and_shapes(entries, known)
        yield from self._returned(doc, node)
        yield from self._checked_by(doc)
        if public and self.is_physics:
            yield from self._sources(doc, node, owner)

    def _parameters(
        self,
        entries: list[Entry],
        known: dict[str, ast.expr | None],
        node: ast.ClassDef | Function,
        *,
        closed: bool,
    ) -> Iterator[Finding]:
        documented = []
        for entry in entries:
            if not entry.names:
                yield Finding(
                    self.path, entry.line, "parameter entry", "name : type [unit]", repr(entry.text)
                )
            for name in entry.names:
                if name in known:
                    documented.append(name)
                elif closed:
                    options = ", ".join(known) or "no parameter"
                    yield Finding(
                        self.path, entry.line, f"documented parameter of {node.name}", options, name
                    )
        missing = [name for name in known if name not in documented]
        for name in missing:
            yield Finding(self.path, node.lineno, f"parameter {name} of {node.name}", "an entry", "none")
        ordered = [name for name in known if name in documented]
        if documented != ordered:
            what = f"order of the documented parameters of {node.name}"
            yield Finding(self.path, node.lineno, what, ", ".join(ordered), ", ".join(documented))

    def _units_and_shapes(self, entries: list[Entry], known: dict[str, ast.expr | None]) -> Iterator[Finding]:
        for entry in entries:
            for name in entry.names:
                yield from self._unit(entry, name)
                yield from self._shape(entry, known.get(name), name)

    def _unit(self, entry: Entry, name: str) -> Iterator[Finding]:
        allowed = expected_units(name)
        if allowed and entry.unit is not None and not agrees(entry.unit, allowed):
            expected = " or ".join(f"[{unit}]" for unit in allowed)
            yield Finding(self.path, entry.line, f"unit of {name}", expected, f"[{entry.unit}]")

    def _shape(self, entry: Entry, annotation: ast.expr | None, name: str) -> Iterator[Finding]:
        annotated = annotated_shape(annotation)
        if annotated is not None and entry.shape is not None and annotated != entry.shape:
            words = f"({', '.join(annotated)})"
            yield Finding(self.path, entry.line, f"shape of {name}", words, f"({', '.join(entry.shape)})")

    def _returned(self, doc: Docstring, node: Function) -> Iterator[Finding]:
        entries = doc.section("Returns") or []
        for entry in entries:
            for name in entry.names if entry.text else ():
                yield from self._unit(entry, name)
        if len(entries) == 1:
            only = entries[0]
            text = only.text or " ".join(only.names)
            anonymous = Entry((), text, only.line)
            yield from self._unit(anonymous, node.name)
            yield from self._shape(anonymous, node.returns, f"what {node.name} returns")
        elif not entries and (stated := units_in(doc.summary)):
            allowed = expected_units(node.name)
            if allowed and not any(agrees(unit, allowed) for unit in stated):
                expected = " or ".join(f"[{unit}]" for unit in allowed)
                yield Finding(self.path, doc.line, f"unit of {node.name}", expected, f"[{stated[-1]}]")

    def _sources(self, doc: Docstring, node: Function, owner: ast.ClassDef | None) -> Iterator[Finding]:
        whole = Docstring.of(owner) if owner is not None else None
        text = "\n".join([doc.text, whole.text if whole else ""])
        for label, example in (("Source:", "paper and equation"), ("Checked by:", "tests/... .py")):
            if not re.search(rf"^\s*{label}\s*\S", text, re.MULTILINE):
                yield Finding(self.path, node.lineno, f"function {node.name}", f"'{label} {example}'", "none")

    def _checked_by(self, doc: Docstring | None) -> Iterator[Finding]:
        if doc is None:
            return
        for stated in re.findall(r"Checked by:(.*(?:\n[ \t]*\S.*)*)", doc.text):
            named = re.findall(r"tests/[\w/.-]*\w", stated)
            for name in named or [stated.strip()]:
                if not named or not (self.top.resolve().parent / name).is_file():
                    yield Finding(self.path, doc.line, "Checked by", "an existing file under tests/", name)


def main(arguments: list[str]) -> int:
    """Check every file under the folders given; print the findings; return 1 if there are any."""
    if not arguments:
        print("usage: python tools/check_docstrings.py FOLDER ...", file=sys.stderr)
        return 2
    modules = [Module(path, Path(top)) for top in arguments for path in sorted(Path(top).rglob("*.py"))]
    findings = [finding for module in modules for finding in module.findings()]
    for finding in findings:
        print(finding)
    print(f"{len(modules)} files: {len(findings) or 'no'} findings")
    return 1 if findings or not modules else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
