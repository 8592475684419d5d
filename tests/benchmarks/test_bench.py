"""The benchmark runs to its end, and says what it measured on which machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEASURED = {
    "zwicky --help": "s",
    "mock observations": "1/s/core",
    "store, two processes over one": "1",
    "painter, 7 maps of 128 x 128": "ms",
    "painter, 7 maps of 80 x 80": "ms",
    "painter, two processes over one": "1",
    "store, log16, read": "1/s",
    "painted, each cluster once": "1/s/core",
    "weighings": "1/s",
    "  classical": "1/s",
    "  warning light": "1/s",
    "matched filter over its bound": "1",
    "training, deepplanck": "images/s",
    "training, radial_cnn over a plain loop": "1",
    "map training, unet over a plain loop": "1",
    "map training, any_view": "images/s",
    "map training, pix2pix": "images/s",
    "ensemble, weighing 32 at once, over a loop": "1",
    "ensemble, training over one after the other": "1",
    "photon images, erosita_efeds": "1/s/core",
    "posterior samples": "1/s",
    "posterior of one cluster, 50 samples": "s",
    "posterior samples over Euler-Maruyama, 1000 steps": "1",
    "posterior samples over Euler-Maruyama, fewest steps": "1",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """What a quick run prints and writes."""
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--quick", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out.parent, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_table_and_the_file_say_the_same(bench):
    printed, content = bench
    lines = printed.splitlines()
    for row in content["rows"]:
        line = next(line for line in lines if line.startswith(f"{row['name']}  "))
        assert row["beside"] in line
        assert f" {row['unit']} " in line
    assert len({row["name"] for row in content["rows"]}) == len(content["rows"])


@pytest.mark.slow
def test_everything_was_measured(bench):
    _, content = bench
    units = {row["name"]: row["unit"] for row in content["rows"]}
    assert MEASURED.items() <= units.items()
    numbers = [row["value"] for row in content["rows"] if row["unit"]]
    assert all(value > 0.0 for value in numbers)


@pytest.mark.slow
def test_the_machine_is_named(bench):
    printed, content = bench
    assert content["quick"] is True
    for name in ("cores", "processor", "torch", "torch threads"):
        assert f"{name}: {content['machine'][name]}" in printed


@pytest.mark.slow
def test_help_needs_no_torch(bench):
    _, content = bench
    assert [row["value"] for row in content["rows"] if row["name"] == "zwicky --help imports torch"] == ["no"]
