"""Files are whole or absent; a folder has one writer, and the kernel frees it."""

import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from zwicky.core import files
from zwicky.core.errors import LockError
from zwicky.core.files import sha256_of, sole_writer, write_json, write_text, written_whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def start(script, folder):
    """Run Python in another process and wait until it has printed its first line."""
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "held"
    return process


HOLDER = """
    import sys, time
    from pathlib import Path
    from zwicky.core.files import sole_writer
    with sole_writer(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(600)
"""


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with written_whole(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename across file systems would not be atomic
    assert path.read_text() == "first"
    write_text(path, "second \N{GREEK SMALL LETTER SIGMA}")
    assert path.read_text(encoding="utf-8") == "second \N{GREEK SMALL LETTER SIGMA}"
    assert names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("before", [None, "old"])
def test_after_an_error_the_old_file_stands_and_nothing_else(tmp_path, before):
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_text(before)
    with pytest.raises(RuntimeError, match="half way"), written_whole(path) as temporary:
        temporary.write_text("new")
        raise RuntimeError("half way")
    assert names(tmp_path) == ([] if before is None else ["a.txt"])
    assert before is None or path.read_text() == before


@pytest.mark.parametrize("step", ["fsync", "write"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    if step == "fsync":
        monkeypatch.setattr(files.os, "fsync", full)
    else:
        monkeypatch.setattr(type(path), "write_text", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_json(path, {"new": 2})
    monkeypatch.undo()
    assert path.read_text() == '{\n  "old": 1\n}\n'
    assert names(tmp_path) == ["a.json"]


def test_json_is_sorted_and_refuses_nan(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": [1.5, None], "a": "x"})
    assert path.read_text() == '{\n  "a": "x",\n  "b": [\n    1.5,\n    null\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", {"a": float("nan")})
    assert names(tmp_path) == ["a.json"]


def test_the_digest_of_abc(tmp_path):
    """FIPS 180-2, appendix B.1."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(bytes(3_000_000))
    assert sha256_of(path) == hashlib.sha256(bytes(3_000_000)).hexdigest()


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path):
    owner = start(HOLDER, tmp_path / "run")
    try:
        with (
            pytest.raises(LockError, match=rf"Another process[\s\S]*process {owner.pid} on "),
            sole_writer(tmp_path / "run"),
        ):
            pass
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.communicate()
    with sole_writer(tmp_path / "run"):
        named = (tmp_path / "run" / ".writer").read_text()
        assert named == f"process {os.getpid()} on {socket.gethostname()}"


def test_the_same_process_is_refused_too_and_the_folder_is_free_afterwards(tmp_path):
    with sole_writer(tmp_path):
        with pytest.raises(LockError, match=f"process {os.getpid()} on "), sole_writer(tmp_path):
            pass
        with sole_writer(tmp_path / "another"):
            pass
    with pytest.raises(KeyError, match="inside"), sole_writer(tmp_path):
        raise KeyError("inside")
    with sole_writer(tmp_path):
        pass


def test_a_forked_worker_that_still_runs_does_not_keep_the_folder(tmp_path):
    parent = start(
        """
        import os, sys, time
        from pathlib import Path
        from zwicky.core.files import sole_writer
        with sole_writer(Path(sys.argv[1])):
            child = os.fork()
            if child == 0:
                time.sleep(600)
                os._exit(0)
        print("held", flush=True)
        try:
            with sole_writer(Path(sys.argv[1])):
                print("again", flush=True)
        finally:
            os.kill(child, 9)
        """,
        tmp_path,
    )
    assert parent.communicate()[0].strip() == "again"
