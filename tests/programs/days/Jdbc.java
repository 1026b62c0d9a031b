// pgjdbc: batches with errors, metadata, schemas, fetch-size cursors, rewritten batches, COPY, updatable results.
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.*;
import java.util.concurrent.Callable;
import org.postgresql.PGConnection;

public class Jdbc {
    /** The day's connection; a step that hangs costs it, and the next step gets another. */
    static Connection con;

    static String url(String more) {
        Map<String, String> e = System.getenv();
        return "jdbc:postgresql://" + e.get("DAY_HOST") + ":" + e.get("DAY_PORT") + "/" + e.get("DAY_DATABASE") + "?sslmode=disable&socketTimeout=12" + more;
    }

    static Connection connect(String more) throws SQLException {
        return DriverManager.getConnection(url(more), System.getenv("DAY_USER"), System.getenv("DAY_PASSWORD"));
    }

    static String json(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < 32 || c > 126) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }

    static void step(String name, Callable<?> work) {
        String rest;
        try {
            if (con != null && con.isClosed()) con = connect("");
            Object result = work.call();
            rest = "\"result\": " + json(String.valueOf(result));
        } catch (BatchUpdateException error) {
            rest = failed(error, error.getClass().getSimpleName() + " " + Arrays.toString(error.getUpdateCounts()));
        } catch (SQLException error) {
            rest = failed(error, error.getClass().getSimpleName());
        } catch (Exception error) {
            rest = "\"error\": {\"kind\": " + json(error.toString()) + ", \"sqlstate\": null, \"message\": \"\"}";
        }
        System.out.println("{\"name\": " + json(name) + ", " + rest + "}");
    }

    static String failed(SQLException error, String kind) {
        return "\"error\": {\"kind\": " + json(kind) + ", \"sqlstate\": " + json(String.valueOf(error.getSQLState()))
            + ", \"message\": " + json(String.valueOf(error.getMessage()).split("\n")[0]) + "}";
    }

    static String rows(ResultSet set) throws SQLException {
        StringBuilder out = new StringBuilder();
        ResultSetMetaData meta = set.getMetaData();
        for (int n = 1; n <= meta.getColumnCount(); n++) out.append(meta.getColumnLabel(n)).append(':').append(meta.getColumnTypeName(n)).append(' ');
        int count = 0;
        while (set.next()) {
            count++;
            if (out.length() < 6000) {
                out.append('(');
                for (int n = 1; n <= meta.getColumnCount(); n++) out.append(set.getObject(n)).append(',');
                out.append(')');
            }
        }
        set.close();
        return out + " rows=" + count;
    }

    static String query(Connection con, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = con.prepareStatement(sql)) {
            for (int n = 0; n < values.length; n++) statement.setObject(n + 1, values[n]);
            return statement.execute() ? rows(statement.getResultSet()) : "updated " + statement.getUpdateCount();
        }
    }

    public static void main(String[] arguments) throws Exception {
        con = connect("");
        step("select", () -> query(con, "SELECT id, total, placed, status, note FROM orders ORDER BY id"));
        for (int n = 0; n < 8; n++) {
            int id = n;
            step("prepared " + n, () -> query(con, "SELECT total FROM orders WHERE id = ?", id));
        }
        step("types", () -> query(con, "SELECT ?::text, ?::int8, ?::numeric, ?::timestamptz, ?::uuid", "x", 5L, new java.math.BigDecimal("1.50"), "2020-01-01 00:00Z", new UUID(1, 2)));
        step("composite", () -> query(con, "SELECT home, tags, mail, profile FROM customers ORDER BY id"));
        step("generated keys", () -> {
            try (PreparedStatement s = con.prepareStatement("INSERT INTO orders (customer_id, total) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
                s.setLong(1, 2); s.setInt(2, 7); s.executeUpdate();
                return rows(s.getGeneratedKeys());
            }
        });
        step("generated columns", () -> {
            try (PreparedStatement s = con.prepareStatement("INSERT INTO keyed VALUES (70, 'x')", new String[] {"k"})) {
                s.executeUpdate();
                return rows(s.getGeneratedKeys());
            }
        });
        batches(false);
        con.close();
        con = connect("&reWriteBatchedInserts=true");
        batches(true);
        con.close();
        con = connect("");
        try (Connection simple = connect("&preferQueryMode=simple")) {
            step("simple", () -> query(simple, "SELECT * FROM keyed WHERE k = ? ORDER BY k", 1));
            step("simple several", () -> query(simple, "SELECT 1; SELECT 2"));
        }
        try (Connection calls = connect("&preferQueryMode=extendedForPrepared&assumeMinServerVersion=9.4&ApplicationName=day&connectTimeout=5")) {
            step("options", () -> query(calls, "SHOW application_name"));
        }
        errors();
        transactions();
        cursors();
        metadata();
        session();
        con.close();
    }

    static void batches(boolean rewritten) throws Exception {
        String way = rewritten ? "rewritten " : "";
        step(way + "batch", () -> {
            try (PreparedStatement s = con.prepareStatement("INSERT INTO keyed (k, v) VALUES (?, ?)")) {
                int base = way.isEmpty() ? 1000 : 5000;
                for (int n = 0; n < 300; n++) { s.setInt(1, base + n); s.setString(2, "v" + n); s.addBatch(); }
                return Arrays.stream(s.executeBatch()).sum();
            }
        });
        step(way + "batch, duplicate in the middle", () -> {
            try (PreparedStatement s = con.prepareStatement("INSERT INTO keyed (k, v) VALUES (?, ?)")) {
                for (int k : new int[] {9000, 1, 9001}) { s.setInt(1, k); s.setString(2, "x"); s.addBatch(); }
                return Arrays.toString(s.executeBatch());
            }
        });
        step(way + "left", () -> query(con, "SELECT count(*), max(k) FROM keyed"));
        step(way + "mixed batch", () -> {
            try (Statement s = con.createStatement()) {
                s.addBatch("INSERT INTO keyed VALUES (" + (way.isEmpty() ? 80 : 90) + ", 'a')");
                s.addBatch("UPDATE keyed SET v = 'b' WHERE k > 75");
                s.addBatch("DELETE FROM keyed WHERE k = 70");
                return Arrays.toString(s.executeBatch());
            }
        });
        step(way + "mixed batch, error", () -> {
            try (Statement s = con.createStatement()) {
                s.addBatch("UPDATE keyed SET v = 'c' WHERE k = 1");
                s.addBatch("INSERT INTO keyed VALUES (1, 'a')");
                s.addBatch("UPDATE keyed SET v = 'd' WHERE k = 1");
                return Arrays.toString(s.executeBatch());
            }
        });
        step(way + "batch returning", () -> {
            try (PreparedStatement s = con.prepareStatement("INSERT INTO orders (customer_id, total) VALUES (?, ?)", new String[] {"total"})) {
                for (int n = 0; n < 20; n++) { s.setLong(1, 1); s.setInt(2, n); s.addBatch(); }
                s.executeBatch();
                return rows(s.getGeneratedKeys());
            }
        });
    }

    static void errors() {
        for (String sql : List.of("SELECT * FROM nosuch", "SELECT nosuch FROM orders", "SELEC 1", "SELECT 1/0", "INSERT INTO keyed VALUES (1, 'x')", "SELECT 'x'::int"))
            step("error: " + sql, () -> query(con, sql));
        step("server error", () -> {
            try (Statement s = con.createStatement()) { s.execute("INSERT INTO keyed VALUES (1, 'x')"); return null; }
            catch (org.postgresql.util.PSQLException e) { var m = e.getServerErrorMessage(); return m.getDetail() + " " + m.getConstraint() + " " + m.getTable() + " " + m.getRoutine(); }
        });
        step("warning", () -> { try (Statement s = con.createStatement()) { s.execute("DROP TABLE IF EXISTS nosuch"); return s.getWarnings() + ""; } });
        step("timeout", () -> { try (Statement s = con.createStatement()) { s.setQueryTimeout(1); s.execute("SELECT count(*) FROM generate_series(1, 100000000000)"); return null; } });
        step("after timeout", () -> query(con, "SELECT 1"));
    }

    static void transactions() throws Exception {
        con.setAutoCommit(false);
        step("savepoint", () -> {
            query(con, "INSERT INTO keyed VALUES (500, 'x')");
            Savepoint point = con.setSavepoint("a");
            try { query(con, "INSERT INTO keyed VALUES (500, 'x')"); } catch (SQLException e) { con.rollback(point); }
            con.releaseSavepoint(point);
            con.commit();
            return query(con, "SELECT count(*) FROM keyed WHERE k = 500");
        });
        step("failed", () -> query(con, "SELECT 1/0"));
        step("in failed", () -> query(con, "SELECT 1"));
        con.rollback();
        step("autosave", () -> {
            try (Connection saving = connect("&autosave=always")) {
                saving.setAutoCommit(false);
                query(saving, "INSERT INTO keyed VALUES (600, 'x')");
                try { query(saving, "INSERT INTO keyed VALUES (600, 'x')"); } catch (SQLException e) { }
                String seen = query(saving, "SELECT count(*) FROM keyed WHERE k = 600");
                saving.rollback();
                return seen;
            }
        });
        con.setAutoCommit(true);
        step("isolation", () -> { con.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE); int is = con.getTransactionIsolation(); con.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED); return is; });
        step("read only", () -> { con.setReadOnly(true); String seen = query(con, "SHOW transaction_read_only"); con.setReadOnly(false); return seen; });
        step("read only always", () -> {
            try (Connection reading = connect("&readOnly=true&readOnlyMode=always")) { return query(reading, "SHOW default_transaction_read_only"); }
        });
    }

    static void cursors() throws Exception {
        con.setAutoCommit(false);
        step("fetch size", () -> { try (Statement s = con.createStatement()) { s.setFetchSize(7); return rows(s.executeQuery("SELECT k FROM keyed ORDER BY k LIMIT 40")); } });
        step("fetch size, closed early", () -> { try (PreparedStatement s = con.prepareStatement("SELECT k FROM keyed ORDER BY k")) { s.setFetchSize(5); ResultSet r = s.executeQuery(); r.next(); return r.getInt(1); } });
        step("max rows", () -> { try (Statement s = con.createStatement()) { s.setMaxRows(3); return rows(s.executeQuery("SELECT k FROM keyed ORDER BY k")); } });
        con.commit();
        con.setAutoCommit(true);
        step("updatable", () -> {
            try (Statement s = con.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
                ResultSet r = s.executeQuery("SELECT k, v FROM keyed WHERE k = 2");
                r.next(); r.updateString("v", "changed"); r.updateRow();
                return query(con, "SELECT v FROM keyed WHERE k = 2");
            }
        });
        step("scroll", () -> { try (Statement s = con.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY)) { ResultSet r = s.executeQuery("SELECT k FROM keyed ORDER BY k"); r.absolute(3); int a = r.getInt(1); r.previous(); return a + " " + r.getInt(1); } });
        step("call", () -> { try (CallableStatement s = con.prepareCall("{? = call order_total(?)}")) { s.registerOutParameter(1, Types.NUMERIC); s.setLong(2, 2); s.execute(); return s.getBigDecimal(1); } });
        step("escapes", () -> query(con, "SELECT {fn upper('x')}, {d '2020-01-01'}, {fn concat('a', 'b')}"));
        step("copy in", () -> ((PGConnection) con).getCopyAPI().copyIn("COPY keyed FROM STDIN", new StringReader("700\ta\n701\tb\n")));
        step("copy out", () -> { StringWriter to = new StringWriter(); ((PGConnection) con).getCopyAPI().copyOut("COPY (SELECT k FROM keyed WHERE k < 100 ORDER BY k) TO STDOUT", to); return to; });
        step("copy in, error", () -> ((PGConnection) con).getCopyAPI().copyIn("COPY keyed FROM STDIN", new StringReader("1\ta\n")));
        step("array", () -> query(con, "SELECT id FROM orders WHERE id = ANY(?) ORDER BY id", con.createArrayOf("int4", new Object[] {1, 2})));
        step("listen", () -> { try (Statement s = con.createStatement()) { s.execute("LISTEN jobs"); s.execute("NOTIFY jobs, 'a'"); var notes = ((PGConnection) con).getNotifications(5000); s.execute("UNLISTEN *"); return notes[0].getName() + notes[0].getParameter(); } });
    }

    static void metadata() throws Exception {
        
        step("product", () -> con.getMetaData().getDatabaseProductVersion() + con.getMetaData().getMaxColumnNameLength() + con.getMetaData().getSQLKeywords().length());
        step("getCatalogs", () -> rows(con.getMetaData().getCatalogs()));
        step("getSchemas", () -> rows(con.getMetaData().getSchemas()));
        step("getTables", () -> rows(con.getMetaData().getTables(null, "public", "%", null)));
        step("getTables typed", () -> rows(con.getMetaData().getTables(null, null, "order%", new String[] {"TABLE", "VIEW", "SEQUENCE", "TYPE"})));
        step("getTableTypes", () -> rows(con.getMetaData().getTableTypes()));
        step("getColumns", () -> rows(con.getMetaData().getColumns(null, "public", "%", "%")));
        step("getPrimaryKeys", () -> rows(con.getMetaData().getPrimaryKeys(null, "public", "orders")));
        step("getIndexInfo", () -> rows(con.getMetaData().getIndexInfo(null, "public", "customers", false, true)));
        step("getImportedKeys", () -> rows(con.getMetaData().getImportedKeys(null, "public", "orders")));
        step("getExportedKeys", () -> rows(con.getMetaData().getExportedKeys(null, "public", "customers")));
        step("getCrossReference", () -> rows(con.getMetaData().getCrossReference(null, "public", "customers", null, "public", "orders")));
        step("getBestRowIdentifier", () -> rows(con.getMetaData().getBestRowIdentifier(null, "public", "orders", DatabaseMetaData.bestRowSession, false)));
        step("getVersionColumns", () -> rows(con.getMetaData().getVersionColumns(null, "public", "orders")));
        step("getProcedures", () -> rows(con.getMetaData().getProcedures(null, "public", "%")));
        step("getProcedureColumns", () -> rows(con.getMetaData().getProcedureColumns(null, "public", "%", "%")));
        step("getFunctions", () -> rows(con.getMetaData().getFunctions(null, "public", "%")));
        step("getFunctionColumns", () -> rows(con.getMetaData().getFunctionColumns(null, "public", "%", "%")));
        step("getTypeInfo", () -> rows(con.getMetaData().getTypeInfo()).length() > 100);
        step("getUDTs", () -> rows(con.getMetaData().getUDTs(null, "public", "%", null)));
        step("getTablePrivileges", () -> rows(con.getMetaData().getTablePrivileges(null, "public", "orders")));
        step("getColumnPrivileges", () -> rows(con.getMetaData().getColumnPrivileges(null, "public", "orders", "%")));
        step("getClientInfoProperties", () -> rows(con.getMetaData().getClientInfoProperties()));
        step("functions", () -> con.getMetaData().getNumericFunctions().length());
        step("result set metadata", () -> {
            try (PreparedStatement s = con.prepareStatement("SELECT o.id, c.name, o.total FROM orders o JOIN customers c ON c.id = o.customer_id")) {
                ResultSetMetaData r = s.getMetaData();
                String seen = "";
                for (int n = 1; n <= r.getColumnCount(); n++) seen += r.getColumnTypeName(n) + r.isAutoIncrement(n) + r.isNullable(n) + r.getTableName(n) + r.getSchemaName(n) + " ";
                return seen;
            }
        });
        step("parameter metadata", () -> { try (PreparedStatement s = con.prepareStatement("INSERT INTO orders (customer_id, total, status) VALUES (?, ?, ?::order_status)")) { return s.getParameterMetaData().getParameterTypeName(3); } });
    }

    static void session() throws Exception {
        step("getSchema", () -> con.getSchema());
        step("setSchema", () -> { con.setSchema("public"); return con.getSchema(); });
        step("isValid", () -> con.isValid(3));
        step("client info", () -> { con.setClientInfo("ApplicationName", "mine"); return query(con, "SHOW application_name"); });
        step("current schema in the url", () -> { try (Connection c = connect("&currentSchema=public")) { return query(c, "SELECT id FROM orders WHERE id = 1"); } });
        step("options in the url", () -> { try (Connection c = connect("&options=-c%20statement_timeout=9000")) { return query(c, "SHOW statement_timeout"); } });
        step("wrong password", () -> DriverManager.getConnection(url(""), System.getenv("DAY_USER"), "wrong"));
        step("large object", () -> { con.setAutoCommit(false); var api = ((PGConnection) con).getLargeObjectAPI(); long oid = api.createLO(); con.rollback(); con.setAutoCommit(true); return oid > 0; });
    }
}
