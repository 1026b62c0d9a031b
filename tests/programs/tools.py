"""Where the programs' languages and packages are: found, or said plainly that they are not. Installs nothing."""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
JDBC = ("/usr/share/java/postgresql.jar", "/usr/share/java/postgresql-jdbc4.jar")


class Tools:
    """What `{word}` stands for in a program's command, or why a program is skipped."""

    def __init__(self, packages):
        self.packages = pathlib.Path(packages)
        self.words, self.missing = {}, {}
        self._python()
        self._node()
        self._java()
        self._ruby()
        self._go()
        for tool, package in (("psql", "postgresql-client"), ("pg_dump", "postgresql-client"), ("pgbench", "postgresql-contrib")):
            if not self._which(tool):
                self.missing[tool] = f"{tool} is not installed ({package})"

    def _which(self, tool):
        extra = ":".join(str(p) for p in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
        return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{extra}")

    def _python(self):
        self.words["python"] = sys.executable
        wanted = "import psycopg, psycopg_pool, psycopg2, asyncpg, sqlalchemy, django"
        if subprocess.run([sys.executable, "-c", wanted], capture_output=True).returncode != 0:
            self.missing["python"] = "the Python packages are not installed (tests/prepare.sh programs)"

    def _node(self):
        node = shutil.which("node")
        if not node:
            self.missing["node"] = "node is not installed"
        elif not (self.packages / "node" / "node_modules" / "pg").is_dir():
            self.missing["node"] = "the packages of npm are not installed (tests/prepare.sh programs)"
        self.words["node"] = node

    def _java(self):
        java = shutil.which("java")
        jar = next((jar for jar in JDBC if os.path.isfile(jar)), None)
        if not java:
            self.missing["jdbc"] = "java is not installed"
        elif not shutil.which("javac"):
            self.missing["jdbc"] = "there is a java but no compiler with it (a JDK)"
        elif not jar:
            self.missing["jdbc"] = "pgjdbc is not installed (libpostgresql-jdbc-java)"
        self.words["java"], self.words["jdbc"] = java, jar

    def _ruby(self):
        ruby = shutil.which("ruby")
        if not ruby or subprocess.run([ruby, "-e", "require 'pg'; require 'active_record'"], capture_output=True).returncode != 0:
            self.missing["ruby"] = "ruby with pg and activerecord is not installed (ruby-pg, ruby-activerecord)"
        self.words["ruby"] = ruby

    def _go(self):
        pgx = self.packages / "pgx" / "day"
        if not pgx.is_file():
            self.missing["pgx"] = "pgx is not built (a Go of 1.21 or later, and its module)"
        self.words["pgx"] = str(pgx)

    def compile(self, programs, folder):
        """The Java day, once for all its runs."""
        if any(program.needs == "jdbc" for program in programs):
            subprocess.run(["javac", "-cp", self.words["jdbc"], "-d", str(folder / "java"), str(HERE / "days" / "Jdbc.java")], check=True)
            self.words["classes"] = f"{folder / 'java'}:{self.words['jdbc']}"

    def command(self, program):
        return [word.format(**self.words) if word.startswith("{") else word for word in program.command]
