"""Rooms import one way, heavy libraries stay where they belong, and an import has no effect."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "zwicky"
PROBE = Path(__file__).with_name("import_probe.py")
DATA = sorted(path.stem for path in (PACKAGE / "data").glob("[a-z]*.py"))
WITHOUT_TORCH = [
    *("core", "physics", "simulations", "instruments", "mocks"),
    *(f"data.{name}" for name in DATA if name not in {"dataset", "folds", "photon_data"}),
]
HEAVY = ("torch", "matplotlib", "colossus", "astropy")


def python(*arguments, folder=None, path=None):
    """Run Python in a clean process; return its standard output, or fail with its standard error."""
    environment = {**os.environ, **({"PYTHONPATH": str(path)} if path is not None else {})}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder or ROOT,
        env=environment,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after(statement, *names):
    """Return which of these modules a fresh process has loaded after a statement."""
    script = f"{statement}\nimport sys\nprint(*[n for n in {names!r} if n in sys.modules])"
    return python("-c", script).split()


def require(module):
    """Skip if a module is not part of the package (yet)."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"there is no {module}")


@pytest.mark.slow
def test_import_contracts():
    require("zwicky.cli")
    command = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.fixture(scope="module")
def effects(tmp_path_factory):
    return json.loads(python(PROBE, "zwicky", folder=tmp_path_factory.mktemp("empty")))


@pytest.mark.slow
@pytest.mark.parametrize("effect", ["printed", "changes", "handlers", "environment", "random"])
def test_imports_have_no_effect(effects, effect):
    assert not effects[effect]


@pytest.mark.slow
def test_every_module_was_imported(effects):
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    }
    assert set(effects["modules"]) == modules


@pytest.mark.parametrize(
    ("effect", "code"),
    [
        ("printed", "print('hello')"),
        ("printed", "import sys; sys.stderr.write('hello')"),
        ("changes", "open('left.txt', 'w').close()"),
        ("changes", "import os; os.makedirs('folder', exist_ok=True)"),
        ("handlers", "import logging; logging.basicConfig()"),
        ("handlers", "import logging; logging.getLogger(__name__).addHandler(logging.NullHandler())"),
        ("environment", "import os; os.environ['PLANTED'] = '1'"),
        ("random", "import numpy; numpy.random.seed(0)"),
        ("random", "import numpy; numpy.random.normal()"),
        ("random", "import random; random.random()"),
    ],
)
def test_the_probe_sees_each_effect(tmp_path, effect, code):
    package = tmp_path / "planted"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text(code)
    seen = json.loads(python(PROBE, "planted", folder=tmp_path, path=tmp_path))
    assert seen.pop("modules") == ["planted", "planted.inner"]
    assert [name for name, value in seen.items() if value] == [effect]


@pytest.mark.parametrize("module", ["zwicky", "zwicky.cli"])
def test_the_front_door_is_light(module):
    require(module)
    assert not loaded_after(f"import {module}", *HEAVY)


def test_the_light_test_can_see_weight():
    assert loaded_after("import zwicky.core.units", *HEAVY) == ["astropy"]


@pytest.mark.slow
def test_rooms_without_torch():
    """Directly or through others: simulating and observing needs no network library."""
    script = f"""
import importlib, pkgutil, sys
for room in {WITHOUT_TORCH!r}:
    module = importlib.import_module("zwicky." + room)
    inner = pkgutil.walk_packages(getattr(module, "__path__", []), module.__name__ + ".")
    for name in [module.__name__, *(info.name for info in inner)]:
        importlib.import_module(name)
        if "torch" in sys.modules:
            sys.exit(name + " imports torch")
print(len(sys.modules))
"""
    assert int(python("-c", script)) > len(WITHOUT_TORCH)


def test_torchvision_is_absent():
    """Next to a CPU build of torch it fails at import, and takes torchmetrics and lightning with it."""
    assert importlib.util.find_spec("torchvision") is None
