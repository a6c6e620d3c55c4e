"""CommonsenseQA: a question with five labelled choices, from local JSON lines."""

import ft_plugin as ft


class CommonsenseQa(ft.Task):
    description = ft.Description(
        "csqa", "0.1.0", "CommonsenseQA: which of five choices answers the question (arXiv 1811.00937)"
    ).boolean("show_choices", False, "show all choices before the answer")

    def __init__(self, options):
        self.show_choices = options.boolean("show_choices")

    def sources(self):
        return [
            ft.Source(ft.Split.DEMONSTRATIONS, "tau/commonsense_qa", "train", "csqa"),
            ft.Source(ft.Split.EVALUATION, "tau/commonsense_qa", "validation", "csqa"),
        ]

    def example(self, split, row):
        choices, answer = row.labelled_choices("choices", "answerKey")
        return ft.Example(row.nonblank("question"), choices, answer, id=row.nonblank("id"))

    def query(self, example):
        shown = f"Choices: {', '.join(example.choices)}\n" if self.show_choices else ""
        return example.choices_after(f"Question: {example.query}\n{shown}Answer:")


Info, Dataset, Prompt = ft.export_task(CommonsenseQa)
