"""Makes statements.tsv again: what the programs sent to a server that logs everything, one of each kind.

usage: collect.py SERVER.JSON > statements.tsv      (run.py --direct --keep FOLDER leaves FOLDER/server.json)
A line: program, who is to be judged (`app`: the table rules; `owner`: they and `define`), the statement with \\n, \\t and \\\\ escaped.
`others.tsv` beside it holds what programs send that can't be run here.
"""

import json
import re
import sys

DEFINES = re.compile(r"(^|;)(\s|--[^\n]*\n|/\*.*?\*/)*(CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE|REINDEX|CLUSTER|SECURITY LABEL|REFRESH|DO)\b", re.I | re.S)
TEMPORARY = re.compile(r"\s*(CREATE|DROP)\s+(LOCAL\s+|GLOBAL\s+)?TEMP", re.I)
LOGGED = re.compile(r"(?:statement|execute [^:]*): (.*)$", re.S)
# What fails on purpose, what only shows a driver's own behaviour, and what is data of a benchmark.
LEFT_OUT = re.compile(r"nosuch|SELEC\b|generate_series\(1, 1000000|TO '/|1/0|1 / |10 / ", re.I)


def shape(text):
    """The statement without its values, so that one of a kind is kept."""
    text = re.sub(r"'(?:[^']|'')*'", "''", text)
    text = re.sub(r"\$\d+|\b\d+\b", "0", text)
    text = re.sub(r"\b(s|sp|point|_psycopg\w*|__asyncpg\w*|sa_savepoint|active_record|jdbc_savepoint)_?\w*\d\w*", "NAME", text, flags=re.I)
    text = re.sub(r"(\(0, ''\)|\(0, ''\), *)+|(0, *)+|('', *)+", "0", text)
    return re.sub(r"\s+", " ", text).strip().lower()


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def unescape(text):
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1]), text)


def statements(log):
    """(program, who, text) in the order of the log."""
    failed = {(row.get("pid"), row.get("statement")) for row in log if row.get("error_severity") in ("ERROR", "FATAL")}
    seen, defined, out = set(), set(), []
    for row in log:
        found = LOGGED.match(row.get("message", ""))
        program = row.get("dbname")
        if not found or row.get("user") == "postgres" or program in (None, "postgres", "shop"):
            continue
        text = found[1]
        if (row.get("pid"), text) in failed or LEFT_OUT.search(text) or len(text) > 40000:
            continue
        kind, who = shape(text), "owner" if DEFINES.search(text) and not TEMPORARY.match(text) else "app"
        # What runs on a schema of the program's own is its owner's.
        who = "owner" if "worker" in text and program == "graphile" else who
        known = defined if who == "owner" else seen
        mark = (program, kind) if who == "owner" else kind
        if mark not in known:
            known.add(mark)
            out.append((program, who, text))
    return out


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        for program, who, text in statements(json.load(file)):
            print(program, who, escape(text), sep="\t")
