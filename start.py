"""Start napari-octseg from a checkout; everything it needs is made on the way.

`python3 start.py demo` opens a sample scan, segments it and shows the result.
`python3 start.py test` runs all checks and all tests.

Only the standard library is used, and old versions of Python can read this file too:
they say what they lack instead of showing a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import importlib.util
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
OLDEST_PYTHON = (3, 11)
THIS_PYTHON = f"python3.{sys.version_info.minor}"
LINUX = sys.platform.startswith("linux")
EXTRAS = {"demo": "pyqt5", "test": "pyqt5,pyqt6,test"}

TORCH = "2.13.0"
TORCH_VERSION = "from importlib.metadata import version; print(version('torch'))"
# PyTorch's public index has one folder for each build: cpu, cu126, cu130.
TORCH_INDEX = "https://download.pytorch.org/whl/"

# What the Qt 5 and Qt 6 wheels load from the system (ldd of their platform plugins),
# and the Debian package it lies in.
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libOpenGL.so.0": "libopengl0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
XCB = "icccm4 image0 keysyms1 randr0 render-util0 shape0 sync1 util1 xfixes0 xinerama0"
for _x in ["cursor0", "xkb1", *XCB.split()]:
    LIBRARIES[f"libxcb-{_x[:-1]}.so.{_x[-1]}"] = f"libxcb-{_x}"

# What pip prints when it fails: cause -> cure. SOURCES: elsewhere it may go well.
FAILURES = {
    "No space left on device|Disk quota exceeded": "The disk is full"
    " -> make room (4 GB; with an NVIDIA GPU 10 GB) and start again",
    "Permission denied|Access is denied": f"Nothing can be written in {ROOT}"
    " -> copy the folder to a place of your own and start there",
}
SOURCES = {
    "CERTIFICATE_VERIFY_FAILED|SSLError": "The package index is not trusted"
    " -> behind a proxy, name its certificate file in the variable PIP_CERT",
    "name resolution|getaddrinfo|NewConnection|unreachable|Proxy|timed out": "The"
    " package index cannot be reached"
    " -> connect to the internet (behind a proxy, set HTTPS_PROXY) and start again",
    "No matching distribution": "A package does not exist for this Python or processor"
    " -> use a 64-bit Python 3.11, 3.12 or 3.13",
}


class Problem(Exception):
    """An expected failure: what is wrong and what helps."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause}.\n  What helps: {cure}")


class SourceProblem(Problem):
    """A package cannot be had from one source; another may have it."""


def say(text: str) -> None:
    """Print at once, so that lines keep their order among those of other programs."""
    print(text, flush=True)


def call(*command: str | Path, seconds: float | None = None) -> tuple[bool, str]:
    """Run a command quietly: whether it succeeded, and what it printed."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.strip()


def check_python() -> None:
    """Python must be new enough."""
    if sys.version_info < OLDEST_PYTHON:
        newer = [f"python3.{minor}" for minor in (13, 12, 11)]
        found = [f"run: {name} start.py" for name in newer if shutil.which(name)]
        cure = found[0] if found else "install Python 3.12 beside it"
        raise Problem(f"Python is too old (3.{sys.version_info.minor} < 3.11)", cure)


def loads(library: str) -> bool:
    """Whether the system has a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def prepare_system(*, virtual_screen: bool) -> None:
    """On Linux, have Qt's libraries, venv and, if asked for, a virtual screen."""
    if not LINUX:
        return
    missing = [package for name, package in LIBRARIES.items() if not loads(name)]
    if virtual_screen and shutil.which("Xvfb") is None:
        missing.append("xvfb")
    if importlib.util.find_spec("ensurepip") is None and not VENV.exists():
        missing.append(f"{THIS_PYTHON}-venv")
    if missing:
        install_packages(" ".join(missing))


def install_packages(names: str) -> None:
    """Install Debian packages if we may; otherwise say the exact command."""
    by_hand = f"sudo apt-get update && sudo apt-get install --yes {names}"
    cause = f"System libraries are missing (in Debian: {names})"
    if shutil.which("apt-get") is None:
        raise Problem(cause, "install them with the package manager of this system")
    root = os.geteuid() == 0
    if not root and not call("sudo", "-n", "true", seconds=20)[0]:
        raise Problem(cause, f"run: {by_hand}")
    say(f"Installing system libraries: {names}")
    apt = "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120"
    apt = apt if root else f"sudo -n {apt}"
    call(*apt.split(), "update")  # one dead source of many often does no harm
    install = f"{apt} install --yes --no-install-recommends {names}"
    installed, text = call(*install.split())
    if not installed:
        errors = [line[3:] for line in text.splitlines() if line.startswith("E: ")]
        cause = f"System libraries could not be installed ({'; '.join(errors)})"
        raise Problem(cause, f"see to that (network? disk?), then run: {by_hand}")


def torch_build() -> str:
    """Build of PyTorch that suits the machine: cpu, cu126, cu130 or default.

    CUDA builds are several GB and only taken where there is an NVIDIA GPU. The default
    of the package index is right on macOS, and on Windows without such a GPU.
    """
    if sys.platform == "darwin":
        return "default"
    # Under WSL the tool lies outside PATH.
    tool = shutil.which("nvidia-smi") or "/usr/lib/wsl/lib/nvidia-smi"
    found, text = call(tool, seconds=30)
    if not found:
        return "default" if sys.platform == "win32" else "cpu"
    # CUDA 13 left out older drivers and GPUs; the 12.6 build runs on these.
    version = re.search(r"CUDA Version:\s*(\d+)", text)
    return "cu126" if version and int(version.group(1)) < 13 else "cu130"


def fingerprint(build: str) -> str:
    """Changes when the environment has to be made again."""
    digest = hashlib.sha256(f"{ROOT}|{TORCH}|{build}".encode())
    for file in (ROOT / "setup.cfg", ROOT / "pyproject.toml", VENV / "pyvenv.cfg"):
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def prepare_environment(command: str) -> Path:
    """The Python of `.venv`, with all that a command needs."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    build = torch_build()
    stamp = VENV / f"{command}.stamp"
    usable = f"import pip, sys; assert sys.version_info >= {OLDEST_PYTHON}"
    if not call(python, "-c", usable)[0]:
        make_venv()
    key = fingerprint(build)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
        return python
    stamp.unlink(missing_ok=True)
    begin = time.monotonic()
    install_torch(python, build)
    say(f"Installing napari-octseg with {EXTRAS[command]}")
    # Packages that want torchvision would else replace PyTorch by the newest build.
    torch = f"torch=={call(python, '-c', TORCH_VERSION)[1]}"
    pip_install(python, torch, "--editable", f"{ROOT}[{EXTRAS[command]}]")
    stamp.write_text(key, encoding="utf-8")
    if command == "test":  # its packages are more than those of the demo
        (VENV / "demo.stamp").write_text(key, encoding="utf-8")
    say(f"The environment is ready ({time.monotonic() - begin:.0f} s)")
    return python


def make_venv() -> None:
    """Make `.venv` anew."""
    say(f"Making the environment {VENV.name} with Python {sys.version.split()[0]}")
    made, text = call(sys.executable, "-m", "venv", "--clear", VENV)
    if not made:
        raise pip_problem(text.splitlines())


def install_torch(python: Path, build: str) -> None:
    """Install PyTorch unless a fitting one is there."""
    there, version = call(python, "-c", TORCH_VERSION)
    if there and (build in ("cpu", "default") or "+cpu" not in version):
        return
    say(f"Installing PyTorch ({build} build)")
    if build != "default":
        # Only that very build satisfies what stands after the plus sign.
        exact = f"torch=={TORCH}+{build}"
        index = ("--extra-index-url", TORCH_INDEX + build)
        for source in ((), (*index, "--timeout", "20", "--retries", "1")):
            with contextlib.suppress(SourceProblem):
                return pip_install(python, exact, *source)
        say(f"WARNING: {exact} cannot be had; the index's default build comes instead.")
        if build == "cpu":
            say("WARNING: on Linux that is CUDA and may be 8 GB. Ctrl-C stops it.")
    pip_install(python, "--upgrade", "torch>=2.5")


def pip_install(python: Path, *arguments: str) -> None:
    """Run pip, show what it fetches, and explain a failure."""
    process = subprocess.Popen(
        [str(python), "-m", "pip", "install", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line.rstrip())
        if re.match(r" *(Downloading|Processing|Building|Installing) ", line):
            say("  " + line.strip()[:100])
    if process.wait():
        raise pip_problem(lines)


def pip_problem(lines: Sequence[str]) -> Problem:
    """Cause and cure of a failed installation, from what was printed."""
    text = "\n".join(lines)
    errors = [line for line in lines if "error" in line.lower()] or [*lines, ""]
    last = errors[-1].strip()
    for kind, failures in ((Problem, FAILURES), (SourceProblem, SOURCES)):
        for pattern, explanation in failures.items():
            if re.search(pattern, text):
                cause, cure = explanation.split(" -> ")
                return kind(f"{cause} ({last})", cure)
    return Problem(f"Installing failed ({last})", f"remove {VENV} and start again")


def has_display() -> bool:
    """Whether a window can be opened here."""
    if not LINUX or os.environ.get("WAYLAND_DISPLAY"):
        return True
    if not os.environ.get("DISPLAY") or not loads("libX11.so.6"):
        return False
    # The variable may name a screen that is gone (a broken ssh tunnel).
    open_display = ctypes.CDLL("libX11.so.6").XOpenDisplay
    open_display.restype = ctypes.c_void_p
    return open_display(None) is not None


@contextlib.contextmanager
def virtual_screen() -> Iterator[dict[str, str]]:
    """Variables for programs that shall open their windows on an Xvfb of their own."""
    read_end, write_end = os.pipe()
    # Xvfb itself looks for a free display number and writes it to the pipe.
    command = f"Xvfb -displayfd {write_end} -screen 0 1600x1000x24 -nolisten tcp"
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [*command.split(), "-noreset"],
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=(write_end,),
        )
        os.close(write_end)
        try:
            answered = select.select([read_end], [], [], 30)[0]
            number = os.read(read_end, 16).decode().strip() if answered else ""
            if not number:
                log.seek(0)
                said = " ".join(log.read().decode(errors="replace").split())
                raise Problem(
                    f"The virtual screen (Xvfb) does not start ({said})",
                    "run: sudo apt-get install --reinstall --yes xvfb",
                )
            # With these two left from the desktop, OpenGL would look for Wayland.
            wayland = ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE")
            rest = {k: v for k, v in os.environ.items() if k not in wayland}
            yield {**rest, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
        finally:
            server.terminate()
            server.wait()
            os.close(read_end)


def run(command: Sequence[str], environment: dict[str, str], binding: str) -> int:
    """Run a command in the repository with one Qt binding; its exit status."""
    environment = {**environment, "QT_API": binding, "PYTEST_QT_API": binding}
    return subprocess.run(command, env=environment, cwd=ROOT).returncode


def demo(extra: Sequence[str]) -> int:
    """Show a sample scan and a first segmentation; without a screen, write files."""
    on_screen = has_display()
    prepare_system(virtual_screen=not on_screen)
    python = prepare_environment("demo")
    command = [str(python.with_name("napari-octseg")), "demo", *extra]
    if on_screen:
        say("Opening napari with the sample scan")
        return run(command, dict(os.environ), "pyqt5")
    if "--out" not in extra:
        command += ["--out", str(ROOT / "demo")]
    say("There is no screen here: the demo runs on a virtual one and writes files")
    with virtual_screen() as environment:
        return run(command, environment, "pyqt5")


def test(extra: Sequence[str]) -> int:
    """Run all checks and tests; with arguments for pytest, only what these ask for."""
    prepare_system(virtual_screen=True)
    python = prepare_environment("test")
    steps = [
        ("ruff check", "pyqt5", "ruff check ."),
        ("ruff format", "pyqt5", "ruff format --check ."),
        ("mypy", "pyqt5", "mypy --platform linux"),
        ("tests, PyQt5", "pyqt5", "pytest"),
        ("tests of the window, PyQt6", "pyqt6", "pytest -m gui"),
    ]
    if extra:
        steps = [step for step in steps if step[2].startswith("pytest")]
    report, failed = "", False
    # On Linux the test windows do not open on the desktop of the person at work.
    screen = virtual_screen() if LINUX else contextlib.nullcontext(dict(os.environ))
    with screen as environment:
        for name, binding, module in steps:
            say(f"\n=== {name}")
            begin = time.monotonic()
            arguments = [*module.split(), *extra]
            status = run([str(python), "-m", *arguments], environment, binding)
            # 5: no test was selected, which is fine when few were asked for.
            passed = status == 0 or (status == 5 and bool(extra))
            failed = failed or not passed
            seconds = time.monotonic() - begin
            report += f"\n{name:<27}{'passed' if passed else 'FAILED'}{seconds:7.1f} s"
    say(report)
    return int(failed)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line, run the command, explain what goes wrong."""
    parser = argparse.ArgumentParser(
        prog="start.py",
        description="Start napari-octseg. Everything it needs is installed into .venv.",
        epilog="Arguments after -- go to pytest (or to napari-octseg demo): "
        "python3 start.py test -- -k io",
    )
    commands: dict[str, Callable[[Sequence[str]], int]] = {"demo": demo, "test": test}
    choices = parser.add_subparsers(dest="command", metavar="demo | test")
    for name, function in commands.items():
        choices.add_parser(name, help=function.__doc__, description=function.__doc__)
    at = arguments.index("--") if "--" in arguments else len(arguments)
    own, extra = arguments[:at], arguments[at + 1 :]
    chosen = parser.parse_args(own).command
    if chosen is None:
        parser.print_help()
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends Xvfb as well
    try:
        check_python()
        return commands[chosen](extra)
    except (Problem, OSError) as problem:
        print(f"\nCannot go on: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
