"""Parse many short decimal numbers of one text at once, exactly as Python's ``float`` does.

Raw skeletons are text, and turning digits into numbers is most of the work of reading them. A number such as
``-1.2345678`` is two runs of digits: eight characters are one 64-bit word, and three multiplications turn them into
their value, for all numbers of a file together. The quotient of two exact numbers is rounded once, so the result is the
double nearest to the text. Whatever does not look like that (exponents, more than fifteen digits, no point, not a
number) goes through ``float`` one by one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

Words = UInt64[np.ndarray, " number"]
_WORD = 8  # bytes
_DIGITS = 15  # this many are exact in a double: less than 2**53
_POWERS = 10.0 ** np.arange(_DIGITS + 1)
_U = np.uint64
# Eight digits become four numbers of two digits, those two of four, those one of eight.
_MERGES = (
    (_U(10), _U(8), _U(0x00FF00FF00FF00FF)),
    (_U(100), _U(16), _U(0x0000FFFF0000FFFF)),
    (_U(10000), _U(32), _U(0xFFFFFFFF)),
)


def _repeated(byte: int) -> np.uint64:
    return _U(byte * 0x0101010101010101)


def _run(words: Words, length: Words) -> tuple[Words, Bool[np.ndarray, " number"]]:
    """The value of the first ``length`` characters of each word, and whether one of them is not a digit."""
    # Moved to the end of the word, with zeros before them; a shift by a whole word gives zero.
    digits = words ^ _repeated(ord("0"))
    digits <<= _U(64) - (length << _U(3))
    wrong = digits + _repeated(0x76)
    wrong |= digits
    wrong &= _repeated(0x80)
    for factor, shift, mask in _MERGES:
        neighbours = digits >> shift
        digits *= factor
        digits += neighbours
        digits &= mask
    return digits, wrong != 0


def _fractions(
    words: UInt64[np.ndarray, " place"], starts: Int64[np.ndarray, " number"], length: Int64[np.ndarray, " number"]
) -> tuple[Words, Bool[np.ndarray, " number"]]:
    """The same for the runs that begin at ``starts`` of a text and may be longer than a word."""
    digits, wrong = _run(words[starts].astype(_U, copy=False), np.minimum(length, _WORD).astype(_U))
    long = np.flatnonzero(length > _WORD)
    rest = length[long] - _WORD
    more, also_wrong = _run(words[starts[long] + _WORD].astype(_U, copy=False), rest.astype(_U))
    digits[long] = digits[long] * (_U(10) ** rest.astype(_U)) + more
    wrong[long] |= also_wrong
    return digits, wrong


def _points(words: Words) -> Int64[np.ndarray, " number"]:
    """Position of the first decimal point in each word; eight where there is none."""
    other = words ^ _repeated(ord("."))  # zero where the point is
    zeros = (other - _repeated(1)) & ~other & _repeated(0x80)
    return np.bitwise_count((zeros - _U(1)) & ~zeros).astype(np.int64) >> 3


def _one(text: bytes) -> float:
    try:
        return float(text) if b"_" not in text else float("nan")
    except ValueError:
        return float("nan")


def decimals(
    content: bytes, starts: Int64[np.ndarray, " number"], stops: Int64[np.ndarray, " number"]
) -> Float64[np.ndarray, " number"]:
    """The numbers ``content[start:stop]``.

    Args:
        content: ASCII text.
        starts, stops: where each number begins and ends; none is empty. Blanks at the end do not matter.

    Returns:
        float64, equal to ``float(content[start:stop])`` bit by bit; not-a-number where that is not a number.
    """
    if len(starts) == 0:
        return np.zeros(0)
    if stops.max() + _WORD > len(content):
        content += b" " * _WORD  # a word may reach beyond the end of the text
    words = np.ndarray((len(content) - _WORD + 1,), dtype="<u8", buffer=content, strides=(1,))
    first = words[starts].astype(_U, copy=False)
    minus = (first & _U(0xFF)) == ord("-")
    first ^= minus * _U(ord("-") ^ ord("0"))  # a sign becomes a leading zero
    point = _points(first)
    length = stops - starts - point - 1  # of the fraction
    plain = (point < _WORD) & (length >= 0) & (point + length > minus) & (point + length <= _DIGITS)
    length *= plain
    integer, wrong = _run(first, point.astype(_U))
    fraction, also_wrong = _fractions(words, np.minimum(starts + point + 1, stops), length)
    power = _POWERS[length]
    values = (integer * power + fraction) / power
    values *= 1.0 - 2.0 * minus
    odd = np.flatnonzero(~plain | wrong | also_wrong)
    for i, start, stop in zip(odd.tolist(), starts[odd].tolist(), stops[odd].tolist(), strict=True):
        values[i] = _one(content[start:stop])
    return values
