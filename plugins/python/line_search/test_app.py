"""Run with `PYTHONPATH=.. python3 -m unittest`. The cases are those of the same optimizer in Rust, `plugins/line-search`."""

import contextlib
import io
import unittest

import ft_plugin as ft
from app import LineSearch
from ft_plugin.testing import Model, cache, numbers

LIKELIHOOD = ("likelihood", ft.Examples.LEAVE_ONE_OUT, ft.Objective.ANSWER)
PROPOSE = ("propose", ft.Positions.CONFIGURED, [], [])


def rule(**options):
    return LineSearch(ft.Options.defaults(LineSearch.description, **options))


def model():
    """Two demonstrations, so that `L(c) = -((c - 3)^2 + 1) / 2`, with a proposal of 10 behind 0, and of 1 behind 5."""
    return Model(targets=[[[2.0]], [[4.0]]], propose=lambda cache, *_: [[10.0 if cache[0][0] == 0.0 else 1.0]])


class LineSearchTest(unittest.TestCase):
    def test_steps_by_hand(self):
        asked = model()
        updates = asked.steps(rule(), cache([[0.0]]), 3)
        # L(0) = -5, L(10) = -25, L(5) = -2.5. From there the whole way to 1, which is as likely as 5. From 1 nowhere.
        self.assertEqual([numbers(update.cache) for update in updates], [[[5.0]], [[1.0]], [[1.0]]])
        self.assertEqual([update.loss for update in updates], [5.0, 2.5, 2.5])
        self.assertEqual([(update.converged, update.accepted) for update in updates], [(False, True)] * 3)
        # The likelihood behind the current cache is asked for once.
        expected = [LIKELIHOOD, PROPOSE, LIKELIHOOD, LIKELIHOOD, PROPOSE, LIKELIHOOD, PROPOSE, LIKELIHOOD]
        self.assertEqual(asked.questions, expected)

    def test_what_hurts_is_not_accepted(self):
        # 8, 4, 2 and 1 away from 3, where the likelihood is greatest.
        asked = Model(targets=[[[2.0]], [[4.0]]], propose=lambda *_: [[11.0]], limit=6)
        for update in asked.steps(rule(halvings=3), cache([[3.0]]), 2):
            self.assertEqual((update.converged, update.loss, update.accepted), (True, 0.5, False))
            self.assertEqual(numbers(update.cache), [[3.0]])
        # A likelihood, a proposal and four tries; then the same without the first.
        self.assertEqual(asked.passes, 6 + 5)

    def test_the_step_size_is_the_first_try(self):
        # 0.3 of the way to 10 is 3, and there is no other try.
        update = rule(step_size=0.3, halvings=0).step(model().step(2, cache([[0.0]])))
        self.assertAlmostEqual(numbers(update.cache)[0][0], 3.0, places=6)

    def test_the_objective_is_what_is_asked_about(self):
        asked = model()
        rule(objective="choice").step(asked.step(2, cache([[5.0]])))
        self.assertEqual(asked.questions[0], ("likelihood", ft.Examples.LEAVE_ONE_OUT, ft.Objective.CHOICE))

    def test_a_single_demonstration_is_predicted_behind_the_whole_cache(self):
        asked, said = Model(targets=[[[3.0]]]), io.StringIO()
        with contextlib.redirect_stderr(said):
            updates = asked.steps(rule(), cache([[0.0]]), 2)
        self.assertEqual((numbers(updates[0].cache), updates[0].loss), ([[3.0]], 4.5))
        self.assertEqual(asked.questions[0], ("likelihood", ft.Examples.DEMONSTRATIONS, ft.Objective.ANSWER))
        # Once, and not in each step.
        self.assertEqual(said.getvalue().count("cannot be left out"), 1)

    def test_demonstrations_that_are_not_known_one_by_one_are_an_error(self):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(ft.Unsupported):
            rule().step(Model(propose=lambda *_: [[1.0]]).step(2, cache([[0.0]])))


if __name__ == "__main__":
    unittest.main()
