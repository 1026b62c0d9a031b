"""Runs the days of real programs, each directly and through the proxy, in each mode that is switched on, and compares them step by step.

usage: run.py --exeat BINARY --packages FOLDER [--core] [--refused] [--mode NAME]... [--keep FOLDER] [PROGRAM]...
Ends with one plain line, N passed, N failed, N skipped, and exit status 1 where something failed.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import catalogue
import compare
import refused
from lab import HERE, MODES, PASSWORDS, SWITCHED_ON, Lab, clean_environment
from tools import Tools


def day(command, program, port, packages, scratch):
    """One run: its steps, and what it left on standard error where it did not end well."""
    scratch.mkdir(parents=True, exist_ok=True)
    environment = clean_environment() | {
        "DAY_HOST": "127.0.0.1", "DAY_PORT": str(port), "DAY_USER": program.role, "DAY_PASSWORD": PASSWORDS[program.role],
        "DAY_DATABASE": program.name, "DAY_FOLDER": str(scratch), "DAY_MODULES": str(packages / "node"),
        "PYTHONPATH": str(catalogue.DAYS), "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0",
    }
    try:
        done = subprocess.run(command, env=environment, cwd=scratch, capture_output=True, timeout=program.seconds,
                              stdin=subprocess.DEVNULL)
        out, err, status = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        out, err, status = late.stdout or b"", (late.stderr or b"") + b"\nnot done in time", "timeout"
    steps = []
    for line in out.decode(errors="replace").splitlines():
        try:
            steps.append(json.loads(line))
        except ValueError:
            steps.append({"name": "a line that is no step", "result": line})
    steps.append({"name": "end", "result": status})
    return steps, err.decode(errors="replace")


def known():
    """Differences that are there on purpose, with the reason: (mode, program, step) → why."""
    found = {}
    for line in (HERE / "known.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            mode, program, name, why = line.split("\t")
            for one in mode.split(","):
                found[one, program, name] = why
    return found


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped, self.reasons = 0, 0, 0, {}

    def skip(self, name, why):
        self.skipped += 1
        self.reasons.setdefault(why, []).append(name)

    def count(self, passed, lines):
        self.passed += passed
        self.failed += not passed
        print("\n".join(lines), flush=True)

    def closing(self):
        for why, names in self.reasons.items():
            print(f"skipped: {', '.join(names)}: {why}")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0


def judged(mode, program, direct, through, errors, expected, took):
    """Whether nothing differs but what is known, and the lines that say so."""
    found = compare.differences(direct, through)
    whole = (mode, program.name, "*") in expected
    new = [d for d in found if not whole and (mode, program.name, d[0]) not in expected]
    same = {"*"} if found else set()
    mended = [name for (m, p, name) in expected if (m, p) == (mode, program.name) and name not in {d[0] for d in found} | same]
    verdict = "FAILED" if new else "passed"
    lines = [f"{verdict} {mode} {program.name}: {len(direct)} steps, {len(new)} differ, {len(found) - len(new)} differ as known ({took})"]
    for name, was, became in new:
        lines += [f"    {name}", f"      direct: {was}", f"      {mode}: {became}"]
    if mended:
        lines.append(f"    known.tsv names steps that do not differ any more: {'; '.join(sorted(mended))}")
    if new and through[-1]["result"] != 0:
        lines += [f"      {line}" for line in errors.strip().splitlines()[-8:]]
    return not new, lines


class Days:
    """The programs' runs, by mode; each mode has a cluster and a proxy of its own."""

    def __init__(self, lab, tools, programs, arguments):
        self.lab, self.tools, self.programs, self.arguments = lab, tools, programs, arguments
        self.runs = {}

    def mode(self, mode):
        """Runs every program in a mode: (program, steps, what it left on standard error, seconds)."""
        cluster = self.lab.cluster(mode, [program.name for program in self.programs])
        proxy = self.lab.proxy(cluster, mode) if mode != "direct" else None
        out = []
        for program in self.programs:
            begun = time.monotonic()
            folder = self.lab.folder / "days" / mode / program.name
            port = proxy.port if proxy else cluster.port
            steps, errors = day(self.tools.command(program), program, port, self.arguments.packages, folder)
            self.runs[mode, program.name] = steps
            out.append((program, steps, errors, time.monotonic() - begun))
        if self.arguments.keep:
            self.keep(self.arguments.keep, mode, cluster, proxy)
        return out

    def keep(self, folder, mode, cluster, proxy):
        folder.mkdir(parents=True, exist_ok=True)
        for program in self.programs:
            (folder / f"{program.name}.{mode}.json").write_text(json.dumps(self.runs[mode, program.name], indent=1))
        if proxy:
            (folder / f"{mode}.denials.json").write_text(json.dumps(proxy.denials(), indent=1))
            (folder / f"{mode}.log").write_text((proxy.folder / "log").read_text())
        else:
            (folder / "server.json").write_text(json.dumps(cluster.log()))

    def compared(self, modes, tally):
        """Directly and in the modes, two at a time; what differs is told as each mode ends."""
        expected = known()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            direct = pool.submit(self.mode, "direct")
            runs = [(mode, pool.submit(self.mode, mode)) for mode in modes]
            usual = {}
            for program, steps, errors, seconds in direct.result():
                usual[program.name] = seconds
                if steps[-1]["result"] != 0:
                    tally.count(False, [f"FAILED direct {program.name}: ended with {steps[-1]['result']}", errors[-3000:]])
            for mode, done in runs:
                for program, steps, errors, seconds in done.result():
                    took = f"{seconds:.1f} s, directly {usual[program.name]:.1f}"
                    tally.count(*judged(mode, program, self.runs["direct", program.name], steps, errors, expected, took))


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exeat", required=True, help="the binary")
    parser.add_argument("--packages", required=True, type=pathlib.Path, help="where tests/prepare.sh put node/ and pgx/")
    parser.add_argument("--core", action="store_true", help="the core set only, as `make test` does")
    parser.add_argument("--refused", action="store_true", help="judge the statements of statements.tsv too")
    parser.add_argument("--mode", action="append", choices=sorted(MODES), help="instead of those that are switched on")
    parser.add_argument("--keep", type=pathlib.Path, help="write the steps, the server's log and the denials there")
    parser.add_argument("--direct", action="store_true", help="only run them directly")
    parser.add_argument("programs", nargs="*")
    return parser.parse_args()


def main():
    arguments = options()
    tools, tally, programs = Tools(arguments.packages), Tally(), []
    for program in catalogue.chosen(arguments.programs, arguments.core):
        if program.needs in tools.missing:
            tally.skip(program.name, tools.missing[program.needs])
        else:
            programs.append(program)
    modes = [] if arguments.direct else arguments.mode or list(SWITCHED_ON)
    for mode in () if arguments.mode else sorted(set(MODES) - set(SWITCHED_ON)):
        tally.skip(f"mode {mode}", "not switched on in tests/programs/lab.py")
    # Ended from outside, it still takes away what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lab = Lab(os.path.abspath(arguments.exeat))
    try:
        tools.compile(programs, lab.folder)
        Days(lab, tools, programs, arguments).compared(modes, tally)
        if arguments.refused:
            tally.count(*refused.verdict(lab, refused.MODE if refused.MODE in modes else modes[-1]))
    finally:
        lab.close()
    sys.exit(tally.closing())


if __name__ == "__main__":
    main()
