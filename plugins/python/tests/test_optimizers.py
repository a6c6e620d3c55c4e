"""Tensors of plain numbers, and the part of the cache that moves."""

import math
import unittest

import ft_plugin as ft
from descent import Descent
from ft_plugin.testing import Model, cache, matrix, numbers, steps


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

    def test_directions_follow_from_their_seed_and_are_normal(self):
        zeros = ft.Tensor.from_values([100, 100], ft.Dtype.FP32, [0.0] * 10_000)
        direction = zeros.perturbed(7, 1.0)
        values = direction.read_with_copy()
        self.assertEqual(values, zeros.perturbed(7, 1.0).read_with_copy())
        self.assertNotEqual(values, zeros.perturbed(8, 1.0).read_with_copy())
        # Standard errors of 10 000 draws: 0.01 of the mean, 0.014 of the mean square, 0.1 of the mean fourth power.
        for power, expected, tolerance in ((1, 0.0, 0.05), (2, 1.0, 0.07), (4, 3.0, 0.5)):
            self.assertAlmostEqual(sum(z**power for z in values) / 1e4, expected, delta=tolerance)
        ones = zeros.shift(1.0)
        self.assertEqual(ones.perturbed(7, -0.5).read_with_copy(), ones.add_scaled(direction, -0.5).read_with_copy())

    def test_every_operation_rounds_to_single_precision(self):
        third = matrix([1.0]).scale(1 / 3).read_with_copy()[0]
        self.assertEqual(third, 0.3333333432674408)
        # 1 + 2^-24 is halfway between two numbers; the product is rounded before the sum.
        self.assertEqual(matrix([1.0]).add_scaled(matrix([1.0]), 2.0**-24).read_with_copy(), [1.0])


class Taker(ft.MetaOptimizer):
    """Takes what is proposed, and keeps what it was handed."""

    description = ft.Description("taker", "0.1.0", "C = P")

    def step(self, step):
        slots = step.proposal()
        self.seen = [(slot.layer, slot.kind, slot.previous.read_with_copy()) for slot in slots]
        return ft.Update([slot.proposed for slot in slots], converged=True, loss=0.5, accepted=True)


class Thief(ft.MetaOptimizer):
    description = ft.Description("thief", "0.1.0", "takes all")

    def step(self, step):
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

    def test_the_rule_sees_what_moves_and_what_it_says_passes_through(self):
        selected = rule(skip_first=2, update="keys")
        update = selected.step(Model(propose=lambda *_: NEW).step(2, cache(OLD)))
        self.assertEqual((update.converged, update.loss, update.accepted), (True, 0.5, True))
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

    def test_another_number_of_matrices_is_an_error(self):
        with self.assertRaisesRegex(ft.Failed, "expected 4 matrices, one for each slot that moves, got 0"):
            steps(rule(Thief), OLD, [NEW])

    def part(self, model, **options):
        """A step behind a selection, to ask directly."""
        return rule(**options)._selection.moving_part(model.step(2, cache(OLD)))

    def test_questions_are_about_the_whole_cache_and_gradients_about_what_moves(self):
        # Two demonstrations: one wants the cache as it is, the other zeros everywhere.
        model = Model(targets=[OLD, [[0.0] * 3] * 4])
        # Moved: values of layer 1 without the first position, (11, 12) to (11, 10).
        step, asked = self.part(model, skip_first=1, update="values", layers="1..2"), cache([[11.0, 10.0]])
        about = (ft.Examples.LEAVE_ONE_OUT, ft.Objective.ANSWER)
        self.assertEqual(numbers(step.cache()), [[11.0, 12.0]])
        # (12 - 10)^2 / 2, and (1 + 4 + ... + 144 - 144 + 100) / 2.
        self.assertEqual(step.likelihood(asked, *about), [-2.0, -303.0])
        gradient = step.gradient(asked, *about, dropout=0.25, seed=3)
        self.assertEqual((gradient.loss, gradient.likelihoods), (152.5, [-2.0, -303.0]))
        # Less the mean of the targets, (5.5, 6).
        self.assertEqual(numbers(gradient.slots), [[5.5, 4.0]])
        self.assertEqual(model.questions, [("likelihood", *about), ("gradient", *about, 0.25, 3)])

    def test_positions_count_from_the_first_that_moves(self):
        model = Model(targets=[OLD] * 3, propose=lambda asked, *_: asked)
        step = self.part(model, skip_first=1, update="keys")
        # Demonstrations at 0..1, 1..2 and 2..3 of the whole cache.
        spans = [(list(one.tokens), list(one.answer)) for one in step.demonstrations()]
        self.assertEqual(spans, [([], []), ([0], [0]), ([1], [1])])
        hidden = [one.tokens for one in step.demonstrations()]
        asked = [[-1.0, -2.0], [-3.0, -4.0]]
        self.assertEqual(numbers(step.propose(cache(asked), hidden=hidden, order=[2, 0, 1])), asked)
        question = ("propose", ft.Positions.CONFIGURED, [range(1, 2), range(2, 3)], [2, 0, 1])
        self.assertEqual(model.questions, [question])

    def test_the_plain_proposal_behind_a_selection_is_one_pass(self):
        model = Model(propose=lambda *_: NEW, limit=1)
        step = self.part(model, skip_first=1, update="keys")
        for _ in range(2):
            self.assertEqual(numbers([slot.proposed for slot in step.proposal()]), [[-2.0, -3.0], [-8.0, -9.0]])
        self.assertEqual((model.passes, step.passes_left), (1, 0))

    def test_a_question_about_another_number_of_matrices_is_an_error(self):
        model = Model(targets=[OLD] * 2)
        with self.assertRaisesRegex(ft.Failed, "expected 2 matrices, one for each slot that moves, got 4"):
            self.part(model, update="keys").likelihood(cache(OLD), ft.Examples.DEMONSTRATIONS, ft.Objective.CHOICE)
        self.assertEqual(model.questions, [])


class DescentTest(unittest.TestCase):
    """The optimizer that docs/plugin-guide.md shows."""

    def test_a_step_that_helps_is_taken_and_another_halves_the_rate(self):
        model = Model(targets=[[[2.0]], [[4.0]]])
        updates = model.steps(Descent(ft.Options({"rate": 4.0})), cache([[0.0]]), 3)
        # The gradient at 0 is -3: 12 and 6 are no nearer to the targets, 3 is.
        self.assertEqual([update.accepted for update in updates], [False, False, True])
        self.assertEqual((numbers(updates[2].cache), updates[2].loss), ([[3.0]], 5.0))
        self.assertEqual(model.passes, 3 * 4)
        self.assertEqual(model.questions[0], ("gradient", ft.Examples.LEAVE_ONE_OUT, ft.Objective.ANSWER, 0.05, 2))


class ModelTest(unittest.TestCase):
    def test_answers_by_hand(self):
        model = Model(targets=[[[2.0, 0.0]], [[4.0, 2.0]]], held_out=[[[1.0, 1.0]]])
        step = model.step(2, cache([[0.0, 0.0]]))
        gradient = step.gradient(step.cache(), ft.Examples.LEAVE_ONE_OUT, ft.Objective.ANSWER)
        self.assertEqual((gradient.loss, gradient.likelihoods), (6.0, [-2.0, -10.0]))
        self.assertEqual(numbers(gradient.slots), [[-3.0, -1.0]])
        self.assertEqual(step.likelihood(step.cache(), ft.Examples.HELD_OUT, ft.Objective.CHOICE), [-1.0])
        self.assertEqual(numbers([slot.proposed for slot in step.proposal()]), [[3.0, 1.0]])
        self.assertEqual((model.passes, step.number, step.seed, step.held_out_rows), (4, 2, 2, 1))

    def test_questions_that_make_no_sense_fail(self):
        step = Model(targets=[[[1.0, 1.0]]], limit=3).step(2, cache([[0.0, 0.0]]))
        about = (ft.Examples.DEMONSTRATIONS, ft.Objective.ANSWER)
        for examples in (ft.Examples.HELD_OUT, ft.Examples.LEAVE_ONE_OUT):
            with self.assertRaises(ft.Unsupported):
                step.likelihood(step.cache(), examples, ft.Objective.ANSWER)
        wrong = [
            lambda: step.likelihood(cache([[0.0]]), *about),
            lambda: step.gradient(step.cache(), *about, dropout=1.0),
            lambda: step.propose(step.cache(), hidden=[range(1, 3)]),
            lambda: step.propose(step.cache(), order=[0, 0]),
        ]
        for ask in wrong:
            with self.assertRaises(AssertionError):
                ask()
        with self.assertRaisesRegex(ValueError, "expected ranges of step 1"):
            step.propose(step.cache(), hidden=[range(0, 2, 2)])
        step.gradient(step.cache(), *about)
        with self.assertRaisesRegex(AssertionError, "expected 3 passes at most in a step"):
            step.gradient(step.cache(), *about)
        self.assertEqual(step.passes_left, 1)
