"""pgbench: its tables, its transactions in three query modes, a pipeline script."""

import glob
import os
import re
import shutil
import subprocess

from step import DATABASE, HOST, PASSWORD, PORT, USER, emit

PATH = ":".join([os.environ.get("PATH", ""), *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)])
PGBENCH = shutil.which("pgbench", path=PATH)
ENVIRONMENT = os.environ | {"PGPASSWORD": PASSWORD, "PGSSLMODE": "disable"}


def run(name, *options, script=None):
    if script:
        with open("script.sql", "w") as file:
            file.write(script)
        options += ("-f", "script.sql")
    done = subprocess.run([PGBENCH, "-h", HOST, "-p", str(PORT), "-U", USER, *options, DATABASE], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    kept = [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"actually processed|failed transactions|error|ERROR|aborted", line)]
    emit(name, result=[done.returncode, kept])


run("initialise", "-i", "-s", "1", "-q")
run("initialise on the server", "-i", "-s", "1", "-q", "-I", "dtGvpf")
for mode in ("simple", "extended", "prepared"):
    run(f"tpcb {mode}", "-M", mode, "-c", "4", "-t", "50", "-n")
    run(f"select only {mode}", "-M", mode, "-c", "4", "-t", "50", "-S")
run("pipeline", "-M", "extended", "-c", "2", "-t", "20", "-n", script="""\\startpipeline
SELECT abalance FROM pgbench_accounts WHERE aid = 1;
SELECT bbalance FROM pgbench_branches WHERE bid = 1;
\\endpipeline
""")
run("pipeline, prepared", "-M", "prepared", "-c", "2", "-t", "20", "-n", script="""\\startpipeline
BEGIN;
UPDATE pgbench_tellers SET tbalance = tbalance + 1 WHERE tid = 1;
COMMIT;
\\endpipeline
""")
run("connect each time", "-C", "-c", "2", "-t", "10", "-S")
run("partitioned", "-i", "-s", "1", "-q", "--partitions=3", "--foreign-keys", "--unlogged-tables")
