"""What the documents show runs, prints what they say, and links to what exists."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "examples", "experiments", "src", "tests", "tools", "benchmarks")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
HANGS_AFTER_SECONDS = 240

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
ABSOLUTE = re.compile(r"(?<![\w.:/~-])/(?:home|root|Users|work|tmp|mnt|scratch|opt|var)/[\w.]")
MARK = "-- next block --"


def named(path):
    return str(path.relative_to(ROOT))


def runnable(text):
    """Return (code, printed) of each Python block; printed is the ``text`` block right after it, or None."""
    blocks = list(FENCE.finditer(text))
    found = []
    for block, following in itertools.zip_longest(blocks, blocks[1:]):
        if block[1] == "python" and "# not run" not in block[2]:
            adjacent = following is not None and not text[block.end() : following.start()].strip()
            found.append((block[2], following[2] if adjacent and following[1] == "text" else None))
    return found


def run(arguments, folder):
    """Run Python in an empty folder, with an empty home and without a screen."""
    home = folder / "home"
    home.mkdir()
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "HOME": str(home), "MPLBACKEND": "Agg"},
        timeout=HANGS_AFTER_SECONDS,
    )


def check_blocks(text, folder):
    """Run the blocks of a document one after another, and compare what each prints."""
    blocks = runnable(text)
    done = run(["-c", f"\nprint({MARK!r})\n".join(code for code, _ in blocks)], folder)
    assert done.returncode == 0, done.stderr
    for (_, stated), printed in zip(blocks, done.stdout.split(f"{MARK}\n"), strict=True):
        if stated is not None:
            assert printed.strip() == stated.strip()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "CONVENTIONS.md"])
def test_code_in_documents_runs_and_prints_what_is_shown(name, tmp_path):
    path = ROOT / name
    if not path.is_file() or not runnable(path.read_text(encoding="utf-8")):
        pytest.skip(f"{name} shows no Python that is run")
    check_blocks(path.read_text(encoding="utf-8"), tmp_path)


def test_blocks_share_a_namespace_and_are_compared(tmp_path):
    blocks = ["python\na = 2", "python\nprint(a)", "text\n2", "python\n1 / 0  # not run"]
    text = "\n\n".join(f"```{block}\n```" for block in blocks)
    assert [stated for _, stated in runnable(text)] == [None, "2\n"]
    check_blocks(text, tmp_path)


@pytest.mark.parametrize("block", ["print(1)", "raise ValueError", "print(undefined)"])
def test_a_document_that_is_wrong_is_seen(block, tmp_path):
    with pytest.raises(AssertionError):
        check_blocks(f"```python\n{block}\n```\n```text\n2\n```\n", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_examples_run(path, tmp_path):
    done = run([path], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "an example shows something"


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_links_lead_to_files(path):
    targets = [
        link or source for link, source in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    ]
    inside = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    assert [target for target in inside if not (path.parent / target).exists()] == []


def test_links_are_found():
    text = '[a](b.md) ![c](d/e.png) <img src="f.svg"> [g](https://h.i)'
    assert [link or source for link, source in LINK.findall(text)] == [
        "b.md",
        "d/e.png",
        "f.svg",
        "https://h.i",
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_documents_name_no_absolute_path(path):
    assert ABSOLUTE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"), [("see /home/me", True), ("`/tmp/a`", True), ("https://a.org/home/b", False)]
)
def test_absolute_paths_are_seen(text, found):
    assert bool(ABSOLUTE.search(text)) is found
