"""Make .venv and install a lock file into it, with nothing but Python 3.11. Called by the Makefile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

VENV = Path(__file__).resolve().parent / ".venv"
PYTHON = VENV / "bin" / "python"


def main(lock_file: str) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells people with an older one
        sys.exit(
            f"SmartOps needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
            f"Try: make run PYTHON=python3.12"
        )
    if not PYTHON.exists():
        make_environment()
    print(f"Installing {lock_file} …", flush=True)
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "-q", "--python", str(PYTHON), "-r", lock_file]
    else:
        command = [
            str(PYTHON),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "-r",
            lock_file,
        ]
    # uv must use the Python that it was given, not download one.
    done = subprocess.run(command, env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"}, check=False)
    if done.returncode:
        sys.exit(
            "The packages could not be installed; the lines above say why. Then run the same command again."
        )


def make_environment() -> None:
    """With the pip that comes with Python or, where a distribution cut it out, with the system's pip."""
    if (
        subprocess.run(
            [sys.executable, "-m", "venv", str(VENV)], capture_output=True, check=False
        ).returncode
        == 0
    ):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "-q", "pip"]
    if subprocess.run(pip, check=False).returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            "Python's venv module and pip are missing. On Debian or Ubuntu: apt install python3-venv"
        )


if __name__ == "__main__":
    main(sys.argv[1])
