"""How the engine and its child process talk: JSON messages, each after its length in four bytes."""

import struct
from typing import Any, Final

import orjson

HEAD: Final = struct.Struct("<I")


def pack(message: dict[str, Any]) -> bytes:
    """One message as bytes."""
    data = orjson.dumps(message)
    return HEAD.pack(len(data)) + data


class Unpacker:
    """Bytes in, whole messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that `data` completes."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= HEAD.size:
            (size,) = HEAD.unpack_from(self._buffer)
            if len(self._buffer) < HEAD.size + size:
                break
            messages.append(orjson.loads(bytes(self._buffer[HEAD.size : HEAD.size + size])))
            del self._buffer[: HEAD.size + size]
        return messages
