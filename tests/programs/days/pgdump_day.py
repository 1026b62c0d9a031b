"""pg_dump and pg_restore: every format, and the round trip into an emptied schema."""

import os
import subprocess

from step import DATABASE, HOST, PASSWORD, PORT, USER, emit

ENVIRONMENT = os.environ | {"PGPASSWORD": PASSWORD, "PGSSLMODE": "disable"}
WHERE = ["-h", HOST, "-p", str(PORT), "-U", USER]


def run(name, *command, text=None, quiet=False):
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, input=text, timeout=60)
    out = b"" if quiet else done.stdout
    lines = [line for line in out.decode(errors="replace").splitlines() if not line.startswith(("-- Dumped", "\\restrict", "\\unrestrict"))]
    emit(name, result=[done.returncode, "\n".join(lines), done.stderr.decode(errors="replace")])
    return done


dump = ["pg_dump", *WHERE, "-n", "public", DATABASE]
run("plain", *dump)
run("schema only", *dump, "--schema-only", "--no-owner", "--no-privileges")
run("data as inserts", *dump, "--data-only", "--rows-per-insert=2", "--column-inserts")
run("whole database", "pg_dump", *WHERE, DATABASE)
run("custom", *dump, "-Fc", "-f", "day.dump")
run("directory, two jobs", *dump, "-Fd", "-j", "2", "-f", "day.dir")
run("list", "sh", "-c", "pg_restore -l day.dump | grep -v '^;' | sed 's/^[0-9]*; [0-9]* [0-9]* //'")
restore = ["pg_restore", *WHERE, "-d", DATABASE, "--no-owner", "--no-privileges"]
run("restore, clean", *restore, "--clean", "--if-exists", "day.dump")
run("restore, clean, one transaction", *restore, "--clean", "--if-exists", "-1", "day.dump")
run("restore, directory, two jobs", *restore, "--clean", "--if-exists", "-j", "2", "day.dir")
run("plain again", *dump)
run("globals", "pg_dumpall", *WHERE, "-l", DATABASE, "--globals-only", "--no-role-passwords")
