"""A laboratory for the programs: throw-away PostgreSQL clusters, a policy per mode, and the real `exeat run` before them.

Everything is on loopback, on ports that the system gives, in one temporary folder, and gone with this process. It must
never touch an existing cluster.
"""

import atexit
import ctypes
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PASSWORDS = {"app": "app-password", "owner": "owner-password"}
SETTINGS = {
    "listen_addresses": "127.0.0.1", "fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB",
    "max_connections": "200", "timezone": "UTC", "logging_collector": "on", "log_destination": "jsonlog",
    "log_directory": "log", "log_filename": "server", "log_statement": "all", "log_duration": "off",
    "log_rotation_size": "0", "max_prepared_transactions": "5",
}
TABLES = """\
          - select: public.*
          - insert: public.*
          - update: public.*
          - delete: public.*
          - truncate: public.*
"""

# What the roles are granted beside the tables, by mode. `direct` is the comparison's other side and has no policy.
# SWITCHED_ON are those that are run where none is asked for.
SWITCHED_ON = ("enforce", "application", "observe")
MODES = {
    # The table rules, the two presets of the first version, and what a careful administrator adds by hand.
    "enforce": {"mode": "enforce", "rules": """\
          - preset: [builtins, introspection]
          - call: [public.order_total, public.touch, public.add_payment, pg_notify, nextval, currval, lastval, setval, pg_advisory_lock, pg_advisory_unlock, pg_advisory_xact_lock, pg_try_advisory_lock]
          - type: [public.order_status, public.address, public.email, public.span]
          - set: [jit, statement_timeout, lock_timeout, idle_in_transaction_session_timeout, work_mem, transaction_read_only, default_transaction_read_only]
          - statement: [listen, notify, lock, maintain, do]
          - call: [pg_catalog.ts_token_type]
          - select: pg_temp.*
          - insert: pg_temp.*
          - define: pg_temp.*
          - select: pg_catalog.pg_prepared_xacts
          - select: pg_catalog.pg_statio_all_tables
          - select: pg_catalog.pg_roles
          - select: pg_catalog.pg_db_role_setting
          - select: pg_catalog.pg_subscription
          - select: pg_catalog.pg_foreign_data_wrapper
          - select: pg_catalog.pg_foreign_server
          - select: pg_catalog.pg_user_mappings
"""},
    # The table rules and the three presets: nothing is listed by hand but the functions that are the application's own.
    "application": {"mode": "enforce", "rules": """\
          - preset: [builtins, introspection, application]
          - call: [public.order_total, public.touch, public.add_payment]
"""},
    # The first day of a roll-out: no difference is acceptable.
    "observe": {"mode": "observe", "rules": ""},
}
# Schemas that a migration tool makes for itself (graphile-worker) are the owner's as public is.
OWNER = """\
          - select: worker.*
          - insert: worker.*
          - update: worker.*
          - delete: worker.*
          - define: worker.*
          - define: public.*
          - statement: [create function, create type, create extension, create schema, create sequence]
"""


def installation():
    """The folder of `initdb` and `postgres`."""
    places = [pathlib.Path(p) for p in os.environ.get("PATH", "").split(":")]
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin"):
        places += sorted(pathlib.Path("/").glob(pattern), reverse=True)
    for place in places:
        if (place / "initdb").is_file() and (place / "postgres").is_file():
            return place
    raise SystemExit("no initdb and postgres on PATH or in the usual places: install the package `postgresql`")


def leashed():
    """Dies with its parent (Linux)."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        pass


def account():
    """Whom the server runs as: it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def wait_until(what, condition, process=None, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what}: the process ended with {process.returncode}")
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise RuntimeError(f"{what}: not within {seconds} s")


class Lab:
    """The folder, the template cluster, and what was started."""

    def __init__(self, exeat):
        self.exeat = str(exeat)
        self.bin = installation()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="exeat-programs-"))
        self.folder.chmod(0o755)
        self.started = []
        atexit.register(self.close)
        self.template = self.folder / "template"
        self._owned(self.template)
        self._run([self.bin / "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                   "--no-sync", "--wal-segsize=1", "-D", self.template], **account())
        (self.template / "pg_hba.conf").write_text(
            "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 reject\n")
        self.store = self.folder / "identity"
        self.identity("init")
        self.identity("issue", "exeat", "--ttl", "1d", "--out", str(self.folder), "--server", "--dns", "localhost")
        for role, password in PASSWORDS.items():
            self.identity("password", role, "--stdin", input=password + "\n")

    def identity(self, *arguments, input=None):
        self._run([self.exeat, "identity", "--directory", self.store, *arguments], input=input)

    def _owned(self, path):
        path.mkdir()
        path.chmod(0o700)
        if who := account():
            os.chown(path, who["user"], who["group"])

    def _run(self, command, **options):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd="/",
                              env=clean_environment() | {"NO_COLOR": "1"}, **options)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def cluster(self, name, databases):
        return Cluster(self, name, databases)

    def proxy(self, cluster, mode, name=None):
        return Proxy(self, cluster, mode, name or mode)

    def close(self):
        for process in reversed(self.started):
            if process.poll() is None:
                process.send_signal(process.ending)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.started.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """A server with a database per program, all made from one template."""

    def __init__(self, lab, name, databases):
        self.lab, self.databases, self.port = lab, databases, free_port()
        self.folder = lab.folder / name
        subprocess.run(["cp", "-R", "-p", str(lab.template), str(self.folder)], check=True)
        sockets = lab.folder / f"{name}-socket"
        lab._owned(sockets)
        self.socket = str(sockets)
        command = [str(lab.bin / "postgres"), "-D", str(self.folder), "-p", str(self.port), "-k", self.socket]
        for key, value in SETTINGS.items():
            command += ["-c", f"{key}={value}"]
        with open(lab.folder / f"{name}.out", "w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, cwd="/", preexec_fn=leashed,
                                            env=clean_environment() | {"LC_ALL": "C.UTF-8"}, **account())
        self.process.ending = signal.SIGQUIT
        lab.started.append(self.process)
        wait_until(f"PostgreSQL {name}", self._ready, self.process)
        roles = "".join(f"CREATE ROLE {role} LOGIN PASSWORD '{password}';" for role, password in PASSWORDS.items())
        self.admin("postgres", roles + "GRANT owner TO app; CREATE DATABASE shop OWNER owner;")
        self.admin("shop", (HERE / "shop.sql").read_text())
        for database in databases:
            self.admin("postgres", f"CREATE DATABASE {database} TEMPLATE shop OWNER owner;")

    def _ready(self):
        file = self.folder / "postmaster.pid"
        # The last line, once it is written.
        return file.is_file() and "ready" in file.read_text()[-12:]

    def admin(self, database, sql):
        """Runs SQL as the superuser over the socket; unaligned rows."""
        return self.lab._run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-p", self.port,
                              "-U", "postgres", "-d", database, "-f", "-"], input=sql)

    def log(self):
        """What the server logged: one object per line."""
        with open(self.folder / "log" / "server.json", errors="replace") as lines:
            return [json.loads(line) for line in lines if line.strip()]


class Proxy:
    """`exeat run` before a cluster, with the policy of a mode for every database of it."""

    def __init__(self, lab, cluster, mode, name):
        self.lab, self.mode = lab, mode
        self.folder = lab.folder / f"proxy-{name}"
        self.folder.mkdir()
        databases = ["shop", *cluster.databases]
        (self.folder / "policy.yaml").write_text(policy(mode, databases))
        (self.folder / "exeat.yaml").write_text(self._configuration(cluster, databases))
        ready = self.folder / "ready.json"
        log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(
            [lab.exeat, "run", "--config", str(self.folder / "exeat.yaml"), "--ready-file", str(ready)],
            stdout=log, stderr=log, cwd=self.folder, preexec_fn=leashed, env=clean_environment() | {"NO_COLOR": "1"})
        self.process.ending = signal.SIGTERM
        lab.started.append(self.process)
        try:
            wait_until(f"exeat ({mode})", ready.is_file, self.process)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{(self.folder / 'log').read_text()[-3000:]}") from None
        addresses = json.loads(ready.read_text())["dbproxy"]
        self.port, self.tls_port = (int(address.rsplit(":", 1)[1]) for address in addresses)

    def _configuration(self, cluster, databases):
        lab = self.lab
        for role, password in PASSWORDS.items():
            (self.folder / f"{role}.password").write_text(password)
        text = f"""\
version: 1
node: programs
policy: {self.folder}/policy.yaml
audit: {{ directory: {self.folder}/audit }}
admin: {{ address: "127.0.0.1:0" }}
runtime: {{ threads: 2, drain_timeout: 5s }}
identity: {{ store: {lab.store} }}
dbproxy:
  audit: {{ parameters: plain }}
  listeners:
    - address: 127.0.0.1:0
      require_tls: false
    - address: 127.0.0.1:0
      tls: {{ certificate: {lab.folder}/exeat.pem, key: {lab.folder}/exeat.key }}
  databases:
"""
        for database in databases:
            users = "".join(f"        {role}: {{ password: {{ file: {self.folder}/{role}.password }} }}\n" for role in PASSWORDS)
            text += (f"    {database}:\n      address: localhost:{cluster.port}\n      database: {database}\n"
                     f"      tls: {{ mode: disable }}\n      catalog_user: owner\n      users:\n{users}")
        return text

    def denials(self):
        """What the log says was denied: text of the statement, reason, detail."""
        out = self.lab._run([self.lab.exeat, "audit", "--log", self.folder / "audit", "search", "--decision", "deny", "--limit", "100000", "--json"])
        return [json.loads(line) for line in out.splitlines() if line.strip()]


def policy(mode, databases):
    """The policy document of a mode."""
    text = "version: 1\nroles:\n"
    chosen = MODES[mode]
    for role in PASSWORDS:
        text += f"  {role}:\n    identities: [{{ scram: {role} }}]\n    databases:\n"
        for database in databases:
            rules = TABLES + chosen["rules"] + (OWNER if role == "owner" else "")
            text += f"      {database}:\n        as: {role}\n        mode: {chosen['mode']}\n        allow:\n{rules}"
    return text
