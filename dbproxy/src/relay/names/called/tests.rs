use super::*;

#[test]
fn what_we_call_something_is_reserved() {
    let mut id = Id::default();
    for _ in 0..300 {
        let mut name = Vec::new();
        id.next().write(&mut name);
        assert!(is_reserved(&name), "{name:?}");
    }
    for free in [
        "exeat", "exeat_", "exeat_x", "exeat_1 ", "exeat_1g", "Exeat_1", "s",
    ] {
        assert!(!is_reserved(free.as_bytes()), "{free}");
    }
}

#[test]
fn errors_name_what_the_client_knows() {
    let one = Id(0x1f);
    let name_of = |id: Id| (id == one).then_some(&b"mine"[..]);
    for (said, told) in [
        (
            "portal \"exeat_1f\" cannot be run",
            "portal \"mine\" cannot be run",
        ),
        ("\"exeat_1f\" and \"exeat_1f\"", "\"mine\" and \"mine\""),
        (
            "portal \"exeat_2\" and exeat_",
            "portal \"exeat_2\" and exeat_",
        ),
        ("division by zero", "division by zero"),
    ] {
        let told_now = in_the_clients_words(said.as_bytes(), name_of);
        assert_eq!(str::from_utf8(&told_now).unwrap(), told);
    }
}
