"""Becomes another program, which dies with its parent and has no rights to spare.

    python -I -S launch.py PARENT SIGNAL UID GID CAPABILITY PROGRAM ARGUMENT...

PROGRAM is a path; -1 leaves the account, or the capability, as it is. Run by its own
path and without `site`, this takes 25 ms. It is a program because the other way, a
`preexec_fn`, may deadlock in a process that has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_CANNOT_RUN = 126  # As shells have it.
# Python ignores them, and whoever becomes another program ignores them there, too.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_GET_SECUREBITS = 27
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522


def die_with_parent(signal_number: int, parent: int) -> None:
    """Have the kernel send us this signal when the thread that started us ends.

    Linux only; elsewhere nothing happens. A change of account would undo it, an exec
    does not. A program whose own children should end with it (an HTTP server with
    several worker processes, say) calls this in each of them.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)


def become(uid: int, gid: int, capability: int) -> None:
    """Give up root for this account, and keep one capability at most over an exec."""
    if sys.platform == "linux" and capability >= 0:
        _prctl(_PR_SET_KEEPCAPS, 1)
        # access(2) ignores the capabilities of a user who is not root, unless this is
        # set, and PostgreSQL asks access(2) whether it may run its own binaries.
        bits = _prctl(_PR_GET_SECUREBITS) | _SECBIT_NO_SETUID_FIXUP
        _prctl(_PR_SET_SECUREBITS, bits, required=False)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if sys.platform == "linux" and capability >= 0:
        _keep_only(capability)


def _keep_only(capability: int) -> None:
    kept = 1 << capability  # 31 at most: the two that we use are 1 and 2
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable: of the lower 32 capabilities, then of the upper
    sets = (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _prctl(option: int, *arguments: int, required: bool = True) -> int:
    padded = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    answer = int(ctypes.CDLL(None, use_errno=True).prctl(option, *padded))
    if answer < 0 and required:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
    return answer


def main() -> None:
    parent, signal_number, uid, gid, capability = map(int, sys.argv[1:6])
    command = sys.argv[6:]
    try:
        if uid >= 0:
            become(uid, gid, capability)
        die_with_parent(signal_number, parent)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_DFL)
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        sys.exit(_CANNOT_RUN)


if __name__ == "__main__":
    main()
