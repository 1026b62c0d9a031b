"""Runs the days of real programs, each directly and through the proxy, in each mode that is switched on, and compares them step by step.

usage: run.py --exeat BINARY --packages FOLDER [--core] [--mode NAME]... [--keep FOLDER] [PROGRAM]...
Ends with one plain line, N passed, N failed, N skipped, and exit status 1 where something failed.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import catalogue
import compare
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

    def closing(self):
        for why, names in self.reasons.items():
            print(f"skipped: {', '.join(names)}: {why}")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0


def judge(tally, mode, program, direct, through, errors, expected, seconds):
    """Compares, prints, counts."""
    found = compare.differences(direct, through)
    new = [d for d in found if (mode, program.name, d[0]) not in expected]
    mended = [name for (m, p, name) in expected if (m, p) == (mode, program.name) and name not in {d[0] for d in found}]
    verdict = "FAILED" if new else "passed"
    print(f"{verdict} {mode} {program.name}: {len(direct)} steps, {len(new)} differ, {len(found) - len(new)} differ as known ({seconds:.1f} s)")
    for name, was, became in new:
        print(f"    {name}\n      direct: {was}\n      {mode}: {became}")
    if mended:
        print(f"    known.tsv names steps that do not differ any more: {'; '.join(sorted(mended))}")
    if new and through[-1]["result"] != 0:
        print("      " + "\n      ".join(errors.strip().splitlines()[-8:]))
    tally.failed += bool(new)
    tally.passed += not new


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exeat", required=True)
    parser.add_argument("--packages", required=True, type=pathlib.Path)
    parser.add_argument("--core", action="store_true")
    parser.add_argument("--mode", action="append", choices=sorted(MODES))
    parser.add_argument("--keep", type=pathlib.Path, help="write the steps, the server's log and the denials there")
    parser.add_argument("--direct", action="store_true", help="only run them directly")
    parser.add_argument("programs", nargs="*")
    arguments = parser.parse_args()
    tools, tally = Tools(arguments.packages), Tally()
    programs = []
    for program in catalogue.chosen(arguments.programs, arguments.core):
        if program.needs in tools.missing:
            tally.skip(program.name, tools.missing[program.needs])
        else:
            programs.append(program)
    modes = [] if arguments.direct else arguments.mode or list(SWITCHED_ON)
    for mode in set(MODES) - set(SWITCHED_ON) if not arguments.mode else ():
        tally.skip(f"mode {mode}", "not switched on in tests/programs/lab.py")
    lab = Lab(os.path.abspath(arguments.exeat))
    names = [program.name for program in programs]
    runs, expected = {}, known()
    for mode in ["direct", *modes]:
        cluster = lab.cluster(mode, names)
        proxy = lab.proxy(cluster, mode) if mode != "direct" else None
        for program in programs:
            begun = time.monotonic()
            steps, errors = day(tools.command(program), program, proxy.port if proxy else cluster.port, arguments.packages,
                                lab.folder / "days" / mode / program.name)
            runs[mode, program.name] = steps
            seconds = time.monotonic() - begun
            if proxy:
                judge(tally, mode, program, runs["direct", program.name], steps, errors, expected, seconds)
            elif steps[-1]["result"] != 0:
                tally.failed += 1
                print(f"FAILED direct {program.name}: ended with {steps[-1]['result']}\n{errors[-3000:]}")
            sys.stdout.flush()
        if arguments.keep:
            keep(arguments.keep, mode, names, runs, cluster, proxy)
    lab.close()
    sys.exit(tally.closing())


def keep(folder, mode, names, runs, cluster, proxy):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.{mode}.json").write_text(json.dumps(runs[mode, name], indent=1))
    if proxy:
        (folder / f"{mode}.denials.json").write_text(json.dumps(proxy.denials(), indent=1))
        (folder / f"{mode}.log").write_text((proxy.folder / "log").read_text())
    else:
        (folder / "server.json").write_text(json.dumps(cluster.log()))


if __name__ == "__main__":
    main()
