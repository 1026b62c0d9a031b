use super::*;

#[test]
fn only_what_the_session_has_anyway_is_dropped() {
    let search_path = ["pg_temp", "pg_catalog", "public"].map(Arc::from);
    let standing = Standing {
        search_path: &search_path,
        as_role: "app",
        relaxed: false,
    };
    for (name, value, has) in [
        ("client_encoding", "UTF8", true),
        ("client_encoding", "utf-8", true),
        ("client_encoding", "'UNICODE'", true),
        ("client_encoding", "SQL_ASCII", true),
        ("client_encoding", "LATIN1", false),
        ("search_path", "public", true),
        ("search_path", "\"public\"", true),
        ("search_path", "public, evil", false),
        ("search_path", "Public", false),
        ("search_path", "", false),
        ("role", "none", true),
        ("role", "app", true),
        ("role", "App", false),
        ("role", "postgres", false),
        ("session_authorization", "app", true),
        ("session_authorization", "postgres", false),
        ("session_authorization", "none", false),
        ("statement_timeout", "app", false),
    ] {
        assert_eq!(standing.has(name, value), has, "{name}={value}");
    }
}
