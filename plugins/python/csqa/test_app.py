"""Run with `PYTHONPATH=.. python3 -m unittest`."""

import unittest
from pathlib import Path

import ft_plugin as ft
from app import CommonsenseQa
from ft_plugin.testing import examples

DATA = Path(__file__).parent / "data" / "csqa"


def task(**options):
    return CommonsenseQa(ft.Options.defaults(CommonsenseQa.description, **options))


class CommonsenseQaTest(unittest.TestCase):
    def test_every_row_is_an_example(self):
        train = examples(task(), DATA / "train.jsonl", ft.Split.DEMONSTRATIONS)
        self.assertEqual([example.right_choice() for example in train][:2], ["dishwasher", "a taxi"])
        self.assertEqual([example.id for example in train], [f"train-{number}" for number in range(1, 7)])
        self.assertEqual(len(examples(task(), DATA / "validation.jsonl", ft.Split.EVALUATION)), 4)

    def test_rows_to_predict_have_the_prompts_that_they_have_with_answers(self):
        for example in examples(task(), DATA / "validation.jsonl", ft.Split.UNLABELLED):
            self.assertIsNone(example.answer)
        pairs = zip(*(examples(task(), DATA / "validation.jsonl", split) for split in list(ft.Split)[1:]))
        prompts = [[task().query(example) for example in pair] for pair in pairs]
        self.assertEqual(len(prompts), 4)
        self.assertTrue(all(answered == unlabelled for answered, unlabelled in prompts))

    def test_prompts(self):
        example = examples(task(), DATA / "train.jsonl", ft.Split.DEMONSTRATIONS)[3]
        question = "Question: What do you need before a kite can climb?"
        self.assertEqual(task().demonstration(example), f"{question}\nAnswer: wind")
        shown = f"{question}\nChoices: a ladder, a lamp, ice, wind, paint\nAnswer:"
        self.assertEqual(task(show_choices=True).query(example)[4], ft.Choice(shown, f"{shown} paint"))


if __name__ == "__main__":
    unittest.main()
