"""The project's own checks find what they should, and nothing else."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"

GOOD = '''
"""A module."""

from typing import ClassVar


def compton_y(
    pressure_kev_cm3: Float[np.ndarray, "z y x"], depth_kpc: float = 1.0, *masks: int, _secret: int = 0
) -> Float[np.ndarray, "y x"]:
    """Integrate the pressure.

    Parameters
    ----------
    pressure_kev_cm3 : (z, y, x) [keV cm^-3]
        Axis 0 runs along the sight-line.
    depth_kpc : scalar [kpc, proper]
        Thickness of one cell.
    *masks : int
        Left out.

    Returns
    -------
    (y, x) [1]
        Compton parameter.

    Source: Sunyaev & Zeldovich 1972.
    Checked by: tests/physics/test_sz.py (isothermal beta model).
    """


class Sphere:
    """A sphere.

    Parameters
    ----------
    radius_mpc : float [Mpc, proper]
        Its size.

    Source: Euclid.
    Checked by: tests/physics/test_sz.py.
    """

    kind: ClassVar[str] = "sphere"
    radius_mpc: float

    def density_msun_mpc3(self, redshift: float) -> float:
        """Return the density [Msun Mpc^-3, proper]."""
'''


@pytest.fixture
def check(tmp_path):
    """Return a function that checks one source text and gives the findings and the exit status."""

    def check(source, file="physics/sz.py"):
        path = tmp_path / "src" / "zwicky" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        test = tmp_path / "tests" / "physics" / "test_sz.py"
        test.parent.mkdir(parents=True, exist_ok=True)
        test.touch()
        command = [sys.executable, str(TOOLS / "check_docstrings.py"), "src"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        *findings, summary = done.stdout.splitlines()
        assert "1 files:" in summary, done.stderr
        return findings, done.returncode

    return check


def test_good_docstrings_pass(check):
    assert check(GOOD) == ([], 0)


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('"""A module."""', "", "physics/sz.py:1: module sz: expected a docstring, got none"),
        ('"""Return the density [Msun Mpc^-3, proper]."""', "pass", "function density_msun_mpc3"),
        ("[keV cm^-3]", "[keV]", "unit of pressure_kev_cm3: expected [keV cm^-3], got [keV]"),
        ("[kpc, proper]", "[Mpc]", "unit of depth_kpc: expected [kpc], got [Mpc]"),
        ("[Mpc, proper]", "[kpc]", "unit of radius_mpc: expected [Mpc], got [kpc]"),
        ("density [Msun Mpc^-3", "density [Msun/Mpc^3", "density_msun_mpc3: expected [Msun Mpc^-3]"),
        ("(z, y, x) [", "(y, x) [", "shape of pressure_kev_cm3: expected (z, y, x), got (y, x)"),
        ("(y, x) [1]", "(x, y) [1]", "shape of what compton_y returns: expected (y, x), got (x, y)"),
        ("    depth_kpc : scalar", "    width_kpc : scalar", "got width_kpc"),
        ("    depth_kpc : scalar", "    width_kpc : scalar", "parameter depth_kpc of compton_y"),
        ("    *masks : int\n        Left out.\n", "", "parameter masks of compton_y: expected an entry"),
        ("    radius_mpc : float [", "    diameter_mpc : float [", "parameter radius_mpc of Sphere"),
        ("    *masks : int\n", "    the masks\n", "parameter entry: expected name : type [unit]"),
        ("    Source: Sunyaev & Zeldovich 1972.\n", "", "compton_y: expected 'Source: paper"),
        ("tests/physics/test_sz.py (", "tests/physics/gone.py (", "got tests/physics/gone.py"),
        ("Checked by: tests/physics/test_sz.py (", "Checked by: hand (", "got hand (isothermal"),
        (
            "    Checked by: tests/physics/test_sz.py (isothermal beta model).\n",
            "",
            "compton_y: expected 'Che",
        ),
    ],
)
def test_each_fault_is_found(check, old, new, finding):
    assert GOOD.count(old) == 1
    findings, status = check(GOOD.replace(old, new))
    assert status == 1
    assert any(finding in line for line in findings), findings
    assert all(line.startswith("src/zwicky/physics/sz.py:") for line in findings)


def test_the_order_of_parameters(check):
    source = '''
    """A module."""
    def f(a, b):
        """Do.

        Parameters
        ----------
        b, a : int
            Numbers.
        """
    '''
    findings, _ = check(source, file="core/f.py")
    assert findings == [
        "src/zwicky/core/f.py:3: order of the documented parameters of f: expected a, b, got b, a"
    ]


def test_a_finding_names_the_line_of_the_entry(check):
    findings, _ = check(GOOD.replace("[kpc, proper]", "[Mpc]"))
    (line,) = [n for n, text in enumerate(GOOD.splitlines(), 1) if "depth_kpc : scalar" in text]
    assert findings[0].split(": ")[0].endswith(f":{line}")


def test_sources_are_asked_for_in_physics_only(check):
    bare = '"""A module."""\ndef f():\n    """Do."""\n'
    assert check(bare, file="core/f.py") == ([], 0)


@pytest.mark.parametrize(
    ("name", "unit", "agrees"),
    [
        ("mass_msun", "Msun", True),
        ("mass_msun", "1e14 Msun", False),
        ("sigma_msun_mpc2", "Msun Mpc^-2", True),
        ("y500_arcmin2", "arcmin^2", True),
        ("y500_arcmin2", "arcmin2", False),
        ("noise_uk_arcmin", "uK arcmin", True),
        ("noise_uk_arcmin", "uK_CMB arcmin", True),
        ("power_uk2_arcmin2", "uK_CMB^2 arcmin^2", True),
        ("power_uk2_arcmin2", "uK^2 arcmin^-2", False),
        ("d_ell_uk2", "uK_CMB^2", True),
        ("noise_uk", "K", False),
        ("t_cmb_k", "K", True),
        ("counts_per_arcmin2", "arcmin^-2", True),
        ("electron_density_cm3", "cm^-3", True),
        ("frequency_ghz", "Hz", False),
        ("log10_mass", "dex of Msun", True),
        ("log10_msun", "Msun", False),
        ("scatter_dex", "dex", True),
        ("phase_rad", "deg", False),
        ("k", "Mpc^-1", True),
        ("redshift", "1", True),
        ("size", "list[float]", True),
    ],
)
def test_the_vocabulary_of_units(check, name, unit, agrees):
    entry = f"Parameters\n    ----------\n    {name} : float [{unit}]"
    source = f'"""A module."""\ndef f({name}):\n    """Do.\n\n    {entry}\n    """\n'
    findings, status = check(source, file="core/f.py")
    assert (findings == []) is agrees
    assert status == (0 if agrees else 1)


@pytest.mark.parametrize(
    ("name", "summary", "agrees"),
    [
        ("arcmin_per_mpc", "Return the angle [arcmin Mpc^-1].", True),
        ("mass_from_y_mpc2", "Return the mass [Msun].", True),
        ("radius_mpc", "Return the radius [Mpc] of a mass [Msun].", True),
        ("radius_mpc", "Return the radius [kpc].", False),
        ("radius_mpc", "Return the radius.", True),
    ],
)
def test_units_of_what_a_function_returns(check, name, summary, agrees):
    findings, _ = check(f'"""A module."""\ndef {name}():\n    """{summary}"""\n', file="core/f.py")
    assert (findings == []) is agrees


def raises(tmp_path, executed, source):
    """Check a module whose executed lines are given."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "a.py").write_text(source)
    report = tmp_path / "coverage.json"
    report.write_text(json.dumps({"files": {"package/a.py": {"executed_lines": executed}}}))
    command = [sys.executable, str(TOOLS / "check_raises.py"), "coverage.json", "package"]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)


RAISES = """
def f(x):
    if x:
        raise ValueError(
            "no"
        )
    try:
        raise KeyError from None
    except KeyError:
        raise
"""


def test_raises_that_ran_are_not_listed(tmp_path):
    done = raises(tmp_path, [2, 3, 4, 7, 8], RAISES)
    assert (done.returncode, done.stdout) == (0, "1 files: no raise statements that no test executed\n")


def test_raises_that_did_not_run_are_listed_with_their_text(tmp_path):
    done = raises(tmp_path, [2, 3, 7, 8], RAISES)
    assert done.returncode == 1
    assert done.stdout.splitlines()[:-1] == ["package/a.py:4: raise ValueError('no')"]


def test_a_file_that_no_test_imports_is_listed(tmp_path):
    done = raises(tmp_path, [], RAISES)
    assert [line.split(": ")[0] for line in done.stdout.splitlines()[:-1]] == [
        "package/a.py:4",
        "package/a.py:8",
    ]


@pytest.mark.parametrize("tool", ["check_raises.py", "check_docstrings.py"])
def test_without_arguments_they_say_how(tool):
    done = subprocess.run([sys.executable, str(TOOLS / tool)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"usage: python tools/{tool}")
