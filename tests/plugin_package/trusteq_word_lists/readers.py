"""A kind of file: on each line a label, a colon and a text."""

from trusteq.data.table import Table, selected


def read_lines(path, columns, limit):
    rows = [line.partition(": ")[::2] for line in path.read_text().splitlines()[:limit]]
    values = {"label": [label for label, _ in rows], "text": [text for _, text in rows]}
    names = selected(list(values), columns, str(path))
    return Table(str(path), {name: values[name] for name in names}, len(rows), lines=range(1, len(rows) + 1))
