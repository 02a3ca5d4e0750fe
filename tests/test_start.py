"""`start.py`: what it chooses, when it installs, and what it says when it cannot."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = (REPOSITORY / "start.py").read_text(encoding="utf-8")
LINUX_ONLY = pytest.mark.skipif(not start.LINUX, reason="Xvfb is for Linux")


class Calls:
    """Stands in for a function that runs other programs; remembers the arguments."""

    def __init__(self, answer: Callable[..., object]) -> None:
        self.answer = answer
        self.arguments: list[tuple[str, ...]] = []

    def __call__(self, *arguments: object, **_: object) -> object:
        self.arguments.append(tuple(str(argument) for argument in arguments))
        return self.answer(*arguments)

    @property
    def lines(self) -> list[str]:
        return [" ".join(arguments) for arguments in self.arguments]


def replace(
    monkeypatch: pytest.MonkeyPatch, name: str, answer: Callable[..., object]
) -> Calls:
    calls = Calls(answer)
    monkeypatch.setattr(start, name, calls)
    return calls


# --- the file itself --------------------------------------------------------------


def test_only_the_standard_library_is_imported() -> None:
    for node in ast.walk(ast.parse(SOURCE)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert all(name.split(".")[0] in sys.stdlib_module_names for name in names)


def test_old_versions_of_python_can_read_the_file() -> None:
    ast.parse(SOURCE, feature_version=(3, 7))


def test_the_only_address_is_pytorch_s_own_index() -> None:
    assert re.findall(r"https?://[^/\"\s]+", SOURCE) == ["https://download.pytorch.org"]


def test_the_check_script_runs_the_same_command() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert script.read_text(encoding="utf-8").splitlines()[-1] == (
        "exec python3 start.py test"
    )
    assert os.name == "nt" or os.access(script, os.X_OK)


def test_help_names_both_commands() -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "start.py"), "--help"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "demo" in done.stdout
    assert "test" in done.stdout


# --- which PyTorch ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "nvidia_smi", "build"),
    [
        ("linux", None, "cpu"),
        ("linux", "Driver Version: 570.1   CUDA Version: 12.8", "cu126"),
        ("linux", "Driver Version: 590.1   CUDA Version: 13.1", "cu130"),
        ("win32", None, "default"),
        ("win32", "Driver Version: 590.1   CUDA Version: 13.0", "cu130"),
        ("darwin", None, "default"),
    ],
)
def test_the_build_of_pytorch_suits_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    nvidia_smi: str | None,
    build: str,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    replace(monkeypatch, "call", lambda *_: (nvidia_smi is not None, nvidia_smi or ""))
    assert start.torch_build() == build


def test_a_driver_that_fails_counts_as_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    message = "NVIDIA-SMI has failed because it could not talk to the driver"
    replace(monkeypatch, "call", lambda *_: (False, message))
    assert start.torch_build() == "cpu"


def no_source(*_: object) -> None:
    raise start.SourceProblem("not found", "look elsewhere")


def test_without_a_gpu_only_a_cpu_build_is_asked_for_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace(monkeypatch, "call", lambda *_: (False, "no such package"))
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    start.install_torch(Path("python"), "cpu")
    assert pip.lines == [f"python torch=={start.TORCH}+cpu"]


def test_the_large_default_comes_last_and_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(monkeypatch, "call", lambda *_: (False, "no such package"))
    pip = replace(monkeypatch, "pip_install", no_source)
    with pytest.raises(start.SourceProblem):
        start.install_torch(Path("python"), "cpu")
    assert len(pip.lines) == 3
    assert all("+cpu" in line for line in pip.lines[:2])
    assert start.TORCH_INDEX + "cpu" in pip.lines[1]
    assert pip.lines[2].endswith("torch>=2.5")
    assert "8 GB" in capsys.readouterr().out


def test_a_full_disk_is_not_answered_with_a_larger_download(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise start.Problem("The disk is full", "make room")

    replace(monkeypatch, "call", lambda *_: (False, "no such package"))
    pip = replace(monkeypatch, "pip_install", full)
    with pytest.raises(start.Problem, match="disk is full"):
        start.install_torch(Path("python"), "cpu")
    assert len(pip.lines) == 1


def test_macos_takes_the_default_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(monkeypatch, "call", lambda *_: (False, "no such package"))
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    start.install_torch(Path("python"), "default")
    assert pip.lines == ["python --upgrade torch>=2.5"]
    assert "WARNING" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("there", "build", "installs"),
    [
        ("2.9.0", "cpu", False),
        ("2.13.0+cpu", "cpu", False),
        ("2.13.0+cpu", "cu130", True),
        ("2.13.0+cu126", "cu130", False),
    ],
)
def test_an_installed_pytorch_is_kept_if_it_suits(
    monkeypatch: pytest.MonkeyPatch, there: str, build: str, installs: bool
) -> None:
    replace(monkeypatch, "call", lambda *_: (True, there))
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    start.install_torch(Path("python"), build)
    assert bool(pip.lines) is installs


# --- when it installs -------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with an empty environment, on a machine without a GPU."""
    venv = tmp_path / ".venv"
    venv.mkdir()
    for name in ("setup.cfg", "pyproject.toml"):
        (tmp_path / name).write_text("one", encoding="utf-8")
    (venv / "pyvenv.cfg").write_text("version = 3.11.7", encoding="utf-8")
    monkeypatch.setattr(start, "ROOT", tmp_path)
    monkeypatch.setattr(start, "VENV", venv)
    replace(monkeypatch, "torch_build", lambda: "cpu")
    replace(monkeypatch, "call", lambda *_: (True, ""))
    replace(monkeypatch, "install_torch", lambda *_: None)
    return tmp_path


def test_no_other_package_may_replace_the_build_of_pytorch(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(monkeypatch, "call", lambda *_: (True, "2.13.0+cpu"))
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    start.prepare_environment("test")
    assert "torch==2.13.0+cpu --editable" in pip.lines[0]


def test_the_second_start_installs_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    python = start.prepare_environment("demo")
    assert python.is_relative_to(checkout / ".venv")
    assert len(pip.lines) == 1
    assert start.prepare_environment("demo") == python
    assert len(pip.lines) == 1


def test_the_tests_need_more_than_the_demo_and_not_the_other_way_round(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    for command in ("demo", "test", "demo", "test"):
        start.prepare_environment(command)
    assert [line.rpartition("[")[2] for line in pip.lines] == [
        "pyqt5]",
        "pyqt5,pyqt6,test]",
    ]


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml", ".venv/pyvenv.cfg"])
def test_a_changed_requirement_or_python_installs_again(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    start.prepare_environment("demo")
    (checkout / name).write_text("two", encoding="utf-8")
    start.prepare_environment("demo")
    assert len(pip.lines) == 2


def test_a_new_gpu_installs_again(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    start.prepare_environment("demo")
    replace(monkeypatch, "torch_build", lambda: "cu130")
    start.prepare_environment("demo")
    assert len(pip.lines) == 2


def test_a_failed_installation_is_tried_again_next_time(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(monkeypatch, "pip_install", no_source)
    with pytest.raises(start.Problem):
        start.prepare_environment("demo")
    pip = replace(monkeypatch, "pip_install", lambda *_: None)
    start.prepare_environment("demo")
    assert len(pip.lines) == 1


def test_a_broken_environment_is_made_anew(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(monkeypatch, "pip_install", lambda *_: None)
    made = replace(monkeypatch, "make_venv", lambda: None)
    replace(monkeypatch, "call", lambda *_: (False, "No such file or directory"))
    start.prepare_environment("demo")
    assert len(made.arguments) == 1


# --- what it says -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("OSError: [Errno 28] No space left on device", "make room"),
        ("ERROR: [Errno 13] Permission denied: '/opt'", "place of your own"),
        ("SSLError(SSLCertVerificationError(1, ...))", "PIP_CERT"),
        ("[Errno -3] Temporary failure in name resolution", "connect to the internet"),
        ("ReadTimeoutError: Read timed out.", "connect to the internet"),
        ("ERROR: No matching distribution found for PyQt5", "64-bit Python"),
        ("ERROR: something never seen before", "something never seen before"),
        ("", "start again"),
    ],
)
def test_a_failed_installation_names_cause_and_cure(printed: str, said: str) -> None:
    message = str(start.pip_problem(["Collecting torch", printed]))
    assert said in message
    assert "What helps: " in message


def test_a_full_disk_outweighs_the_errors_it_causes() -> None:
    lines = ["No space left on device", "ERROR: No matching distribution found for x"]
    problem = start.pip_problem(lines)
    assert "disk is full" in str(problem)
    assert not isinstance(problem, start.SourceProblem)


def test_an_old_python_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "OLDEST_PYTHON", (3, 99))
    assert start.main(["demo"]) == 1
    said = capsys.readouterr().err
    assert "too old" in said
    assert "Traceback" not in said


def test_an_interrupted_start_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "prepare_system", interrupt)
    assert start.main(["test"]) == 130
    assert "Stopped" in capsys.readouterr().err


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        start.main(["dmeo"])
    assert "demo" in capsys.readouterr().err


def test_what_stands_after_the_dashes_is_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tests = replace(monkeypatch, "test", lambda _: 0)
    assert start.main(["test", "--", "-k", "io", "--", "x"]) == 0
    assert tests.lines == ["['-k', 'io', '--', 'x']"]


# --- system libraries -------------------------------------------------------------


@LINUX_ONLY
def test_missing_libraries_are_asked_for_by_their_debian_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = {"libxcb-render-util.so.0", "libGL.so.1"}
    monkeypatch.setattr(start, "loads", lambda name: name not in missing)
    monkeypatch.setattr(start.shutil, "which", lambda _: None)
    install = replace(monkeypatch, "install_packages", lambda _: None)
    start.prepare_system(virtual_screen=True)
    assert install.lines == ["libgl1 libxcb-render-util0 xvfb"]


@LINUX_ONLY
def test_a_complete_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "loads", lambda _: True)
    install = replace(monkeypatch, "install_packages", lambda _: None)
    start.prepare_system(virtual_screen=False)
    assert not install.lines


@LINUX_ONLY
def test_without_rights_the_exact_command_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(start.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    calls = replace(monkeypatch, "call", lambda *_: (False, "a password is required"))
    # Nothing may follow it: it will be copied into a terminal as it stands.
    command = "sudo apt-get update && sudo apt-get install --yes libgl1 xvfb$"
    with pytest.raises(start.Problem, match=command):
        start.install_packages("libgl1 xvfb")
    assert calls.lines == ["sudo -n true"]


@LINUX_ONLY
@pytest.mark.parametrize(("user", "prefix"), [(0, "env"), (1000, "sudo -n env")])
def test_with_rights_the_packages_are_installed(
    monkeypatch: pytest.MonkeyPatch, user: int, prefix: str
) -> None:
    monkeypatch.setattr(start.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    calls = replace(monkeypatch, "call", lambda *_: (True, ""))
    start.install_packages("libgl1 xvfb")
    update, install = calls.lines[-2:]
    assert update.startswith(prefix)
    assert update.endswith("update")
    assert install.startswith(prefix)
    assert install.endswith("libgl1 xvfb")
    assert "DEBIAN_FRONTEND=noninteractive" in install


@LINUX_ONLY
def test_another_package_manager_is_left_to_the_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(start.shutil, "which", lambda _: None)
    with pytest.raises(start.Problem, match=r"libgl1.*\n.*package manager"):
        start.install_packages("libgl1")


@LINUX_ONLY
def test_a_failing_apt_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    printed = "Reading…\nE: Could not get lock /var/lib/dpkg/lock-frontend"
    replace(monkeypatch, "call", lambda *_: (False, printed))
    with pytest.raises(start.Problem, match="Could not get lock"):
        start.install_packages("libgl1")


# --- screen and runs --------------------------------------------------------------


@LINUX_ONLY
def test_the_virtual_screen_opens_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    if start.shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    # A Wayland desktop must not shine through: OpenGL would look for it.
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with start.virtual_screen() as environment:
        assert "WAYLAND_DISPLAY" not in environment
        monkeypatch.delenv("WAYLAND_DISPLAY")
        monkeypatch.setenv("DISPLAY", environment["DISPLAY"])
        assert start.has_display()
    assert not start.has_display()


@LINUX_ONLY
def test_a_screen_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(command: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
        script = "import sys; sys.exit('no fonts')"
        return popen([sys.executable, "-c", script], **options)

    popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", broken)
    with pytest.raises(start.Problem, match="no fonts"), start.virtual_screen():
        pass


@LINUX_ONLY
def test_no_display_is_seen_without_the_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not start.has_display()


@pytest.fixture
def no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the commands without preparing anything and without a screen."""
    monkeypatch.setattr(start, "prepare_system", lambda **_: None)
    monkeypatch.setattr(start, "prepare_environment", lambda _: Path("bin/python"))
    monkeypatch.setattr(
        start, "virtual_screen", lambda: start.contextlib.nullcontext({})
    )


@pytest.mark.usefixtures("no_installation")
def test_one_failing_check_fails_the_whole_but_all_are_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = replace(
        monkeypatch, "run", lambda command, _, binding: int("mypy" in command)
    )
    assert start.test([]) == 1
    assert len(runs.arguments) == 5
    report = capsys.readouterr().out
    assert report.count("passed") == 4
    assert report.count("FAILED") == 1


@pytest.mark.usefixtures("no_installation")
def test_the_window_is_tested_with_both_bindings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = replace(monkeypatch, "run", lambda *_: 0)
    assert start.test([]) == 0
    assert [arguments[2] for arguments in runs.arguments][-2:] == ["pyqt5", "pyqt6"]


@pytest.mark.usefixtures("no_installation")
@pytest.mark.parametrize(("extra", "status"), [([], 1), (["-k", "io"], 0)])
def test_no_test_selected_is_fine_only_if_few_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, extra: list[str], status: int
) -> None:
    def run(command: Sequence[str], *_: object) -> int:
        return 5 if "gui" in command else 0

    replace(monkeypatch, "run", run)
    assert start.test(extra) == status


@pytest.mark.usefixtures("no_installation")
@pytest.mark.parametrize("on_screen", [True, False])
def test_the_demo_writes_files_only_without_a_screen(
    monkeypatch: pytest.MonkeyPatch, on_screen: bool
) -> None:
    monkeypatch.setattr(start, "has_display", lambda: on_screen)
    runs = replace(monkeypatch, "run", lambda *_: 0)
    assert start.demo([]) == 0
    (command,) = [arguments[0] for arguments in runs.arguments]
    assert "napari-octseg" in command
    assert ("--out" in command) is not on_screen
