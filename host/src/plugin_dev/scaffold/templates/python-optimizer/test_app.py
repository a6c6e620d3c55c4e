"""Run with `python3 -m unittest` in this folder."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "vendor/plugins/python"))

import ft_plugin as ft
from app import {{Name}}Rule
from ft_plugin.testing import steps


class {{Name}}Test(unittest.TestCase):
    def test_a_step_by_hand(self):
        rule = {{Name}}Rule(ft.Options.defaults({{Name}}Rule.description, rate=0.5))
        cache, proposed = [[0.0, 8.0], [1.0, 1.0]], [[4.0, 8.0], [1.0, 3.0]]
        self.assertEqual(steps(rule, cache, [proposed]), [[[2.0, 8.0], [1.0, 2.0]]])


if __name__ == "__main__":
    unittest.main()
