"""The user's own tables: three formats, one meaning, and errors that name the line."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import read_table
from tinyllm.data.tables import table_rows

WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff")).filter(str.strip)
CELL = st.tuples(WORD, st.sampled_from(["news", "a b", "0"]))


def csv_of(rows):
    out = io.StringIO()
    csv.writer(out).writerows([("id", "text", "label"), *((i, *row) for i, row in enumerate(rows))])
    return out.getvalue()


def tsv_of(rows):
    return "".join("\t".join((label, text)) + "\n" for text, label in [("text", "label"), *rows])


def jsonl_of(rows):
    return "".join(json.dumps({"text": text, "label": label, "more": [1, {}]}) + "\n\n" for text, label in rows)


@pytest.mark.parametrize(("ending", "write"), [("csv", csv_of), ("tsv", tsv_of), ("jsonl", jsonl_of)])
@given(rows=st.lists(CELL, min_size=1, max_size=6).map(lambda rows: [*rows, ("last", "zzz")]))
def test_what_was_written_is_read(tmp_path_factory, ending, write, rows):
    path = tmp_path_factory.getbasetemp() / f"table.{ending}"
    path.write_text(write(rows), encoding="utf-8", newline="")
    table = read_table(path)
    assert table.texts == tuple(text for text, _ in rows)
    assert table.names == tuple(sorted({label for _, label in rows}))
    assert [table.names[i] for i in table.labels] == [label for _, label in rows]


def read(tmp_path, name, content, **options):
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return read_table(path, **options)


def test_quotes_mean_something_in_csv_and_nothing_in_tsv(tmp_path):
    table = read(tmp_path, "a.csv", 'text,label\n"one, ""two""\nthree",x\nfour,y\n')
    assert table.texts == ('one, "two"\nthree', "four")
    table = read(tmp_path, "a.TSV", 'text\tlabel\n"one\tx\nfour"\ty\n')
    assert table.texts == ('"one', 'four"')


def test_columns_are_found_by_name(tmp_path):
    table = read(tmp_path, "a.csv", "class,review\r\nbad,no\r\ngood,yes\r\n", text="review", label="class")
    assert table.texts == ("no", "yes") and table.names == ("bad", "good") and table.labels.tolist() == [0, 1]


def test_whole_numbers_and_truth_values_are_labels_in_jsonl(tmp_path):
    lines = ['{"text": "a", "label": 1}', '{"text": "b", "label": 0}', '{"text": "c", "label": true}']
    table = read(tmp_path, "a.jsonl", "\n".join(lines))
    assert table.names == ("0", "1", "True") and table.labels.tolist() == [1, 0, 2]


def test_known_names_keep_their_order_and_may_be_absent(tmp_path):
    table = read(tmp_path, "a.csv", "text,label\none,b\n", names=["c", "b", "a"])
    assert table.names == ("c", "b", "a") and table.labels.tolist() == [1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "text,label\na,b\n", r"ends in '.txt': name it .csv, .tsv, .jsonl"),
        ("a.csv", "body,label\na,b\n", "no column 'text': there are 'body', 'label'"),
        ("a.csv", "text,kind\na,b\n", "no column 'label': there are 'text', 'kind'"),
        ("a.csv", "text,text\na,b\n", "column 'text' stands there twice: rename one"),
        ("a.csv", "text,label\na,b\nc\n", "line 3: 1 values for 2 columns"),
        ("a.csv", "text,label\na, yes,b\n", "line 2: 3 values for 2 columns: quote a value that holds the separator"),
        ("a.csv", 'text,label\n"a,b\nc,d\n', "line 2: unexpected end of data: close the quotes"),
        ("a.csv", 'text,label\n"a\nb",x\n"c"d,x\ne,x\n', "line 4: .*: close the quotes, or double those within a value"),
        ("a.csv", 'text,label\n\n"a\nb"\n', "line 3: 1 values for 2 columns"),
        ("a.csv", "text,label\n", "has no rows"),
        ("a.csv", "text,label\na,x\n ,y\n", "line 3: column 'text' is ' ': give a text, or delete the line"),
        ("a.csv", "text,label\na,x\nb,\n", "line 3: column 'label' is '': give a word or a whole number"),
        ("a.csv", "text,label\na,x\nb,x\n", "every label is 'x': a classifier needs at least two"),
        ("a.tsv", "text\tlabel\na\tb\tc\n", "line 2: 3 values for 2 columns"),
        ("a.csv", b"text,label\na,\xff\n", r"not UTF-8: byte 13 \(line 2\)"),
        ("a.csv", "", "holds no text"),
        ("a.jsonl", '{"text": "a", "label": "x"}\n\n{"text": b}\n', r"line 3: not JSON \(.*\): write one object"),
        ("a.jsonl", "[" * 100_000, r"line 1: not JSON \("),
        ("a.jsonl", '\n{"text": ' + "9" * 5000 + "}", r"line 2: not JSON \(Exceeds the limit"),
        ("a.jsonl", '["a", "x"]\n', "line 1: JSON, but not an object"),
        ("a.jsonl", '{"text": "a", "label": "x"}\n{"text": "b"}\n', "line 2: no column 'label': there are 'text'"),
        ("a.jsonl", "{}\n", "line 1: no column 'text': there are none"),
        ("a.jsonl", '{"text": 5, "label": "x"}\n', "line 1: column 'text' is 5: give a text"),
        ("a.jsonl", '{"text": "a", "label": 0.5}\n', "line 1: column 'label' is 0.5: give a word or a whole number"),
        ("a.jsonl", '{"text": "a", "label": null}\n', "line 1: column 'label' is None"),
    ],
)
def test_bad_tables(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, name, content)
    assert str(tmp_path / name) in str(error.value)


def test_a_value_is_as_long_as_the_file_lets_it_be(tmp_path):
    before = csv.field_size_limit()
    for ending, separator in (("csv", ","), ("tsv", "\t")):
        path = tmp_path / f"long.{ending}"
        path.write_text(f"text{separator}label\n{'a' * 200_000}{separator}x\nb{separator}y\n")
        rows = table_rows(path)
        assert len(next(rows)[1]["text"]) == 200_000 and csv.field_size_limit() == before
        assert len(list(rows)) == 1 and csv.field_size_limit() == before
    (tmp_path / "open.csv").write_text('text,label\n"' + "a" * 200_000)
    with pytest.raises(ValueError, match="line 2: unexpected end of data"):
        read_table(tmp_path / "open.csv")
    assert csv.field_size_limit() == before


def test_a_label_that_the_model_does_not_know(tmp_path):
    with pytest.raises(ValueError, match="line 3: label 'c' is none of the known 'a', 'b'"):
        read(tmp_path, "a.csv", "text,label\none,b\ntwo,c\n", names=["a", "b"])


def test_the_limit_holds_for_tables(tmp_path):
    with pytest.raises(ValueError, match="larger than 10 bytes"):
        read(tmp_path, "a.csv", "text,label\na,b\nc,d\n", max_bytes=10)
