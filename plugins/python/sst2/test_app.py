"""Run with `PYTHONPATH=.. python3 -m unittest`."""

import unittest

import ft_plugin as ft
from app import LABELS, Sst2


class Sst2Test(unittest.TestCase):
    task = Sst2(ft.Options.defaults(Sst2.description))

    def example(self, json):
        return self.task.example(ft.Split.EVALUATION, ft.Row.parse(0, json))

    def test_the_prompt_is_that_of_the_reference(self):
        example = self.example('{"sentence": "it \'s a charming journey . ", "label": 1}')
        context = "Review: it 's a charming journey .\nSentiment:"
        self.assertEqual(self.task.demonstration(example) + self.task.separator(), f"{context} positive\n\n")
        self.assertEqual(self.task.query(example), [ft.Choice.after(context, f" {label}") for label in LABELS])

    def test_a_row_to_predict_needs_no_label(self):
        for json in ('{"sentence": "so good . "}', '{"sentence": "so good . ", "label": -1}'):
            example = self.task.example(ft.Split.UNLABELLED, ft.Row.parse(0, json, unlabelled=True))
            self.assertEqual(example, ft.Example("so good .", LABELS, None))
            context = "Review: so good .\nSentiment:"
            self.assertEqual(self.task.query(example), [ft.Choice.after(context, f" {label}") for label in LABELS])

    def test_rows_without_sentence_or_label_are_rejected(self):
        expected_class = "column `label`: expected a class from 0 to 1"
        cases = {
            '{"label": 1}': "column `sentence`: expected a text, the column is missing",
            '{"sentence": "  ", "label": 1}': 'column `sentence`: expected a text that is more than blanks, got "  "',
            '{"sentence": "x"}': f"{expected_class}, the column is missing",
            '{"sentence": "x", "label": -1}': f"{expected_class}, got -1",
            '{"sentence": "x", "label": 2}': f"{expected_class}, got 2",
        }
        for json, expected in cases.items():
            with self.assertRaises(ft.RowError) as caught:
                self.example(json)
            self.assertEqual(str(caught.exception), expected)


if __name__ == "__main__":
    unittest.main()
