"""Which statements of ordinary programs are refused, and why: statements.tsv and others.tsv put to the real proxy, one by one.

usage: refused.py --exeat BINARY [--mode NAME] [--all-of FILE]... [--out FILE]
What defines is also run, past the proxy and in its order, so that the names of later statements exist. Everything else is
only parsed: nothing is changed. `refused.tsv` holds what is refused on purpose, each with its reason; anything else fails.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import sys
import time

import psycopg
from psycopg.pq import ExecStatus

from collect import TEMPORARY, unescape
from lab import HERE, PASSWORDS, Lab

FILES = (HERE / "statements.tsv", HERE / "others.tsv")
# Where nothing is listed by hand; `observe` refuses nothing.
MODE = "application"
# What another session may have made a moment ago is known to the proxy a second later at most.
AGE = 1.2


def read(files):
    for file in files:
        for line in file.read_text().splitlines():
            if line and not line.startswith("#"):
                program, who, text = line.split("\t")
                yield program, who, unescape(text)


class Judge:
    """The sessions of one program's database: each role's through the proxy, and the administrator's past it."""

    def __init__(self, proxy, cluster, program):
        self.proxy, self.program = proxy, program
        self.admin = psycopg.connect(host=cluster.socket, port=cluster.port, user="postgres", dbname=program, autocommit=True)
        self.admin.execute("SET ROLE owner")
        self.sessions = {}

    def session(self, role):
        found = self.sessions.get(role)
        if found is None or found.closed:
            found = psycopg.connect(host="127.0.0.1", port=self.proxy.port, user=role, password=PASSWORDS[role],
                                    dbname=self.program, autocommit=True, sslmode="disable")
            found.execute("SET client_min_messages = error")
            self.sessions[role] = found
        return found

    def ask(self, who, text):
        """None, or the refusal's SQLSTATE and words."""
        try:
            connection = self.session(who).pgconn
            if TEMPORARY.match(text):
                result = connection.exec_(text.encode())
            else:
                result = connection.prepare(b"", text.encode())
                if result.status == ExecStatus.FATAL_ERROR and b"multiple commands" in (result.error_message or b""):
                    return self.ask_several(who, text)
        except psycopg.OperationalError as error:
            return "08006", f"the session ended: {error}"
        return refusal(result)

    def ask_several(self, who, text):
        connection = self.session(who).pgconn
        connection.exec_(b"BEGIN")
        result = connection.exec_(text.encode())
        connection.exec_(b"ROLLBACK")
        return refusal(result)

    def define(self, text):
        try:
            self.admin.execute(text)
        except psycopg.Error:
            pass


def refusal(result):
    """What the proxy itself said: its words, and not PostgreSQL's."""
    if result.status != ExecStatus.FATAL_ERROR:
        return None
    field = lambda code: (result.error_field(code) or b"").decode(errors="replace")
    state, message, detail, routine = field(ord("C")), field(ord("M")), field(ord("D")), field(ord("R"))
    # PostgreSQL's own errors name the routine and the line of its source.
    return None if routine else (state, f"{message} {('(' + detail + ')') if detail else ''}".strip())


def judge(proxy, cluster, statements):
    """(program, who, text, refusal) of every statement."""
    judges, changed, out = {}, {}, []
    for program, who, text in statements:
        if program not in judges:
            judges[program] = Judge(proxy, cluster, program)
        judge = judges[program]
        found = judge.ask(who, text)
        if found and time.monotonic() - changed.get(program, 0) < AGE + 1:
            time.sleep(AGE)
            found = judge.ask(who, text)
        out.append((program, who, text, found))
        if who == "owner" and not TEMPORARY.match(text):
            judge.define(text)
            changed[program] = time.monotonic()
    return out


def on_purpose():
    """Refusals that are meant: (program, how the statement begins) → why."""
    lines = (HERE / "refused.tsv").read_text().splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


def verdict(lab, mode, files=FILES, out=None):
    """Whether only what is meant to be is refused, and the lines that list all of it by cause."""
    statements = list(read(files))
    programs = sorted({program for program, _, _ in statements})
    cluster = lab.cluster("refused", programs)
    proxy = lab.proxy(cluster, mode, "refused")
    judged = judge(proxy, cluster, statements)
    if out:
        out.with_suffix(".json").write_text(json.dumps(proxy.denials(), indent=1))
    meant = on_purpose()
    refused = [row for row in judged if row[3]]
    unmeant = [row for row in refused if not any(mode in modes.split(",") and row[0] == program and row[2].startswith(unescape(begins))
                                                 for modes, program, begins, _ in meant)]
    groups = collections.defaultdict(list)
    for program, who, text, (state, words) in unmeant:
        groups[state, re.sub(r" \(.*", "", words)].append((program, who, text))
    lines = [f"{'FAILED' if unmeant else 'passed'} {mode} refused statements: {len(judged)} statements of {len(programs)} programs, "
             f"{len(refused)} refused, {len(unmeant)} of them not on purpose"]
    for (state, words), rows in sorted(groups.items(), key=lambda item: -len(item[1])):
        lines.append(f"    {len(rows)} x {state} {words}")
        lines += [f"      {program} ({who}): {' '.join(text.split())[:240]}" for program, who, text in rows]
    return not unmeant, lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exeat", required=True)
    parser.add_argument("--mode", default=MODE)
    parser.add_argument("--all-of", action="append", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    lab = Lab(os.path.abspath(arguments.exeat))
    passed, lines = verdict(lab, arguments.mode, arguments.all_of or FILES, arguments.out)
    lab.close()
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")
    print(lines[0] if arguments.out else "\n".join(lines))
    sys.exit(not passed)


if __name__ == "__main__":
    main()
