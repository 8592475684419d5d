"""Where a result comes from."""

import json
import shutil
import subprocess

import numpy
import pytest

from zwicky import RESULTS_VERSION, __version__
from zwicky.core import provenance as module
from zwicky.core.provenance import config_hash, git_commit, library_versions, provenance


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder that takes the place of the source tree."""
    monkeypatch.setattr(module, "__file__", str(tmp_path / "src" / "zwicky" / "core" / "provenance.py"))
    return tmp_path


def test_the_hash_follows_the_content_and_not_the_order():
    config = {"a": 1, "b": {"c": [1.5, 2.5], "d": "x"}}
    assert config_hash(config) == config_hash({"b": {"d": "x", "c": [1.5, 2.5]}, "a": 1})
    assert len(config_hash(config)) == 16
    assert int(config_hash(config), 16) >= 0
    changed = [{**config, "a": 2}, {**config, "e": None}, {"a": 1, "b": {"c": [2.5, 1.5], "d": "x"}}]
    assert len({config_hash(other) for other in [config, *changed]}) == 4


def test_versions_are_those_that_are_imported(monkeypatch):
    monkeypatch.setattr(module, "_LIBRARIES", ("numpy", "no-such-library"))
    versions = library_versions()
    assert versions["numpy"] == numpy.__version__
    assert versions["no-such-library"] == "not installed"


def test_outside_a_checkout(tree):
    assert git_commit() == "not a git checkout"


def test_a_damaged_checkout(tree):
    (tree / ".git").write_text("nonsense")
    assert git_commit() == "unknown"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_and_whether_the_tree_is_clean(tree):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tree), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (tree / "a").write_text("1")
    git("add", "a")
    git("commit", "--quiet", "--no-gpg-sign", "-m", "one")
    commit = git("rev-parse", "HEAD")[:12]
    assert git_commit() == commit
    (tree / "a").write_text("2")
    assert git_commit() == f"{commit}-dirty"


def test_what_is_written(monkeypatch):
    monkeypatch.setattr(module.sys, "argv", ["/somewhere/bin/zwicky", "demo", "--seed", "3"])
    written = json.loads(json.dumps(provenance({"a": 1})))
    assert written["zwicky"] == __version__
    assert written["results_version"] == RESULTS_VERSION
    assert written["config_hash"] == config_hash({"a": 1})
    assert written["command"] == "zwicky demo --seed 3"
    assert set(written) == {
        "zwicky",
        "results_version",
        "commit",
        "config_hash",
        "command",
        "machine",
        "versions",
    }
