"""Run a command that ends with the process that started it, even when that one is killed.

`python -m vigie.demo.tether PARENT_PID COMMAND...`
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def tether(parent: int) -> bool:
    """Have the kernel kill this process when its parent ends; False if `parent` has ended already.

    It holds through exec. A launcher asks for it rather than `preexec_fn`, which is not safe in a
    parent that has threads. Only Linux has it; elsewhere an orderly stop still ends everything.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return os.getppid() == parent


def forget_settings() -> None:
    """The demo's server is set by its own file: `VIGIE_*` of the person's shell is for theirs."""
    for name in [name for name in os.environ if name.upper().startswith("VIGIE_")]:
        del os.environ[name]


def main() -> None:
    forget_settings()
    if tether(int(sys.argv[1])):
        os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command comes from the demo itself


if __name__ == "__main__":
    main()
