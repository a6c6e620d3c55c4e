"""Run with `python3 -m unittest` in this folder."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "vendor/plugins/python"))

import ft_plugin as ft
from app import {{Name}}Task
from ft_plugin.testing import examples


class {{Name}}Test(unittest.TestCase):
    def test_a_row_becomes_a_prompt(self):
        task = {{Name}}Task(ft.Options.defaults({{Name}}Task.description))
        train = examples(task, HERE / "data/{{name}}/train.jsonl", ft.Split.DEMONSTRATIONS)
        self.assertEqual(task.demonstration(train[1]), "Sentence: A cold wind blew from the north.\nTopic: weather")

    def test_a_row_to_predict_needs_no_answer(self):
        task = {{Name}}Task(ft.Options.defaults({{Name}}Task.description))
        example = task.example(ft.Split.UNLABELLED, ft.Row.parse(0, '{"sentence": "Soup."}', unlabelled=True))
        self.assertEqual(task.query(example)[1].full, "Sentence: Soup.\nTopic: weather")


if __name__ == "__main__":
    unittest.main()
