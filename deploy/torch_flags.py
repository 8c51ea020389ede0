"""Choose the build of torch for this machine: `make` gives what this prints to pip. The standard library alone.

PyPI's torch for Linux brings CUDA's libraries, gigabytes of them, which a machine without an NVIDIA GPU has no use for.
"""

import platform
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ANSWERS_WITHIN = 5.0
"""Seconds that PyTorch's index has, name resolution included."""
OVERRIDE = "to choose yourself: make TORCH_FLAGS='--index-url URL', or TORCH_FLAGS= for pip's default"


def torch_flags(system: str, gpu: bool, cpu_index_answers: Callable[[], bool]) -> tuple[str, str]:
    """Choose pip's flags, and say in a few words why. `system`: as platform.system() names it.

    The index is added to pip's own and does not take its place: what torch needs in turn comes from where all else
    does. Of one release pip prefers the build with a local label, 2.13.0+cpu, and a pin ==2.13.0 allows it.
    """
    if system != "Linux":
        return "", f"pip's default, which on {system} holds no CUDA"
    if gpu:
        return "", "pip's default, as there is an NVIDIA GPU"
    if cpu_index_answers():
        return f"--extra-index-url {CPU_INDEX}", f"without an NVIDIA GPU the CPU build, from {CPU_INDEX}"
    return (
        "",
        f"pip's default, as {CPU_INDEX} does not answer; it may bring CUDA's libraries, unused here",
    )


def has_nvidia_gpu(root: Path = Path("/"), nvidia_smi: str | None = shutil.which("nvidia-smi")) -> bool:
    """Look for an NVIDIA GPU: by the driver's files under `root`, then by what nvidia-smi lists."""
    if any((root / place).exists() for place in ("proc/driver/nvidia/version", "dev/nvidia0")):
        return True
    if nvidia_smi is None:
        return False
    try:
        listed = subprocess.run([nvidia_smi, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return listed.returncode == 0 and "GPU " in listed.stdout


def answers(url: str, within: float = ANSWERS_WITHIN) -> bool:
    """Whether a page can be had in `within` seconds, by the proxies of the environment if it names any."""
    had: list[int] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=within) as answer:
                had.append(answer.status)
        except (OSError, ValueError):
            pass

    asking = threading.Thread(target=ask, daemon=True)  # a name server that is silent has a time-out of its own
    asking.start()
    asking.join(within)
    return had == [200]


def main() -> None:
    """Print the flags on stdout, for pip, and why on stderr, for people."""
    flags, why = torch_flags(platform.system(), has_nvidia_gpu(), lambda: answers(f"{CPU_INDEX}/torch/"))
    print(f"torch: {why}; {OVERRIDE}", file=sys.stderr)
    print(flags)


if __name__ == "__main__":
    main()
