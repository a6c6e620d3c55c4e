"""Run with `PYTHONPATH=.. python3 -m unittest`."""

import unittest

import ft_plugin as ft
from app import Gate
from ft_plugin.testing import steps


def rule(eta):
    return Gate(ft.Options.defaults(Gate.description, eta=eta))


class GateTest(unittest.TestCase):
    def test_steps_by_hand(self):
        cache = [[4.0, -8.0], [0.0, 1.0]]
        proposals = [[[8.0, 0.0], [4.0, 1.0]], [[1.0, 2.0], [1.0, -3.0]]]
        expected = [[[5.0, -6.0], [1.0, 1.0]], [[4.0, -4.0], [1.0, 0.0]]]
        self.assertEqual(steps(rule(0.25), cache, proposals), expected)

    def test_a_shut_gate_keeps_the_cache_and_an_open_one_takes_the_proposal(self):
        cache, proposed = [[1.5, -2.0]], [[9.0, 7.0]]
        self.assertEqual(steps(rule(0.0), cache, [proposed] * 3), [cache] * 3)
        self.assertEqual(steps(rule(1.0), cache, [proposed] * 3), [proposed] * 3)


if __name__ == "__main__":
    unittest.main()
