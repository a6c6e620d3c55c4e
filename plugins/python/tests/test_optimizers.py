"""Tensors of plain numbers, and the part of the cache that moves."""

import math
import unittest

import ft_plugin as ft
from ft_plugin.testing import matrix, slots, steps


class TensorTest(unittest.TestCase):
    def test_narrow_and_concat_undo_each_other_along_every_dimension(self):
        values = [float(value) for value in range(24)]
        whole = ft.Tensor.from_values([2, 3, 4], ft.Dtype.FP32, values)
        self.assertEqual(whole.narrow(1, 1, 1).read_with_copy(), [4.0, 5.0, 6.0, 7.0, 16.0, 17.0, 18.0, 19.0])
        for dim, length in enumerate(whole.shape):
            joined = ft.Tensor.concat([whole.narrow(dim, 0, 1), whole.narrow(dim, 1, length - 1)], dim)
            self.assertEqual((joined.shape, joined.read_with_copy()), ([2, 3, 4], values))

    def test_elementwise_operations(self):
        a = matrix([4.0, 0.0, -9.0])
        self.assertEqual(a.sign().read_with_copy(), [1.0, 0.0, -1.0])
        self.assertEqual(a.mul(a).sqrt().read_with_copy(), [4.0, 0.0, 9.0])
        self.assertEqual(a.shift(1.0).scale(2.0).read_with_copy(), [10.0, 2.0, -16.0])
        self.assertEqual(a.norm(), math.sqrt(97.0))
        self.assertEqual(a.zeros_like().read_with_copy(), [0.0] * 3)
        self.assertEqual((a / a.zeros_like()).read_with_copy()[::2], [math.inf, -math.inf])

    def test_operators_are_the_operations_of_their_names(self):
        a, b = matrix([1.0, 2.0]), matrix([3.0, 5.0])
        cases = [
            (a + b, [4.0, 7.0]),
            (b - a, [2.0, 3.0]),
            (a + (b - a) * 0.5, [2.0, 3.5]),
            (1.0 - a, [0.0, -1.0]),
            (2 * a + 1, [3.0, 5.0]),
            (-a / 4, [-0.25, -0.5]),
            (b / a, [3.0, 2.5]),
            (a * b, [3.0, 10.0]),
            (a - 1, [0.0, 1.0]),
        ]
        for tensor, expected in cases:
            self.assertEqual(tensor.read_with_copy(), expected)

    def test_every_operation_rounds_to_single_precision(self):
        third = matrix([1.0]).scale(1 / 3).read_with_copy()[0]
        self.assertEqual(third, 0.3333333432674408)
        # 1 + 2^-24 is halfway between two numbers; the product is rounded before the sum.
        self.assertEqual(matrix([1.0]).add_scaled(matrix([1.0]), 2.0**-24).read_with_copy(), [1.0])


class Taker(ft.MetaOptimizer):
    """Takes what is proposed, and keeps what it was handed."""

    description = ft.Description("taker", "0.1.0", "C = P")

    def step(self, step, slots):
        self.seen = [(slot.layer, slot.kind, slot.previous.read_with_copy()) for slot in slots]
        return ft.Update([slot.proposed for slot in slots], converged=True)


class Thief(ft.MetaOptimizer):
    description = ft.Description("thief", "0.1.0", "takes all")

    def step(self, step, slots):
        return ft.Update([])


def rule(plugin=Taker, **options):
    selected = ft.selected(plugin)
    return selected(ft.Options.defaults(selected.description, **options))


OLD = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [10.0, 11.0, 12.0]]
NEW = [[-value for value in values] for values in OLD]


class SelectedTest(unittest.TestCase):
    def test_what_is_not_selected_stays(self):
        cases = [
            ({}, NEW),
            ({"layers": ""}, NEW),
            ({"layers": "0..2"}, NEW),
            ({"update": "keys"}, [NEW[0], OLD[1], NEW[2], OLD[3]]),
            ({"update": "values"}, [OLD[0], NEW[1], OLD[2], NEW[3]]),
            ({"layers": "1..2"}, [OLD[0], OLD[1], NEW[2], NEW[3]]),
            ({"layers": " 0 .. 1 ", "update": "values"}, [OLD[0], NEW[1], OLD[2], OLD[3]]),
            ({"skip_first": 2}, [[*old[:2], new[2]] for old, new in zip(OLD, NEW)]),
            ({"skip_first": 1, "update": "values", "layers": "1..2"}, [*OLD[:3], [10.0, -11.0, -12.0]]),
        ]
        for options, expected in cases:
            self.assertEqual(steps(rule(**options), OLD, [NEW]), [expected], options)

    def test_the_rule_sees_what_moves_and_its_verdict_passes_through(self):
        selected = rule(skip_first=2, update="keys")
        self.assertTrue(selected.step(2, slots([matrix(values) for values in OLD], NEW)).converged)
        self.assertEqual(selected._rule.seen, [(0, ft.SlotKind.KEY, [3.0]), (1, ft.SlotKind.KEY, [9.0])])

    def test_a_selection_that_does_not_fit_is_an_error_in_words(self):
        cases = [
            ({"layers": "2..1"}, "`layers=2..1` holds no layer: FROM has to be less than TO"),
            ({"layers": "3"}, "`layers` takes FROM..TO, like 0..15, or `all`, and `3` is neither"),
            ({"layers": "-1..2"}, "`layers` takes FROM..TO, like 0..15, or `all`, and `-1..2` is neither"),
            ({"layers": "1..3"}, "`layers=1..3` goes beyond the model, which has the layers 0..2"),
            ({"skip_first": 3}, "`skip_first=3` leaves nothing to move, since the cache has 3 positions"),
        ]
        for options, expected in cases:
            with self.assertRaises(ft.InvalidOption) as caught:
                steps(rule(**options), OLD, [NEW])
            self.assertEqual(str(caught.exception), expected)

    def test_a_rule_that_gives_back_another_number_of_matrices_is_told(self):
        with self.assertRaisesRegex(ft.Failed, "the rule gave 0 matrices for 4 slots"):
            steps(rule(Thief), OLD, [NEW])
