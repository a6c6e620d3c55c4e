"""{{name}}: is a sentence about food or about the weather? Replace it by what your task is about."""

import ft_plugin as ft

# Classes; a task whose examples have choices of their own has no `labels` and makes the choices of the row.
LABELS = ["food", "weather"]


class {{Name}}Task(ft.Task):
    description = ft.Description("{{name}}", "0.1.0", "food or weather: which is a sentence about?")

    def sources(self):
        """The data set on the hub, and the folder below `--data DIR` for those who have the files."""
        return [
            ft.Source(ft.Split.DEMONSTRATIONS, "your-name/{{name}}", "train", "{{name}}"),
            ft.Source(ft.Split.EVALUATION, "your-name/{{name}}", "validation", "{{name}}"),
        ]

    def labels(self):
        return LABELS

    def example(self, split, row):
        """A row that has not what is asked for is rejected with its column, what was expected and what came. A row to
        predict needs no answer: `row.answer` does not look for one there."""
        answer = row.answer(lambda row: row.class_index("label", len(LABELS)))
        return ft.Example(row.nonblank("sentence"), LABELS, answer)

    def query(self, example):
        """The text before the scored span, and each choice behind it. A demonstration is the text of the right one."""
        return example.choices_after(f"Sentence: {example.query}\nTopic:")


Info, Dataset, Prompt = ft.export_task({{Name}}Task)
