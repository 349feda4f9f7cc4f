"""Files and directories appear whole or not at all: full disk, kill at every write, links, streams, leftovers of a killed process."""

import errno
import os
import resource
import threading
from functools import partial
from pathlib import Path

import pytest

from builders.faults import KILLED, REFUSED, contents, full, killed
from dqa.errors import DqaError, InputError
from dqa.support import directories, files
from dqa.support.directories import recover, staged


def fill(directory: Path, names: dict[str, str]) -> None:
    for name, text in names.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def users(directory: Path) -> list[str]:
    """A `Keep`: what is called user*."""
    return [str(path.relative_to(directory)) for path in sorted(directory.rglob("user*"))]


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_atomically(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    path.chmod(0o640)
    files.write_atomically(path, b"\r\n")
    assert path.read_bytes() == b"\r\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_a_stream_is_written_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    files.write_atomically(tmp_path / "link", "new")
    assert contents(tmp_path) == {"link": "-> real", "real": "new"}
    files.write_atomically(Path(os.devnull), "gone")
    assert Path(os.devnull).is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    files.write_atomically(pipe, "through")
    reader.join()
    assert read == ["through"]
    assert pipe.is_fifo()


def test_a_name_of_any_length_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    files.write_atomically(path, "long")
    assert path.read_text() == "long"


def test_a_place_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "missing" / "file", tmp_path / "file" / "below", tmp_path):
        with pytest.raises(InputError, match="cannot write"):
            files.write_atomically(place, "")


def test_what_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.beside(path).write_text("a longer text than the one that follows")
    files.write_atomically(path, "text")
    assert contents(tmp_path) == {"file": "text"}
    fill(tmp_path, {"a/.b.json.dqa-writing": "", "a/.hidden": "", "a/c.dqa-writing": ""})
    files.sweep(tmp_path)
    assert sorted(contents(tmp_path)) == ["a", "a/.hidden", "a/c.dqa-writing", "file"]


def test_threads_that_write_the_same_file_leave_one_of_their_texts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = [str(number) * 1000 for number in range(8)]

    def write_often(text: str) -> None:
        for _ in range(10):
            files.write_atomically(path, text)

    threads = [threading.Thread(target=write_often, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    fill(tmp_path / "out", {"model": "old"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DqaError, match="cannot write") as caught:
            files.write_atomically(path, "x" * 2000)
        assert caught.value.exit_code == 1
        with pytest.raises(DqaError, match="cannot write") as caught, staged(tmp_path / "out") as new:
            (new / "model").write_text("x" * 2000)
        assert caught.value.exit_code == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == {"file": "old", "out": "/", "out/model": "old"}


def test_a_directory_is_replaced_and_the_users_files_stay(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with staged(out) as new:
        assert not out.exists()
        fill(new, {"model": "1", "lib/a": "1"})
    fill(out, {"user.txt": "mine", "lib/user/x": "mine"})
    (out / "lib" / "user").chmod(0o750)
    (out / "lib" / "user-empty").mkdir()
    (out / "user-link").symlink_to("nowhere")
    mine = (out / "user.txt").stat().st_ino
    with staged(out, lambda old: [*users(old), "lib/user/x"]) as new:
        fill(new, {"model": "2", "src/b": "2"})
    assert contents(out) == {
        "lib": "/",
        "lib/user": "/",
        "lib/user-empty": "/",
        "lib/user/x": "mine",
        "model": "2",
        "src": "/",
        "src/b": "2",
        "user-link": "-> nowhere",
        "user.txt": "mine",
    }
    assert (out / "user.txt").stat().st_ino == mine
    assert (out / "lib" / "user").stat().st_mode & 0o777 == 0o750
    assert list(out.parent.iterdir()) == [out]


def test_a_failure_while_it_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    fill(tmp_path / "out", {"model": "old", "user": "mine"})
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "out", users) as new:
        fill(new, {"model": "new"})
        raise KeyboardInterrupt
    assert contents(tmp_path) == before
    with pytest.raises(DqaError) as caught, staged(tmp_path / "out", users):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "cannot write" in caught.value.message
    assert contents(tmp_path) == before


@pytest.mark.parametrize("way", ["current directory", "no exchange"])
def test_where_directories_cannot_be_exchanged_their_entries_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    out = tmp_path / "out"
    fill(out, {"model": "old", "lib/a": "old", "lib/user": "mine", "gone": "old"})
    if way == "no exchange":
        monkeypatch.setattr(directories, "_exchange", lambda _one, _other: False)
    else:
        monkeypatch.chdir(out)
    place = out.stat().st_ino
    with staged(Path(), users) if way == "current directory" else staged(out, users) as new:
        fill(new, {"model": "new", "lib/b": "new"})
    assert out.stat().st_ino == place
    assert contents(tmp_path) == {"out": "/", "out/lib": "/", "out/lib/b": "new", "out/lib/user": "mine", "out/model": "new"}


def old_out(out: Path) -> None:
    fill(out, {"lib/a": "old", "lib/user": "mine", "model": "old", "user": "mine"})


def replace(out: Path) -> None:
    with staged(out, users) as new:
        fill(new, {"model": "new", "lib/b": "new"})


BEFORE = {"lib": "/", "lib/a": "old", "lib/user": "mine", "model": "old", "user": "mine"}
AFTER = {"lib": "/", "lib/b": "new", "lib/user": "mine", "model": "new", "user": "mine"}


@pytest.mark.parametrize("exchanged", [True, False])
def test_killed_at_any_moment_it_is_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanged: bool) -> None:
    """Where it is exchanged, without any help; where entries are moved, once it is recovered. The user's files are there either way."""
    if not exchanged:
        monkeypatch.setattr(directories, "_exchange", lambda _one, _other: False)
    found = []
    for moment in range(1, 1000):
        out = tmp_path / f"{moment}" / "out"
        old_out(out)
        code = killed(partial(replace, out), moment)
        if exchanged:
            assert contents(out) in (BEFORE, AFTER), moment
        recover(out, users)
        assert contents(out) in (BEFORE, AFTER), moment
        assert list(out.parent.iterdir()) == [out]
        found.append(contents(out) == AFTER)
        if code == 0:
            break
        assert code == KILLED
    assert found == sorted(found)
    assert found.count(False) > 5
    assert found.count(True) > 3


def test_a_disk_that_is_full_at_any_moment_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    old_out(out)
    for moment in range(1, 1000):
        code = full(lambda: replace(out), moment)
        if code == 0:
            break
        assert code == REFUSED
        assert contents(out) == BEFORE, moment
        assert list(tmp_path.iterdir()) == [out]
    assert moment > 5
    assert contents(out) == AFTER


def test_a_file_that_came_while_the_directory_was_exchanged_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    fill(out, {"model": "old"})
    exchange = directories._exchange

    def slow(one: Path, other: Path) -> bool:
        (out / "user-late").write_text("mine")
        return exchange(one, other)

    monkeypatch.setattr(directories, "_exchange", slow)
    with staged(out, users) as new:
        fill(new, {"model": "new"})
    assert contents(tmp_path) == {"out": "/", "out/model": "new", "out/user-late": "mine"}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_directory_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut leaves the old one or the whole new one."""
    out, early = tmp_path / "out", set[int]()
    monkeypatch.setattr(os, "fsync", lambda handle: None if out.exists() else early.add(os.fstat(handle).st_ino))
    with staged(out) as new:
        fill(new, {"a": "1", "sub/b": "2"})
    assert {path.stat().st_ino for path in (out, out / "a", out / "sub", out / "sub" / "b")} <= early


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, early = tmp_path / "file", set[int]()
    monkeypatch.setattr(os, "fsync", lambda handle: None if path.exists() else early.add(os.fstat(handle).st_ino))
    files.write_atomically(path, "3")
    assert path.stat().st_ino in early
