"""The one comparison: two runs of a program's day, step by step. What may differ by nature is taken out here and nowhere else."""

import re

# The order matters: the specific ones first.
NATURE = (
    (re.compile(r"/[\w/.-]*exeat-programs-\w+/days/\w+/"), "FOLDER/"),
    (re.compile(r"127\.0\.0\.1:\d+|port \"?\d+\"?|port=\d+|localhost:\d+"), "PORT"),
    (re.compile(r"[Pp]rocess \d+|PID[ :]+\d+|pid=\d+"), "PID"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    # Whole databases (psql's \\l+), not tables.
    (re.compile(r"\b\d{4,} kB\b"), "SIZE"),
    (re.compile(r"20[23]\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:?\d\d)?|Z)?"), "NOW"),
)


def settled(value):
    """A step without what differs by nature between two runs."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, str):
        for pattern, stands in NATURE:
            value = pattern.sub(stands, value)
    return value


def differences(direct, through):
    """Pairs (step, what differs): a missing step, another result, another SQLSTATE, another notice."""
    found, seen = [], {}
    for step in through:
        seen.setdefault(step["name"], []).append(step)
    for step in direct:
        waiting = seen.get(step["name"])
        if not waiting:
            found.append((step["name"], short(step), "the step is missing"))
            continue
        other = waiting.pop(0)
        if settled(step) != settled(other):
            found.append((step["name"], short(step), short(other)))
    for name, left in seen.items():
        found += [(name, "no such step", short(step)) for step in left]
    return found


def short(step, limit=220):
    shown = {key: value for key, value in step.items() if key != "name"}
    error = shown.get("error")
    if isinstance(error, dict):
        shown["error"] = f"{error.get('sqlstate')} {error.get('message')}"
    text = " ".join(f"{key}={value}" for key, value in shown.items())
    return text if len(text) <= limit else text[: limit - 1] + "…"
