"""What no child and no temporary folder may do: outlive the process that made it, however that ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dqa.errors import DqaError, ToolError
from dqa.support import keeper, processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups")
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]

FAMILY = """
import sys, time
from pathlib import Path
from typing import Any
from dqa.support import processes
from dqa.cli import signals
grandchild = "sleep 1000 & echo $!; echo $$; touch $TMPDIR/left; wait"
with signals.ending(), processes.folder() as folder, processes.child(["sh", "-c", grandchild], stdout=-1) as child:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "file").write_text("x")
    for _ in range(2):
        print(child.stdout.readline().decode().strip(), flush=True)
    print(folder, flush=True)
    time.sleep(1000)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def python(code: str, *arguments: str, scratch: Path, ignored: bool = False, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    """Python that runs `code` and ends with the test. ignored: it begins with SIGHUP ignored, as under nohup; tests themselves may be."""
    environment = os.environ | {"TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", code, *arguments]
    hangup = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, preexec_fn=hangup, **pipes | settings) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("death", SIGNALS)
def test_children_grandchildren_and_folders_end_with_their_owner(death: signal.Signals, tmp_path: Path) -> None:
    with python(FAMILY, scratch=tmp_path) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(2)]
        assert Path(process.stdout.readline().strip(), "deep", "file").exists() and all(map(alive, pids))
        process.send_signal(death)
        _, said = process.communicate(timeout=30)
    wait_for(lambda: not any(map(alive, pids)) and not list(tmp_path.iterdir()))
    if death == signal.SIGKILL:
        assert process.returncode == -death
    else:
        assert process.returncode == 128 + death and len(said.splitlines()) == 1, said


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_children_end_even_if_the_keeper_is_killed_first_and_the_next_process_removes_the_folder(tmp_path: Path) -> None:
    with python(FAMILY, scratch=tmp_path) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(2)]
        folder = Path(process.stdout.readline().strip())
        children = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        for child in children:
            if b"keeper.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
        process.kill()
        process.communicate()
    wait_for(lambda: not alive(pids[1]))
    os.kill(pids[0], signal.SIGKILL)
    wait_for(lambda: not alive(pids[0]))  # the folder is somebody's as long as it lives
    assert folder.exists()
    old = time.time() - 3600
    for path in tmp_path.iterdir():
        os.utime(path, (old, old))
    with python("from dqa.support import processes\nwith processes.folder(): pass", scratch=tmp_path) as process:
        process.communicate()
    assert not list(tmp_path.iterdir())


TREE = """
import os, signal, subprocess, sys
from pathlib import Path
from typing import Any
from dqa.support import processes
WORK = '''
import sys, tempfile, time
from pathlib import Path
from typing import Any
tempfile.gettempdir()
from dqa.support import processes
processes.belong_to_parent(int(sys.argv[1]), Path(sys.argv[2]))
with processes.folder() as mine:
    (mine / "file").touch()
    print(processes._keeper._process.pid, flush=True)
    time.sleep(1000)
'''
with processes.folder() as scratch:
    worker = subprocess.Popen([sys.executable, "-c", WORK, str(os.getpid()), str(scratch)], stdout=subprocess.PIPE)
    keeper = int(worker.stdout.readline())
    assert list(scratch.glob("*/file"))
    for pid in (keeper, worker.pid):
        os.kill(pid, signal.SIGKILL)
    worker.wait()
"""


def test_what_a_workers_tree_had_is_gone_though_a_library_killed_all_of_it_at_once(tmp_path: Path) -> None:
    with python(TREE, scratch=tmp_path) as process:
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "") and not list(tmp_path.iterdir())


def test_a_folder_in_use_is_never_taken_for_an_abandoned_one(tmp_path: Path) -> None:
    with processes.folder(tmp_path) as mine:
        (mine / "file").write_text("x")
        old = time.time() - 3600
        os.utime(mine, (old, old))
        (tmp_path / "dqa-mine").mkdir()
        os.utime(tmp_path / "dqa-mine", (old, old))
        with python(f"from dqa.support import processes\nwith processes.folder({str(tmp_path)!r}): pass", scratch=tmp_path) as process:
            process.communicate()
        assert process.returncode == 0 and (mine / "file").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["dqa-mine"]


def test_a_folder_is_gone_after_a_normal_end_too_and_what_was_renamed_stays(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from typing import Any
from dqa.support import processes
one, other = processes.folder(), processes.unfinished(Path("new"))
(one.__enter__() / "x").write_text("x")
with processes.unfinished(Path("unfinished")) as path:
    path.write_text("whole")
    path.rename("finished")
other.__enter__().write_text("half")
Path(sys.argv[1]).write_text("mine")
"""
    with python(code, "file", scratch=tmp_path, cwd=tmp_path) as process:
        _, said = process.communicate()
    assert said == "" and sorted(path.name for path in tmp_path.iterdir()) == ["file", "finished"]


def test_a_timeout_ends_what_the_child_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(["sh", "-c", f"sleep 1000 & echo $! > {pid}; wait"], timeout=1)
    wait_for(lambda: not alive(int(pid.read_text())))


def test_a_child_has_no_input_and_its_status_and_output_are_given() -> None:
    done = processes.run(["sh", "-c", "cat; echo $TMPDIR; printf '\\377' >&2; exit 3"])
    assert done.returncode == 3 and done.stderr == "\ufffd"
    assert re.fullmatch(r"dqa-[0-9a-f]{16}", Path(done.stdout.strip()).name) and not Path(done.stdout.strip()).exists()


def test_what_cannot_be_started_is_an_error_and_is_not_owned(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ToolError, match="absent' does not run: No such file"):
            processes.run([str(tmp_path / "absent")])
    with processes.child(["sleep", "1000"]) as process:
        assert processes._keeper._owned.keys() >= {b"G%d" % process.pid}
    assert not [record for record in processes._keeper._owned if record[:1] == b"G"]


def test_a_keeper_that_was_killed_is_replaced_and_knows_all(tmp_path: Path) -> None:
    with processes.folder(tmp_path) as one:
        before = processes._keeper._process
        assert before is not None
        before.kill()
        before.wait()
        with processes.folder(tmp_path) as other:
            assert processes._keeper._process is not before
            assert {b"P" + os.fsencode(path) for path in (one, other)} <= processes._keeper._owned.keys()
    assert not list(tmp_path.iterdir())


def test_the_keeper_understands_what_it_is_told(tmp_path: Path) -> None:
    source, sink = os.pipe()
    with os.fdopen(sink, "wb") as file:
        file.write(b"+G1000000\0!\0+P/a b\nc\0+G7\0+P/gone\0-P/gone\0-G9\0+Punfinished")
    try:
        assert keeper.read_records(source) == {b"P/a b\nc", b"G7"}
    finally:
        os.close(source)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "folder" / "file").write_text("x")
    keeper.clear({b"P" + os.fsencode(tmp_path / name) for name in ("link", "absent")} | {b"N" + os.fsencode(tmp_path / "no" / "new")})
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "file"]


def test_the_keeper_leaves_alone_what_another_process_works_at(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    work, file = tmp_path / "work", tmp_path / "file"
    (work / "new" / "deep").mkdir(parents=True)
    file.write_text("half")
    owned = ((work / "new", work), (file, None))
    locks = [os.open(path, os.O_RDONLY) for path in (work, file)]
    try:
        for lock in locks:
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert [keeper.remove(*path) for path in owned] == [False, False] and file.exists() and (work / "new" / "deep").exists()
    finally:
        for lock in locks:
            os.close(lock)
    assert [keeper.remove(*path) for path in owned] == [True, True] and not list(tmp_path.iterdir())


WRITER = """
import time
from pathlib import Path
from typing import Any
from dqa.support import directories, files
real = files.os.fsync
def slow(handle):
    print("writing")
    time.sleep(600)
with directories.staged(Path("out")) as new:
    (new / "a").write_text("new")
    files.os.fsync = slow
    files.write_atomically(Path("report"), "new")
"""


def test_what_a_killed_process_was_writing_is_removed_and_the_earlier_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("old")
    (tmp_path / "report").write_text("old")
    with python(WRITER, scratch=tmp_path, cwd=tmp_path) as process:
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        assert len(list(tmp_path.iterdir())) == 4
        process.kill()
        process.communicate()
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    assert [(tmp_path / name).read_text() for name in ("out/a", "report")] == ["old", "old"]


def test_no_room_for_temporary_files_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(DqaError, match="no temporary folder") as caught:
        processes.run(["true"])
    assert "TMPDIR" in caught.value.hint


def test_a_process_whose_parent_is_gone_already_ends_at_once() -> None:
    calls = f"end_with_parent({os.getpid()}); print('on'); end_with_parent(2**22 + 1); print('no')"
    code = f"from dqa.support.processes import end_with_parent; {calls}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    assert (done.returncode, done.stdout) == (1, "on\n")


def test_every_child_and_temporary_folder_of_the_package_begins_here(root: Path) -> None:
    starts = r"subprocess\.(run|Popen|call|check_\w+)\(|os\.(system|popen|fork|spawn|posix_spawn)|import multiprocessing"
    banned = re.compile(starts + "|mkdtemp|mkstemp|TemporaryDirectory|NamedTemporaryFile")
    package = root / "converter" / "dqa"
    found = {file.name for file in package.rglob("*.py") if banned.search(file.read_text(encoding="utf-8"))}
    assert found <= {"processes.py", "keeper.py"}


SLEEPER = "import time\nfrom dqa.cli import signals\nwith signals.ending():\n    print('on')\n    {}\n"


BODIES = [
    "time.sleep(600)",
    "try:\n        time.sleep(600)\n    finally:\n        raise OSError('the terminal')",
    "type('Dropped', (), {'__del__': lambda self: time.sleep(600)})()",
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("death", "says"), [("SIGINT", "interrupted"), ("SIGTERM", "terminated"), ("SIGHUP", "the terminal was closed")])
def test_a_signal_ends_a_command_with_one_line(death: str, says: str, body: str, tmp_path: Path) -> None:
    with python(SLEEPER.format(body), scratch=tmp_path) as process:
        assert process.stdout is not None and process.stdout.readline() == "on\n"
        process.send_signal(number := signal.Signals[death])
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (128 + number, f"{says}\n")


def test_a_second_signal_does_not_wait_for_the_clean_up_and_an_ignored_one_stays_ignored(tmp_path: Path) -> None:
    body = "try:\n        print('in')\n        time.sleep(600)\n    finally:\n        print('cleaning')\n        time.sleep(600)"
    with python(SLEEPER.format(body), scratch=tmp_path, ignored=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "on\n"
        assert process.stdout.readline() == "in\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (143, "terminated\n")


def test_the_end_is_not_left_to_threads_of_libraries_and_the_clean_up_runs(tmp_path: Path) -> None:
    body = "import atexit, threading; atexit.register(print, 'cleaned'); threading.Thread(target=time.sleep, args=(600,)).start()"
    with python(SLEEPER.format(f"{body}; print('in'); time.sleep(600)"), scratch=tmp_path) as process:
        assert process.stdout is not None and process.stdout.readline() == "on\n"
        assert process.stdout.readline() == "in\n"
        process.send_signal(signal.SIGTERM)
        printed, said = process.communicate(timeout=15)  # sooner than what ends a clean-up that hangs
    assert (process.returncode, printed, said) == (143, "cleaned\n", "terminated\n")


def test_the_entry_points_see_to_signals_before_they_import_what_takes_long(tmp_path: Path) -> None:
    with python("import sys; from dqa.cli import main; print(*sys.modules)", scratch=tmp_path) as process:
        printed, _ = process.communicate()
    assert "dqa.cli.early" in printed and not {"typing", "threading", "click", "numpy", "dqa.cli.signals"} & set(printed.split())


@pytest.mark.parametrize(("death", "says"), [("SIGINT", "interrupted"), ("SIGTERM", "terminated"), ("SIGHUP", "the terminal was closed")])
def test_a_signal_before_a_command_has_begun_is_one_line_too(death: str, says: str, tmp_path: Path) -> None:
    slow = "import sys, time, types; sys.path_hooks.insert(0, lambda path: print('on') or time.sleep(600)); sys.path_importer_cache.clear()"
    with python(f"from dqa.cli import main\n{slow}\nmain()", scratch=tmp_path) as process:
        assert process.stdout is not None and process.stdout.readline() == "on\n"
        process.send_signal(number := signal.Signals[death])
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (128 + number, f"{says}\n")


@pytest.mark.parametrize("raised", [None, SystemExit(2)])
def test_a_signal_after_all_is_done_changes_nothing(raised: BaseException | None, tmp_path: Path) -> None:
    code = f"""
import atexit, sys, time
from dqa.cli import signals
atexit.register(lambda: [print('ending'), sys.stdin.readline(), print('ended')])
with signals.ending():
    if {raised is not None}:
        raise {raised!r}
"""
    with python(code, scratch=tmp_path, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == "ending\n"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        printed, said = process.communicate("\n", timeout=30)
    assert (process.returncode, printed, said) == (2 if raised else 0, "ended\n", "")


INTERRUPTED = """
import os, shutil, signal, sys
from dqa.cli import signals
from dqa.support import processes
def slow(path, ignore_errors):
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError
shutil.rmtree = slow
with signals.ending(), processes.folder() as folder:
    (folder / "file").touch()
"""
HELD = """
import fcntl, os, sys
from dqa.support import processes
folder = processes.folder()
path = folder.__enter__()
(path / "file").touch()
handle = os.open(path, os.O_RDONLY)
"""


@pytest.mark.parametrize("code", [INTERRUPTED, HELD], ids=["while it is removed", "whose lock is never given back"])
def test_a_folder_is_gone_whenever_its_owner_was_ended(code: str, tmp_path: Path) -> None:
    with python(code, scratch=tmp_path) as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == ((143, "terminated\n") if code == INTERRUPTED else (0, ""))
    wait_for(lambda: not list(tmp_path.iterdir()))
