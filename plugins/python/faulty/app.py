"""What a plugin may get wrong, one fault for each value of the option `fault`. For the tests of the SDK."""

import random
import sys
import time

import ft_plugin as ft

FAULTS = ["none", "configure", "option", "row", "id", "labels", "query", "kind", "exit", "recursion", "print"]
FAULTS += ["random", "memory", "file", "clock", "import"]
SPLITS = [ft.Split.DEMONSTRATIONS, ft.Split.EVALUATION]


class Faulty(ft.Task):
    description = ft.Description("faulty", "0.1.0", "gets wrong what it is told to").choice(
        "fault", "none", FAULTS, "what to get wrong"
    )

    def __init__(self, options):
        self.fault = options.text("fault")
        if self.fault == "configure":
            raise ZeroDivisionError("two\nlines")
        if self.fault == "option":
            raise ft.InvalidOption("`fault` is not to be `option`")

    def sources(self):
        return [ft.Source(split, "none/faulty", "train", "faulty") for split in SPLITS]

    def labels(self):
        if self.fault == "labels":
            raise KeyError("label")
        return []

    def example(self, split, row):
        if self.fault == "row":
            return {"no": "example"} if row.index == 1 else ft.Example(row.values["sentence"], ["a", "b"], 0)
        if self.fault == "id":
            return ft.Example(row.text("sentence"), ["a", "b"], 0, id=["a\nb", "x" * 201][row.index])
        if self.fault == "print":
            print("row", row.index, end="\n" if row.index == 0 else "")
            print("to standard error", file=sys.stderr)
            ft.log.debug("half a pair: \ud800")
        return ft.Example(row.text("sentence"), ["a", "b"], 0)

    def query(self, example):
        if self.fault == "query":
            return example.choices_after(example.fields["passage"])
        if self.fault == "kind":
            return ["a text", "another"]
        if self.fault == "exit":
            sys.exit("enough")
        if self.fault == "recursion":
            return self.query(example)
        if self.fault == "random":
            return example.choices_after(f"{random.random()} {hash('x')}")
        if self.fault == "memory":
            return example.choices_after("x" * 2**30)
        if self.fault == "file":
            return example.choices_after(open("/etc/passwd").read())
        if self.fault == "clock":
            return example.choices_after(str(time.time()))
        if self.fault == "import":
            import xml.dom.minidom

            return example.choices_after(xml.dom.minidom.__name__)
        return example.choices_after(example.query)


Info, Dataset, Prompt = ft.export_task(Faulty)
