"""psql: the whole family of backslash commands that look something up, scripts with variables, \\copy, \\gexec, \\watch."""

import os
import subprocess

from step import DATABASE, HOST, PASSWORD, PORT, USER, emit

ENVIRONMENT = os.environ | {"PGPASSWORD": PASSWORD, "PGSSLMODE": "disable", "PAGER": "cat", "PSQLRC": "/dev/null"}
LOOK_UPS = r"""
\d
\d+
\d orders
\d+ orders
\d customers
\d+ audit_trail
\d+ audit_trail_2020
\d open_orders
\d+ turnover
\d orders_id_seq
\d orders_pkey
\d address
\d nosuch
\da
\da+ count
\dA
\dA+
\dAc btree
\dAf btree
\dAo btree integer_ops
\dAp btree integer_ops
\db
\db+
\dc
\dconfig work_mem
\dconfig+ work_mem
\dC
\dC+ int4
\dd
\dD
\dD+
\ddp
\dE
\des
\det
\deu
\dew
\df
\df+
\dfn public.*
\dft
\dF
\dF+ english
\dFd
\dFp
\dFt
\dg
\dg+
\di
\di+
\dl
\dL
\dL+
\dm
\dn
\dn+
\do public.*
\do+ pg_catalog.+
\dO public.*
\dO+ C
\dp
\z orders
\dP
\dPi+
\dPt+
\drds
\dRp
\dRp+
\dRs
\ds
\ds+
\dt
\dt+
\dT
\dT+
\du
\dv
\dv+
\dx
\dx+ plpgsql
\dX
\dy
\l
\l+
\sf order_total
\sf+ touch
\sv open_orders
\sv+ open_orders
\encoding
\conninfo
\errverbose
"""
SCRIPTS = {
    "variables": r"\set n 1" "\nSELECT :n AS a, :'n' AS b;\n\\echo :ROW_COUNT :SERVER_VERSION_NUM :ERROR",
    "gset": "SELECT k, v FROM keyed ORDER BY k LIMIT 1 \\gset\n\\echo :k :v",
    "gexec": "SELECT format('SELECT %s AS n', k) FROM keyed ORDER BY k \\gexec",
    "gdesc": "SELECT k, v, now() FROM keyed \\gdesc",
    "gx": "SELECT * FROM keyed ORDER BY k \\gx",
    "crosstabview": "SELECT customer_id, status, sum(total) FROM orders GROUP BY 1, 2 ORDER BY 1, 2 \\crosstabview",
    "bind": "SELECT k FROM keyed WHERE k = 1;",
    "transaction": "BEGIN;\nINSERT INTO keyed VALUES (50, 'x');\nSAVEPOINT a;\nINSERT INTO keyed VALUES (50, 'x');\nROLLBACK TO a;\nCOMMIT;\nSELECT count(*) FROM keyed;",
    "on_error_rollback": "\\set ON_ERROR_ROLLBACK on\nBEGIN;\nSELECT 1/0;\nSELECT 1;\nCOMMIT;",
    "copy out": "\\copy keyed TO STDOUT CSV HEADER",
    "copy in": "\\copy keyed FROM STDIN\n60\tsixty\n61\t\\N\n\\.\nSELECT * FROM keyed WHERE k >= 60 ORDER BY k;",
    "copy query": "COPY (SELECT k FROM keyed ORDER BY k) TO STDOUT;",
    "fetch_count": "\\set FETCH_COUNT 2\nSELECT k FROM keyed ORDER BY k;",
    "errors": "SELECT * FROM nosuch;\nSELECT nosuch FROM orders;\nSELEC 1;\nSELECT 1/0;\nINSERT INTO keyed VALUES (1, 'x');\nSELECT order_total('x');",
    "several": "SELECT 1\\; SELECT 2\\; SELECT 3;",
    "listen": "LISTEN jobs;\nNOTIFY jobs, 'x';\nUNLISTEN *;",
    "do": "DO $$BEGIN RAISE NOTICE 'hello'; END$$;",
    "set": "SET work_mem = '8MB';\nSHOW work_mem;\nRESET work_mem;\nSET search_path TO public;\nSHOW search_path;\nSET ROLE NONE;\nRESET ROLE;\nSHOW ALL;" .replace("SHOW ALL;", ""),
    "single transaction": "SELECT 1;",
    "prepare": "PREPARE p(int) AS SELECT k FROM keyed WHERE k = $1;\nEXECUTE p(1);\nDEALLOCATE p;",
    "vacuum": "VACUUM keyed;\nANALYZE keyed;",
    "password": "\\password nobody\n",
}


def run(name, text, *options):
    done = subprocess.run(["psql", "-X", "-h", HOST, "-p", str(PORT), "-U", USER, "-d", DATABASE, *options], input=text.encode(),
                          env=ENVIRONMENT, capture_output=True, timeout=30)
    emit(name, result=[done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")])


for line in LOOK_UPS.split("\n"):
    if line:
        run(line, line + "\n")
run("quiet look-ups", "\n".join(line for line in LOOK_UPS.split("\n") if line.startswith("\\d")), "-E", "-o", "/dev/null")
for name, text in SCRIPTS.items():
    if name == "password":
        continue
    run(name, text, "-v", "VERBOSITY=verbose" if name == "errors" else "VERBOSITY=default", *(["-1"] if name == "single transaction" else []))
run("list", "", "-l")
run("command", "", "-c", "SELECT 1; SELECT 2", "-A", "-t")
