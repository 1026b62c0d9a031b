use super::*;
use crate::search_path;

fn whole(configured: &[&str]) -> Arc<[Arc<str>]> {
    let configured: Vec<Arc<str>> = configured.iter().map(|name| Arc::from(*name)).collect();
    search_path(&configured)
}

#[test]
fn temporary_objects_come_first_as_in_postgresql() {
    for (configured, expected) in [
        (&["public"][..], &["pg_temp", "pg_catalog", "public"][..]),
        (&["a", "b"], &["pg_temp", "pg_catalog", "a", "b"]),
        (&["a", "pg_temp"], &["pg_catalog", "a", "pg_temp"]),
        (&["a", "pg_catalog"], &["pg_temp", "a", "pg_catalog"]),
        (&["pg_temp"], &["pg_catalog", "pg_temp"]),
    ] {
        let path = whole(configured);
        let path: Vec<&str> = path.iter().map(|name| &**name).collect();
        assert_eq!(path, expected, "{configured:?}");
    }
}

#[test]
fn what_postgresql_puts_first_by_itself_is_not_written() {
    for (configured, expected) in [
        (&["public"][..], &["public"][..]),
        (&["a", "b"], &["a", "b"]),
        (&["a", "pg_temp"], &["a", "pg_temp"]),
        (&["a", "pg_catalog"], &["a", "pg_catalog"]),
        (&["pg_temp"], &["pg_catalog", "pg_temp"]),
        (&["pg_catalog"], &["pg_catalog"]),
    ] {
        let path = whole(configured);
        let written: Vec<&str> = written_path(&path).iter().map(|name| &**name).collect();
        assert_eq!(written, expected, "{configured:?}");
    }
}

#[test]
fn a_value_is_the_path_only_where_postgresql_reads_it_so() {
    for (value, configured, same) in [
        ("public", &["public"][..], true),
        ("\"public\"", &["public"], true),
        (" public ", &["public"], true),
        ("a,b", &["a", "b"], true),
        ("a , \"b\"", &["a", "b"], true),
        ("\"a, b\"", &["a, b"], true),
        ("\"A\"", &["A"], true),
        ("\"x\"\"y\"", &["x\"y"], true),
        ("\"a, b\"", &["a", "b"], false),
        ("b, a", &["a", "b"], false),
        ("a", &["a", "b"], false),
        ("a, b, c", &["a", "b"], false),
        ("PUBLIC", &["public"], false),
        ("A", &["A"], false),
        ("public, pg_temp", &["public"], false),
        ("pg_catalog, public", &["public"], false),
        ("$user, public", &["$user", "public"], false),
        ("$1", &["$1"], false),
        ("", &["public"], false),
        (",", &["public"], false),
        ("public,", &["public"], false),
        ("public public", &["public"], false),
        ("\"public", &["public"], false),
        ("\"public\"x", &["public"], false),
    ] {
        assert_eq!(is_path(value, &whole(configured)), same, "{value}");
    }
}

#[test]
fn a_setting_to_what_it_is_reads_as_default() {
    let path = whole(&["public"]);
    for (name, value, after) in [
        ("search_path", Some("public"), None),
        ("search_path", Some("evil"), Some("evil")),
        ("search_path", None, None),
        ("role", Some("none"), None),
        ("role", Some("None"), Some("None")),
        ("role", Some("public"), Some("public")),
        ("session_authorization", Some("none"), Some("none")),
        ("work_mem", Some("public"), Some("public")),
    ] {
        let mut setting = Setting {
            name: name.into(),
            value: value.map(Arc::from),
        };
        settle(&mut setting, &path);
        assert_eq!(setting.value.as_deref(), after, "{name} {value:?}");
    }
}

#[test]
fn names_are_joined_so_that_they_are_read_back() {
    let names = ["public", "A", "a, b", "x\"y", "1a", ""];
    let joined = joined(names);
    assert_eq!(elements(&joined).unwrap(), names);
}
