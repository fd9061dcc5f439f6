"""How the tables of this folder are written and read: bytes from rows and rows from bytes, line ends "\\n", UTF-8."""

import json


def write_tsv(rows, columns):
    """A header, then a row a line, tabs between columns."""
    return "".join("\t".join(row) + "\n" for row in [columns, *rows])


def read_tsv(text):
    _, *rows = [line.split("\t") for line in text.splitlines()]
    return rows


def write_conll(sentences, columns=None):
    """A word a line with its columns, spaces between them, an empty line after each sentence."""
    return "".join("".join(" ".join(row) + "\n" for row in rows) + "\n" for rows in sentences)


def read_conll(text):
    return [[line.split(" ") for line in block.split("\n")] for block in text.strip("\n").split("\n\n")]


def write_json(paragraphs, columns=None):
    """SQuAD 2.0: one article, a paragraph a line."""
    lines = ",\n".join(compact(paragraph) for paragraph in paragraphs)
    return f'{{"version":"v2.0","data":[{{"title":"stories","paragraphs":[\n{lines}\n]}}]}}\n'


def read_json(text):
    """Each question with its "context" added."""
    return [
        {**entry, "context": paragraph["context"]}
        for article in json.loads(text)["data"]
        for paragraph in article["paragraphs"]
        for entry in paragraph["qas"]
    ]


def write_jsonl(rows, columns=None):
    """An object a line."""
    return "".join(compact(row) + "\n" for row in rows)


def read_jsonl(text):
    return [json.loads(line) for line in text.splitlines()]


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


WRITE = {"tsv": write_tsv, "conll": write_conll, "json": write_json, "jsonl": write_jsonl}
READ = {"tsv": read_tsv, "conll": read_conll, "json": read_json, "jsonl": read_jsonl}
