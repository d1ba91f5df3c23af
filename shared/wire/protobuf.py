"""The one long field of a protobuf message, written and read where it lies.

protobuf's own classes copy such a field when it is set, when it is serialised, when it is parsed and each time it
is looked at; for a model of 100 MB that is most of what a round costs beyond the bytes themselves.
"""

from __future__ import annotations

_LENGTH_DELIMITED = 2
# What follows a tag, by its wire type: a number of 8 or of 4 bytes; the deprecated groups are refused.
_FIXED = {1: 8, 5: 4}
_LONGEST_VARINT = 10


def lead(field: int, length: int) -> bytes:
    """Return what precedes the content of a length-delimited field: its tag and its length."""
    return _varint(field << 3 | _LENGTH_DELIMITED) + _varint(length)


def cut_out(message: bytes | bytearray, field: int) -> tuple[bytes, memoryview]:
    """Return a serialised message without one length-delimited field, and the content of that field.

    Args:
        message: the bytes, which may come from anybody.
        field: number of the field; it stands at the top of the message.

    Returns:
        The rest, and a view of the content: empty if the field is not there, as protobuf has it.

    Raises:
        ValueError: if the bytes are no message, or hold the field twice.
    """
    view = memoryview(message)
    content: memoryview | None = None
    rest: list[memoryview] = []
    place = 0
    while place < len(view):
        begin = place
        tag, place = _read_varint(view, place)
        number, kind = tag >> 3, tag & 7
        if kind == _LENGTH_DELIMITED:
            length, place = _read_varint(view, place)
            end = place + length
        elif kind == 0:
            _, end = _read_varint(view, place)
        elif kind in _FIXED:
            end = place + _FIXED[kind]
        else:
            msg = "an unknown wire type"
            raise ValueError(msg)
        if number == 0 or end > len(view):
            msg = "a field that runs out of the message"
            raise ValueError(msg)
        if number != field:
            rest.append(view[begin:end])
        elif content is not None or kind != _LENGTH_DELIMITED:
            msg = "a field that is there twice, or of another type"
            raise ValueError(msg)
        else:
            content = view[place:end]
        place = end
    return b"".join(rest), memoryview(b"") if content is None else content


def _varint(number: int) -> bytes:
    """Return a number as protobuf writes it: seven bits a byte, the lowest first, the last without the top bit."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _read_varint(view: memoryview, place: int) -> tuple[int, int]:
    """Return a number and where it ends."""
    number = 0
    for shift, byte in enumerate(view[place : place + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number, place + shift + 1
    msg = "a number that does not end"
    raise ValueError(msg)
