use exeat_policy::{Confirmation, Subject};

use crate::{Context, read};

fn confirmation(sql: &str) -> Confirmation {
    match &read(sql, &Context::default())[0].subject {
        Subject::Readable(facts) => facts.confirmation,
        Subject::Unreadable(unreadable) => panic!("{sql}: {unreadable:?}"),
    }
}

#[test]
fn what_applications_write_is_confirmed() {
    for sql in [
        "select id from t where total >-5 and total<>+1",
        "select id from only (public.t) as x",
        "select id from t * where a in (1, 2)",
        "select f(variadic array[1]), 'a'::text collate \"C\"",
        "select a from t join u using (id) as x where x.id = 1",
        "select a from t where b between symmetric 1 and 2 for no key update of t skip locked",
        "select (f(x)).* from t",
        "select trim(both from a), trim(leading 'x' from a), extract(year from b), position('a' in b) from t",
        "select * from f() as (a int, b text)",
        "select array(select 1), array[1, 2], exists (select 1)",
        "select a from t group by distinct rollup (a, b)",
        "update t set a[1] = 2, b['x'] = '1' where current of c",
        "with x as (select 1) insert into t (a) select * from x on conflict (a) do update set a = excluded.a returning *",
        "merge into t using s on t.id = s.id when matched then update set a = 1",
        "delete from t using s where t.id = s.id returning t.*",
        "explain (analyze) select 1",
        "prepare p (int) as select $1",
        "declare c cursor for select 1",
        "copy t (a) from stdin",
        "insert into t (a) overriding user value values (1) on conflict (lower(b), (c + 1), d text_pattern_ops) where e isnull do nothing",
        "select a from t where a like any (array['x']) or b notnull",
        "select a from t where a = any (values (1), (b)) and b < all (values (f(1), 2) limit 1) or c = some (values (1))",
        "select sum(a) over (order by b rows 1 preceding exclude ties) from t",
        "copy t from stdin (format csv) where lower(b) = 'x' and t.a > 1",
        "copy (select 1) to stdout",
        "begin isolation level serializable read only, deferrable",
        "set time zone interval '1' hour to minute",
        "refresh materialized view v",
        "truncate only t, u restart identity",
        "lock table t in share mode nowait",
        "table t",
        "table only (public.t) order by a limit 1",
        "select a from t union all (table u)",
        "with x as (table t) table x",
        "explain table t",
        "copy (table only t) to stdout",
        "insert into t table u",
        "select 0x1f, 0o17, 1_000 from t where a > 0b1 limit 1_0",
        "select 1 end, a view, case when b then c end match from t",
    ] {
        assert_eq!(confirmation(sql), Confirmation::Confirmed, "{sql}");
    }
}

#[test]
fn what_the_second_reader_cannot_read_is_not_confirmed() {
    for sql in [
        "select 1 values",
        "select substring('a' similar 'b' escape 'c')",
    ] {
        assert_eq!(confirmation(sql), Confirmation::Unconfirmed, "{sql}");
    }
}
