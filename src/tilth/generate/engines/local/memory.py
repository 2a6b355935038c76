"""How much memory a local model's key-value cache may take. Pure arithmetic on a GGUF header and the machine."""

import os
from pathlib import Path

from tilth.generate.gguf import Gguf

_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def token_bytes(gguf: Gguf, width: int) -> int:
    """Bytes that one token holds in the cache: keys and values of each layer, `width` bytes a number."""
    name = gguf.metadata.get("general.architecture")

    def number(key: str, default: int = 0) -> int:
        found = gguf.metadata.get(f"{name}.{key}", default)
        return int(max(found)) if isinstance(found, list) else int(found)  # some models differ by layer

    heads = max(number("attention.head_count"), 1)
    size = number("attention.key_length", number("embedding_length") // heads)
    return 2 * width * number("block_count") * number("attention.head_count_kv", heads) * size


def cache_tokens(gguf: Gguf, width: int) -> int:
    """Tokens for which the cache may be laid out: half of what is free once the weights are loaded."""
    room = max(free_memory() - 2 * gguf.path.stat().st_size, 0) // 2
    return room // max(token_bytes(gguf, width), 1)


def free_memory() -> int:
    """Bytes of memory that can still be used: the machine's, or the control group's where that is less."""
    free = _machine()
    for limit, used in _GROUPS:
        try:
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return max(free, 0)


def _machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):  # not Linux: half of what is built in
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (AttributeError, ValueError, OSError):  # Windows
            return 4 << 30
