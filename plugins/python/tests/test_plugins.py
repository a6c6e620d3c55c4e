"""Descriptions, options, examples, exports, and how exceptions are told."""

import unittest

import ft_plugin as ft
from ft_plugin._errors import told


class OptionsTest(unittest.TestCase):
    description = ft.Description("t", "0.1.0", "a test").integer("count", 3, "how many", minimum=1)

    def test_getters_take_the_kind_that_was_described(self):
        option = self.description.options[0]
        self.assertEqual((option.kind, option.minimum, option.maximum), ("integer", 1, None))
        options = ft.Options.defaults(self.description, name="x", on=True)
        self.assertEqual((options.integer("count"), options.text("name"), options.boolean("on")), (3, "x", True))
        cases = [
            (options.number, "count", "option `count` is asked for as a number, and the description makes it a whole number"),
            (options.integer, "on", "option `on` is asked for as a whole number, and the description makes it a boolean"),
            (options.integer, "name", "option `name` is asked for as a whole number, and the description makes it a text or a choice"),
            (options.boolean, "absent", "the description names no option `absent`"),
        ]
        for getter, name, expected in cases:
            with self.assertRaises(ft.Failed) as caught:
                getter(name)
            self.assertEqual(str(caught.exception), expected)

    def test_a_description_is_not_changed_by_its_methods(self):
        more = self.description.boolean("on", True, "x").text("t", "", "x").choice("c", "a", ["a", "b"], "x")
        self.assertEqual([option.name for option in more.options], ["count", "on", "t", "c"])
        self.assertEqual(len(self.description.options), 1)


class ExampleTest(unittest.TestCase):
    def test_what_cannot_leave_the_plugin_is_refused_where_it_is_made(self):
        for arguments in ((5, ["a"], 0), ("q", ["a", None], 0), ("q", ["a"], "0"), ("q", ["a"], -1), ("q", ["a"], True)):
            with self.assertRaises(TypeError):
                ft.Example(*arguments)
        with self.assertRaises(TypeError):
            ft.Example("q", ["a"], 0, {"n": 1})

    def test_fields_and_answers_that_are_missing(self):
        example = ft.Example("q", ["a", "b"], 2, {"passage": "p"}, id="7")
        self.assertEqual(example.field("passage"), "p")
        with self.assertRaisesRegex(ft.InvalidData, "example `7` has no field `page`"):
            example.field("page")
        with self.assertRaisesRegex(ft.InvalidData, "example `7` has 2 choices, its answer is number 2"):
            example.right_choice()
        with self.assertRaisesRegex(ft.InvalidData, "example `8`: expected the index of the right choice, got none"):
            ft.Example("q", ["a", "b"], id="8").right_choice()

    def test_a_demonstration_is_the_right_choice_unless_the_task_says_otherwise(self):
        class Colours(ft.Task):
            def query(self, example):
                return example.choices_after(example.query)

        task = Colours(ft.Options({}))
        self.assertEqual(task.demonstration(ft.Example("sky:", ["red", "blue"], 1)), "sky: blue")
        self.assertEqual((task.separator(), task.written(), task.labels()), ("\n\n", [], []))
        self.assertEqual(task.prompt_description(), "")
        with self.assertRaisesRegex(ft.InvalidData, "has no text for its answer"):
            task.demonstration(ft.Example("sky:", ["red"], 1))
        with self.assertRaisesRegex(ft.InvalidData, "example `9`: expected the index of the right choice, got none"):
            task.demonstration(ft.Example("sky:", ["red", "blue"], id="9"))
        self.assertEqual(task.query(ft.Example("sky:", ["red"]))[0].full, "sky: red")


class ContentFreeTest(unittest.TestCase):
    class Made(ft.Task):
        def __init__(self, labels, field):
            self._labels, self._field = labels, field

        def labels(self):
            return self._labels

        def query(self, example):
            field = example.field(self._field) if self._field else ""
            return example.choices_after(f"{field}{example.query}:")

    def test_tasks_with_labels_have_three_examples_without_content(self):
        examples = self.Made(["no", "yes"], None).content_free()
        self.assertEqual([example.query for example in examples], ["N/A", "[MASK]", ""])
        self.assertTrue(all((example.choices, example.fields) == (["no", "yes"], {}) for example in examples))
        self.assertEqual(self.Made([], None).content_free(), [])

    def test_a_prompt_that_needs_a_field_has_no_examples_without_content(self):
        self.assertEqual(self.Made(["no", "yes"], "passage").content_free(), [])


class ExportTest(unittest.TestCase):
    def test_what_is_missing_is_told_at_the_build(self):
        class Bare(ft.Task):
            pass

        class Described(ft.Task):
            description = ft.Description("d", "0.1.0", "no methods")

        cases = [
            (Bare, "`Bare` has no `description = ft.Description"),
            (Described, "`Described` has no method `sources`"),
            (Described(None), "expected a class that is a Task, got <"),
            (ft.MetaOptimizer, "expected a class that is a Task"),
        ]
        for plugin, expected in cases:
            with self.assertRaisesRegex(TypeError, expected):
                ft.export_task(plugin)
        with self.assertRaisesRegex(TypeError, "expected a class that is a MetaOptimizer"):
            ft.export_optimizer(Described)


class ToldTest(unittest.TestCase):
    def test_the_place_is_the_last_one_that_is_the_authors(self):
        try:
            ft.Example("q", [5], 0)
        except TypeError as error:
            said = told(error)
        self.assertRegex(said, r"^TypeError: `choices` of an example: expected a text, got 5 \(test_plugins\.py, line \d+, in ")
        self.assertEqual(told(ValueError()), "ValueError")
