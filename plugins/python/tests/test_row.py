import unittest

from ft_plugin import Row, RowError


def parse(json):
    return Row.parse(0, json)


class RowTest(unittest.TestCase):
    def fails(self, expected, getter, *arguments):
        with self.assertRaises(RowError) as caught:
            getter(*arguments)
        self.assertEqual(str(caught.exception), expected)

    def test_errors_name_the_column_what_was_expected_and_what_came(self):
        row = parse('{"sentence": 5, "label": -1, "texts": ["a", null], "none": null, "blank": " ", "key": "", "b": true}')
        self.fails("column `sentence`: expected a text, got 5", row.text, "sentence")
        self.fails("column `absent`: expected a text, the column is missing", row.text, "absent")
        self.fails("column `label`: expected a class from 0 to 1, got -1", row.class_index, "label", 2)
        self.fails('column `key`: expected a class from 0 to 1, got ""', row.class_index, "key", 2)
        self.fails('column `key`: expected one of 1, 2, got ""', row.one_of, "key", ["1", "2"])
        self.fails('column `blank`: expected a text that is more than blanks, got " "', row.nonblank, "blank")
        self.fails('column `texts`: expected a list of texts, got ["a",null]', row.texts, "texts")
        self.fails("column `none`: expected a number, got null", row.number, "none")
        self.fails("column `b`: expected a whole number, got true", row.integer, "b")
        self.fails("column `label`: expected a boolean, got -1", row.boolean, "label")
        self.assertFalse(row.has("none") or row.has("absent"))
        self.assertTrue(row.has("label"))

    def test_nested_columns_are_named_by_their_path(self):
        row = parse('{"choices": {"text": ["a", "b"]}}')
        self.assertEqual(row.nested("choices").texts("text"), ["a", "b"])
        missing = "column `choices.label`: expected a whole number, the column is missing"
        self.fails(missing, row.nested("choices").integer, "label")

    def test_classes_may_be_texts_and_texts_may_be_numbers(self):
        row = parse('{"number": 2, "digits": "2", "word": "two", "real": 2.5}')
        self.assertEqual((row.class_index("number", 3), row.class_index("digits", 3)), (2, 2))
        self.assertEqual((row.one_of("number", ["1", "2"]), row.one_of("digits", ["1", "2"])), (1, 1))
        self.assertEqual((row.number("real"), row.number("number"), row.integer("number")), (2.5, 2.0, 2))
        for column, classes in (("digits", 2), ("word", 3), ("real", 3)):
            with self.assertRaises(RowError):
                row.class_index(column, classes)

    def test_classes_may_be_written_with_a_point(self):
        row = parse('{"real": 1.0, "text": "1.0", "half": 1.5, "texts": "1.5", "point": "1.", "minus": -1.0}')
        self.assertEqual((row.class_index("real", 2), row.class_index("text", 2)), (1, 1))
        for column, classes in (("real", 1), ("text", 1), ("half", 9), ("texts", 9), ("point", 9), ("minus", 9)):
            with self.assertRaises(RowError):
                row.class_index(column, classes)

    def test_what_is_no_object_is_refused(self):
        for json in ("[1, 2]", '{"a": ', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 100_000):
            with self.assertRaises(RowError) as caught:
                parse(json)
            self.assertTrue(caught.exception.message.startswith("expected a JSON object, got "), json[:20])

    def test_long_values_are_cut(self):
        with self.assertRaises(RowError) as caught:
            parse('{"label": "%s"}' % ("é" * 100)).integer("label")
        self.assertEqual(caught.exception.message, 'expected a whole number, got "' + "é" * 59 + "...")

    def test_labelled_choices_come_in_two_forms(self):
        lists = '{"choices": {"text": ["ice", "fire"], "label": ["A", "B"]}, "key": "B"}'
        objects = '{"choices": [{"text": "ice", "label": "A"}, {"text": "fire", "label": "B"}], "key": "B"}'
        for json in (lists, objects):
            self.assertEqual(parse(json).labelled_choices("choices", "key"), (["ice", "fire"], 1))

    def test_a_row_to_predict_is_not_looked_at_for_its_answer(self):
        row = Row.parse(0, '{"label": -1, "inner": {}}', unlabelled=True)
        self.assertIsNone(row.answer(lambda row: row.class_index("label", 2)))
        self.assertIsNone(row.nested("inner").answer(lambda row: row.class_index("label", 2)))
        self.assertEqual(parse('{"label": 1}').answer(lambda row: row.class_index("label", 2)), 1)
        lists, objects = '{"choices": {"text": ["ice", "fire"]}}', '{"choices": [{"text": "ice"}, {"text": "fire"}]}'
        for json in (lists, objects, lists[:-1] + ', "key": ""}'):
            row = Row.parse(0, json, unlabelled=True)
            self.assertEqual(row.labelled_choices("choices", "key"), (["ice", "fire"], None))
        row = Row.parse(0, '{"choices": {"text": ["ice"]}}', unlabelled=True)
        self.fails("column `choices.text`: expected two choices or more, got 1", row.labelled_choices, "choices", "key")

    def test_faults_of_choices_are_named_by_their_place(self):
        two = '"text": ["a", "b"], "label": ["A", "B"]'
        cases = {
            '{"key": "A"}': "`choices`: expected an object or a list of objects, the column is missing",
            '{"choices": ["a", "b"]}': '`choices`: expected an object or a list of objects, got ["a","b"]',
            '{"choices": {"label": ["A"]}}': "`choices.text`: expected a list of texts, the column is missing",
            '{"choices": {"text": ["a"]}}': "`choices.text`: expected two choices or more, got 1",
            '{"choices": {"text": ["a", ""], "label": ["A", "B"]}}': "`choices.text[1]`: expected a text that is more "
            'than blanks, got ""',
            '{"choices": {"text": ["a", "b"], "label": ["A"]}}': "`choices.label`: expected 2 labels, one for each text, "
            "got 1",
            '{"choices": {%s}}' % two: "`key`: expected one of A, B, the column is missing",
            '{"choices": {%s}, "key": ""}' % two: '`key`: expected one of A, B, got ""',
            '{"choices": []}': "`choices`: expected two choices or more, got 0",
            '{"choices": [{"text": "a", "label": "A"}, {"text": 5, "label": "B"}]}': "`choices[1].text`: expected a "
            "text, got 5",
        }
        for json, expected in cases.items():
            self.fails(f"column {expected}", parse(json).labelled_choices, "choices", "key")
