"""Named random streams, so that a new step never shifts another step's draws."""

import random
from hashlib import blake2b


def seed_of(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream that `names` name, the same in every process and on every platform."""
    text = "\x1f".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def stream(seed: int, *names: str | int) -> random.Random:
    """A generator for the stream that `names` name."""
    return random.Random(seed_of(seed, *names))
