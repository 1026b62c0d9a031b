// pgx: prepared by default, batches, COPY, pools, types by look-up, cancel by context.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

// Each step has a context of its own: one that hangs costs the connection, and the next step gets another.
var ctx = context.Background()
var con *pgx.Conn
var url = fmt.Sprintf("postgres://%s:%s@%s:%s/%s?sslmode=disable", os.Getenv("DAY_USER"), os.Getenv("DAY_PASSWORD"), os.Getenv("DAY_HOST"), os.Getenv("DAY_PORT"), os.Getenv("DAY_DATABASE"))

func emit(what map[string]interface{}) {
	line, _ := json.Marshal(what)
	fmt.Println(string(line))
}

func step(name string, work func() (interface{}, error)) {
	var cancel context.CancelFunc
	ctx, cancel = context.WithTimeout(context.Background(), 12*time.Second)
	defer cancel()
	if con == nil || con.IsClosed() {
		var err error
		if con, err = pgx.Connect(ctx, url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	result, err := work()
	if err != nil {
		var server *pgconn.PgError
		state, message := "", err.Error()
		if errors.As(err, &server) {
			state, message = server.Code, server.Message
		}
		emit(map[string]interface{}{"name": name, "error": map[string]string{"sqlstate": state, "message": message}})
		return
	}
	emit(map[string]interface{}{"name": name, "result": fmt.Sprintf("%v", result)})
}

type queryer interface {
	Query(context.Context, string, ...interface{}) (pgx.Rows, error)
}

func rows(con queryer, sql string, arguments ...interface{}) (interface{}, error) {
	set, err := con.Query(ctx, sql, arguments...)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	out := []interface{}{}
	for _, field := range set.FieldDescriptions() {
		out = append(out, fmt.Sprintf("%s:%d", field.Name, field.DataTypeOID))
	}
	for set.Next() {
		values, err := set.Values()
		if err != nil {
			return nil, err
		}
		out = append(out, values)
	}
	return fmt.Sprint(out, set.CommandTag()), set.Err()
}

func main() {
	ask := func(name, sql string, arguments ...interface{}) {
		step(name, func() (interface{}, error) { return rows(con, sql, arguments...) })
	}
	ask("orders", "SELECT id, total::text, placed, status::text FROM orders ORDER BY id")
	for n := 0; n < 3; n++ {
		ask(fmt.Sprint("prepared ", n), "SELECT v FROM keyed WHERE k = $1", n)
	}
	ask("types", "SELECT $1::int8, $2::text, $3::text[], $4::timestamptz, $5::bytea", 5, "x", []string{"a"}, time.Unix(0, 0).UTC(), []byte{0, 255})
	ask("simple", "SELECT k FROM keyed WHERE k = $1", pgx.QuerySimpleProtocol(true), 1)
	ask("result formats", "SELECT k FROM keyed WHERE k = $1", pgx.QueryResultFormats{pgx.TextFormatCode}, 1)
	ask("error", "SELECT nosuch FROM orders")
	ask("division", "SELECT 1 / $1::int", 0)
	ask("duplicate", "INSERT INTO keyed VALUES ($1, $2)", 1, "x")
	step("exec", func() (interface{}, error) { return con.Exec(ctx, "UPDATE keyed SET v = $1 WHERE k = 2", "dos") })
	step("several", func() (interface{}, error) { return con.PgConn().Exec(ctx, "SELECT 1; UPDATE keyed SET v = 'x' WHERE k = 2; SELECT 2").ReadAll() })
	step("batch", func() (interface{}, error) {
		batch := &pgx.Batch{}
		for n := 100; n < 150; n++ {
			batch.Queue("INSERT INTO keyed VALUES ($1, $2)", n, fmt.Sprint(n))
		}
		batch.Queue("SELECT count(*) FROM keyed")
		sent := con.SendBatch(ctx, batch)
		for n := 100; n < 150; n++ {
			if _, err := sent.Exec(); err != nil {
				return nil, err
			}
		}
		var count int
		err := sent.QueryRow().Scan(&count)
		if err == nil {
			err = sent.Close()
		}
		return count, err
	})
	step("batch with a duplicate in the middle", func() (interface{}, error) {
		batch := &pgx.Batch{}
		for _, k := range []int{200, 1, 201} {
			batch.Queue("INSERT INTO keyed VALUES ($1, 'x')", k)
		}
		return nil, con.SendBatch(ctx, batch).Close()
	})
	ask("left", "SELECT count(*), max(k) FROM keyed")
	step("copy", func() (interface{}, error) {
		return con.CopyFrom(ctx, pgx.Identifier{"public", "keyed"}, []string{"k", "v"}, pgx.CopyFromSlice(50, func(n int) ([]interface{}, error) { return []interface{}{1000 + n, "copied"}, nil }))
	})
	step("copy with a duplicate", func() (interface{}, error) {
		return con.CopyFrom(ctx, pgx.Identifier{"keyed"}, []string{"k", "v"}, pgx.CopyFromRows([][]interface{}{{2000, "x"}, {1, "y"}}))
	})
	step("transaction", func() (interface{}, error) {
		return nil, con.BeginFunc(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO keyed VALUES (300, 'x')"); err != nil {
				return err
			}
			tx.BeginFunc(ctx, func(inner pgx.Tx) error { _, err := inner.Exec(ctx, "INSERT INTO keyed VALUES (300, 'y')"); return err })
			return nil
		})
	})
	step("serializable", func() (interface{}, error) {
		tx, err := con.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadOnly, DeferrableMode: pgx.Deferrable})
		if err != nil {
			return nil, err
		}
		defer tx.Rollback(ctx)
		return rows(tx, "SHOW transaction_isolation")
	})
	step("listen", func() (interface{}, error) {
		if _, err := con.Exec(ctx, "LISTEN jobs"); err != nil {
			return nil, err
		}
		con.Exec(ctx, "SELECT pg_notify('jobs', $1)", "hello")
		note, err := con.WaitForNotification(ctx)
		if err != nil {
			return nil, err
		}
		return note.Channel + note.Payload, nil
	})
	pool, err := pgxpool.Connect(context.Background(), url+"&pool_max_conns=3")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	step("pool", func() (interface{}, error) {
		done := make(chan error, 20)
		for n := 0; n < 20; n++ {
			go func(n int) { _, err := rows(pool, "SELECT $1::int", n); done <- err }(n)
		}
		for n := 0; n < 20; n++ {
			if err := <-done; err != nil {
				return nil, err
			}
		}
		return "all", nil
	})
	step("cancelled by context", func() (interface{}, error) {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err := pool.Exec(short, "SELECT count(*) FROM generate_series(1, 100000000000)")
		return err != nil, nil
	})
	step("after", func() (interface{}, error) { return rows(pool, "SELECT 1") })
	pool.Close()
}
