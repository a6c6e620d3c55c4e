"""Writes drawn.json beside this file: how likely random draws without replacement are, in exact fractions.

    python3 host/tests/data/metrics/make_drawn.py
"""

import json
from fractions import Fraction
from math import comb
from pathlib import Path

HERE = Path(__file__).resolve().parent
# All things, marked ones, drawn ones; and which numbers of marked ones among the drawn are of interest.
CASES = [(10, 5, 4, range(0, 5)), (1066, 533, 100, [0, 20, 33, 40, 50, 51, 66, 100]), (500, 9, 20, [0, 1, 2, 5, 9]),
         (872, 444, 871, [443, 444]), (7600, 1900, 2000, [400, 460, 500, 541, 600]), (6, 6, 3, [3]), (6, 0, 3, [0]),
         (40000, 20000, 1000, [300, 440, 500, 561])]


def case(all_, marked, drawn, found):
    ways = comb(all_, drawn)
    probability = lambda k: Fraction(comb(marked, k) * comb(all_ - marked, drawn - k), ways)
    lowest, highest = max(0, drawn - (all_ - marked)), min(marked, drawn)
    fewer = sum(map(probability, range(lowest, found + 1)))
    more = sum(map(probability, range(found, highest + 1)))
    p_value = float(min(Fraction(1), 2 * min(fewer, more)))
    return {"all": all_, "marked": marked, "drawn": drawn, "found": found, "p_value": p_value}


lines = [json.dumps(case(*counts, found)) for *counts, numbers in CASES for found in numbers]
(HERE / "drawn.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
