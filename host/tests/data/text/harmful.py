"""Writes harmful.txt: ranges of code points (hexadecimal, both ends in the range) of the categories Cc, Cf, Zl and Zp,
and of all characters with a bidirectional class that embeds, overrides, isolates or marks."""

import pathlib
import sys
import unicodedata

BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def harmful(character):
    return (
        unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in BIDIRECTIONAL
    )


codes = [code for code in range(sys.maxunicode + 1) if harmful(chr(code))]
ranges = []
for code in codes:
    if ranges and ranges[-1][1] == code - 1:
        ranges[-1][1] = code
    else:
        ranges.append([code, code])
lines = "".join(f"{first:x} {last:x}\n" for first, last in ranges)
pathlib.Path(__file__).with_name("harmful.txt").write_text(lines)
