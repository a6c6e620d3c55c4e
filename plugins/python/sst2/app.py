"""SST-2: is a sentence of a film review negative or positive?"""

import ft_plugin as ft

LABELS = ["negative", "positive"]


class Sst2(ft.Task):
    description = ft.Description(
        "sst2",
        "0.1.0",
        "SST-2 from GLUE: sentiment of sentences from film reviews, with the prompt of arXiv 2305.13016",
    )

    def sources(self):
        return [
            ft.Source(ft.Split.DEMONSTRATIONS, "nyu-mll/glue", "train", "sst2", config="sst2"),
            ft.Source(ft.Split.EVALUATION, "nyu-mll/glue", "validation", "sst2", config="sst2"),
        ]

    def labels(self):
        return LABELS

    def example(self, split, row):
        # GLUE's sentences end in a blank, which is no part of the prompt.
        sentence = row.nonblank("sentence").strip(ft.BLANKS)
        return ft.Example(sentence, LABELS, row.answer(lambda row: row.class_index("label", len(LABELS))))

    def query(self, example):
        return example.choices_after(f"Review: {example.query}\nSentiment:")


Info, Dataset, Prompt = ft.export_task(Sst2)
