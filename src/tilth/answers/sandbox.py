# pathlib would double the start of a script that lives for milliseconds
# ruff: noqa: PTH112, PTH120, PTH109, PTH123, PTH107
"""The script in which a program runs; started by `program.py` as a file, imports nothing of tilth.

Order matters: read the task, set the limits, close the doors (Landlock, seccomp, audit hook), then run the program.
Sources: landlock(7), seccomp(2), the kernel's include/uapi/linux/landlock.h and seccomp.h; system call numbers from
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

import ctypes
import json
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable
from typing import Any

_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_LANDLOCK = (444, 445, 446)  # create_ruleset, add_rule, restrict_self: the same on every architecture
#: clone fork vfork execve execveat clone3 socket connect ptrace kill tkill tgkill unshare setns mount bpf
#: io_uring_setup process_vm_writev userfaultfd keyctl
_DENIED = {
    "x86_64": (0xC000003E, (56, 57, 58, 59, 322, 435, 41, 42, 101, 62, 200, 234, 272, 308, 165, 321, 425, 311, 323,
               250)),
    "aarch64": (0xC00000B7, (220, 221, 281, 435, 198, 203, 117, 129, 130, 131, 97, 268, 40, 280, 425, 271, 282, 219)),
}  # fmt: skip
_REFUSED = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.kill",
            "os.startfile", "ctypes.", "pty.", "sys.addaudithook", "os.putenv")  # fmt: skip
_WRITING = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "shutil.",
)


def _landlock(libc: Any, folder: str) -> bool:
    """Files: read and execute under Python and the system's libraries, everything in `folder`, nothing elsewhere."""
    version = libc.syscall(_LANDLOCK[0], None, 0, 1)
    if version < 1:
        return False
    rights = (1 << (13 if version < 2 else 14 if version < 3 else 15)) - 1
    read = (1 << 0) | (1 << 2) | (1 << 3)  # execute, read a file, list a folder
    attributes = struct.pack("=QQ", rights, 3 if version >= 4 else 0)  # 3: no TCP bind, no TCP connect
    ruleset = libc.syscall(_LANDLOCK[0], attributes, 16 if version >= 4 else 8, 0)
    if ruleset < 0:
        return False
    readable = {sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.__file__), "/usr/lib", "/lib", "/lib64",
                "/usr/lib64", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom"}  # fmt: skip
    for path, allowed in [(folder, rights), *((one, read) for one in sorted(readable))]:
        try:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # this system has no such folder
        granted = allowed if os.path.isdir(path) else allowed & (1 << 2)
        libc.syscall(_LANDLOCK[1], ruleset, 1, struct.pack("=Qi", granted, handle), 0)
        os.close(handle)
    closed: bool = libc.syscall(_LANDLOCK[2], ruleset, 0) == 0
    os.close(ruleset)
    return closed


def _seccomp(libc: Any) -> bool:
    """Processes, programs, sockets, signals and tracing are refused with EPERM; another architecture kills."""
    known = _DENIED.get(platform.machine())
    if known is None:
        return False
    audit, numbers = known
    lines = [(0x20, 0, 0, 4), (0x15, 1, 0, audit), (0x06, 0, 0, 0x80000000), (0x20, 0, 0, 0)]  # architecture, number
    lines.append((0x35, len(numbers) + 1, 0, 0x40000000))  # the x32 numbers
    lines += [(0x15, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    lines += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 | 1)]  # allow; EPERM
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = struct.pack("=H6xQ", len(lines), ctypes.addressof(code))
    return bool(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.c_char_p(program), 0, 0) == 0)


def _limits(task: dict[str, Any]) -> None:
    cpu = max(1, int(task["cpu"] + 0.999))
    wanted = {
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_AS: task["memory_mb"] * 2**20,
        resource.RLIMIT_FSIZE: task["file_kb"] * 1024,
        resource.RLIMIT_NOFILE: 64,  # files a program may hold open
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in wanted.items():
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):
            continue  # macOS refuses RLIMIT_AS; what holds is reported below


def _audit(folder: str) -> None:
    """Refuse the same within Python, so that a program gets an error it can read; all there is on other systems."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_REFUSED):
            raise PermissionError(f"{event} is not allowed here")
        if event == "import" and arguments[0] in ("ctypes", "_ctypes"):
            raise PermissionError("ctypes is not allowed here")
        writes = event.startswith(_WRITING) or (event == "open" and _writes(arguments[1], arguments[2]))
        if writes and arguments and isinstance(arguments[0], str):
            _inside(folder, arguments[0])

    sys.addaudithook(hook)


def _writes(mode: object, flags: object) -> bool:
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


def _inside(folder: str, path: str) -> None:
    if not (os.path.realpath(path) + os.sep).startswith(folder + os.sep) and path != os.devnull:
        raise PermissionError("files are written in the working folder only")


def _close_doors(folder: str) -> list[str]:
    held = ["rlimits"]
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _landlock(libc, folder):
            held.append("landlock")
        if _seccomp(libc):
            held.append("seccomp")
    for name in [name for name in sys.modules if name.split(".")[0] in ("ctypes", "_ctypes")]:
        del sys.modules[name]
    _audit(folder)
    return [*held, "audit"]


def _execute(task: dict[str, Any], say: Callable[..., None]) -> None:
    """Run program and tests; what raised is reported by name and message."""
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        try:
            exec(compile(task["program"], "program.py", "exec"), space)  # noqa: S102 - what this script is for
        except SystemExit as left:
            if task["tests"] is not None or left.code not in (None, 0):
                raise
        if task["tests"] is not None:
            exec(compile(task["tests"], "tests.py", "exec"), space)  # noqa: S102
        sys.stdout.flush()
        say(done=True)
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is its failure
        say(error=f"{type(error).__name__}: {str(error)[:200]}")


def main() -> None:
    """Read the task in the working folder, close the doors, run."""
    handle = int(sys.argv[1])
    folder = os.path.realpath(os.getcwd())
    with open("task.json", encoding="utf-8") as file:
        task = json.load(file)
    os.remove("task.json")
    nonce = task.pop("nonce")
    write = os.write

    def say(**facts: Any) -> None:
        write(handle, f"{nonce}{json.dumps(facts)}\n".encode())

    _limits(task)
    held = _close_doors(folder)
    missing = {"seccomp", "landlock"} - set(held)
    if missing and task["require_kernel"]:
        say(refused=" and ".join(sorted(missing)))
        return
    say(held=held)
    sys.argv = ["program.py"]
    _execute(task, say)


if __name__ == "__main__":
    main()
