"""Summaries as lines of text, for the tests that show them."""


def printed(model, **arguments):
    lines = []
    model.summary(print_fn=lines.append, **arguments)
    return lines


def table(text):
    """The lines of a table as a test shows it; ``|`` is where a line ends with spaces."""
    return [line.removesuffix("|") for line in text.strip("\n").splitlines()]
