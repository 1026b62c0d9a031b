use super::*;

#[test]
fn comments_become_spaces_and_nothing_else_changes() {
    for (sql, expected) in [
        ("select 1", "select 1"),
        ("a/* x */b", "a       b"),
        ("a -- x\nb", "a     \nb"),
        ("a /* /* é */ */ b", "a                b"),
        ("'/* x */' -- y", "'/* x */'     "),
        ("$$ -- $$ /**/", "$$ -- $$     "),
        ("\"--\" a", "\"--\" a"),
        ("E'\\'--' --", "E'\\'--'   "),
        ("a>/*'*/b", "a>     b"),
    ] {
        let blanked = blank_comments(sql);
        assert_eq!(blanked, expected);
        assert_eq!(blanked.len(), sql.len());
    }
}

#[test]
fn secrets_are_taken_out_of_definitions() {
    for (sql, expected) in [
        ("create role a password 'b'", "create role a password '…'"),
        (
            "ALTER USER a WITH ENCRYPTED PASSWORD E'b' VALID UNTIL 'c'",
            "ALTER USER a WITH ENCRYPTED PASSWORD '…' VALID UNTIL 'c'",
        ),
        ("alter role a password $$b$$", "alter role a password '…'"),
        (
            "alter role a /* x */ password -- y\n 'b'",
            "alter role a /* x */ password -- y\n '…'",
        ),
        (
            "alter role a password 'b'\n'c'",
            "alter role a password '…'\n'…'",
        ),
        (
            "create user mapping for a server s options (user 'u', password 'b')",
            "create user mapping for a server s options (user 'u', password '…')",
        ),
        (
            "create subscription s connection 'host=x password=y' publication p",
            "create subscription s connection '…' publication p",
        ),
        (
            "select 1; create user a password 'b'; select 'c'",
            "select 1; create user a password '…'; select 'c'",
        ),
        ("set my.password = 'b'", "set my.password = '…'"),
        ("set my.password to 'b'", "set my.password to '…'"),
        (
            "create function f() returns void language plpgsql as $$ begin alter role a password 'b'; end $$",
            "create function f() returns void language plpgsql as '…'",
        ),
        (
            "set application_name = 'a connection'",
            "set application_name = 'a connection'",
        ),
        ("create role a password null", "create role a password null"),
    ] {
        assert_eq!(redact(sql), expected);
    }
}

#[test]
fn data_stays_as_it_is() {
    for sql in [
        "select 'b'",
        "select password from users where password = 'b'",
        "insert into secrets values ('b')",
    ] {
        assert_eq!(redact(sql), sql);
    }
}

#[test]
fn a_text_that_cannot_be_lexed_is_cut_before_the_secret() {
    assert_eq!(redact("alter role a password 'b"), "alter role a …");
    assert_eq!(redact("select 'b"), "select 'b");
}

#[test]
fn code_is_left_out_of_what_is_recorded() {
    for (sql, expected) in [
        ("DO $$ BEGIN PERFORM login('hunter2'); END $$", "DO '…'"),
        ("do language plpgsql 'x'", "do language plpgsql '…'"),
        ("/* a */ DO $x$ y $x$", "/* a */ DO '…'"),
        (
            "SELECT 'a'; DO $$ y $$; SELECT 'b'",
            "SELECT 'a'; DO '…'; SELECT 'b'",
        ),
        ("DO $$ y", "DO …"),
        (
            "INSERT INTO t VALUES ('a') ON CONFLICT DO NOTHING",
            "INSERT INTO t VALUES ('a') ON CONFLICT DO NOTHING",
        ),
        ("SELECT 'a' AS do", "SELECT 'a' AS do"),
    ] {
        assert_eq!(redact(sql), expected, "{sql}");
    }
}
