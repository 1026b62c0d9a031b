use super::*;

#[test]
fn texts_that_differ_in_literals_share_a_template() {
    let of = |sql: &str| template(sql.as_bytes(), &[]).unwrap();
    assert_eq!(
        of("SELECT abalance FROM pgbench_accounts WHERE aid = 1;"),
        of("SELECT abalance FROM pgbench_accounts WHERE aid = 98765;")
    );
    assert_eq!(
        of("select a from t where b = 'x'"),
        of("select a from t where b = 'some more'")
    );
    assert_ne!(
        of("select a from t where b = 2"),
        of("select c from t where b = 2")
    );
}

#[test]
fn a_text_without_literals_is_its_own_key() {
    for sql in [
        &b"select a from t where b = $1"[..],
        b"set a = 1",
        b"select '\\xff\xff'",
        b"",
    ] {
        assert_eq!(template(sql, &[]), None, "{}", String::from_utf8_lossy(sql));
    }
}
