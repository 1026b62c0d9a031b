"""A driver's own tests, directly and through the proxy: which end differently.

usage: suites.py --exeat BINARY [--mode NAME] [--pgbouncer] FOLDER [PYTEST OPTION]...
FOLDER is an unpacked source distribution that carries its tests (asyncpg's does: pip download --no-deps --no-binary asyncpg).
They are asked for by the environment: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE. `--pgbouncer` adds a run through PgBouncer
in session mode, to compare with.
"""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys

from lab import PASSWORDS, SWITCHED_ON, Lab, account, clean_environment, free_port, leashed, wait_until

OUTCOME = re.compile(r"^(\S+::\S.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)", re.M)


def pgbouncer(lab, cluster):
    """PgBouncer before the cluster: its port."""
    folder, port = lab.folder / "pgbouncer", free_port()
    lab._owned(folder)
    (folder / "users").write_text("".join(f'"{role}" "{password}"\n' for role, password in PASSWORDS.items()))
    (folder / "ini").write_text(f"""[databases]
* = host=127.0.0.1 port={cluster.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = session
ignore_startup_parameters = extra_float_digits,options,search_path,statement_timeout,jit
default_pool_size = 80
""")
    log = open(lab.folder / "pgbouncer.out", "w")
    process = subprocess.Popen(["pgbouncer", str(folder / "ini")], stdout=log, stderr=log, preexec_fn=leashed, **account())
    process.ending = signal.SIGTERM
    lab.started.append(process)
    wait_until("pgbouncer", lambda: "process up" in (lab.folder / "pgbouncer.out").read_text(), process)
    return port


def outcomes(folder, port, options, seconds, show=False):
    environment = clean_environment() | {
        "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "owner", "PGPASSWORD": PASSWORDS["owner"], "PGDATABASE": "suite",
        "PGSSLMODE": "disable"}
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--no-header", "-rN", "--color=no", *(["--tb=short"] if show else ["--tb=no"]), *options]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True) as process:
        try:
            out = process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out = process.communicate()[0] + "\nnot done in time\n"
    return dict(OUTCOME.findall(out)), out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exeat", required=True)
    parser.add_argument("--mode", default=SWITCHED_ON[-1])
    parser.add_argument("--pgbouncer", action="store_true")
    parser.add_argument("--show", action="store_true", help="how each failure of the proxy's run ended")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("folder", type=pathlib.Path)
    arguments, options = parser.parse_known_args()
    lab = Lab(os.path.abspath(arguments.exeat))
    runs = {}
    for way in ("direct", arguments.mode, *(["pgbouncer"] if arguments.pgbouncer else [])):
        cluster = lab.cluster(f"suite-{way}", ["suite"])
        cluster.admin("postgres", "ALTER ROLE owner SUPERUSER")
        # asyncpg's tests come to these by name (the last one they make themselves).
        cluster.databases = ["suite", "postgres", "asyncpg_intro_test"]
        port = {"direct": lambda: cluster.port, "pgbouncer": lambda: pgbouncer(lab, cluster)}.get(
            way, lambda: lab.proxy(cluster, way).port)()
        runs[way], out = outcomes(arguments.folder, port, options, arguments.seconds, arguments.show)
        print(way, {word: list(runs[way].values()).count(word) for word in sorted(set(runs[way].values()))}, out.strip().splitlines()[-1])
        if arguments.show and way != "direct":
            print("\n".join(line for line in out.splitlines() if line.startswith(("E  ", "tests/", "____"))))
    for way in list(runs)[1:]:
        found = [(name, runs["direct"][name], runs[way].get(name, "missing")) for name in runs["direct"] if runs["direct"][name] != runs[way].get(name, "missing")]
        print(f"{way}: {len(found)} of {len(runs['direct'])} differ from direct")
        for name, was, became in found:
            print(f"    {name}: {was} → {became}")
    lab.close()


if __name__ == "__main__":
    main()
