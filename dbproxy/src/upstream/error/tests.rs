use super::*;

#[test]
fn the_servers_words_are_told_only_where_they_are_about_the_clients_own() {
    let zone = [("TimeZone".to_owned(), "x".to_owned())];
    let none: [(String, String); 0] = [];
    for (code, message, settings, told) in [
        (
            "22023",
            "invalid value for parameter \"TimeZone\": \"x\"",
            &zone[..],
            true,
        ),
        (
            "22023",
            "invalid value for parameter \"search_path\": \"x\"",
            &none,
            false,
        ),
        (
            "42704",
            "unrecognized configuration parameter \"timezone\"",
            &zone,
            true,
        ),
        ("42704", "role \"other\" does not exist", &zone, false),
        (
            "42501",
            "permission denied to set parameter \"TimeZone\"",
            &zone,
            true,
        ),
        (
            "42501",
            "permission denied for database \"inner\"",
            &zone,
            false,
        ),
        (
            "55P02",
            "parameter \"timezone\" cannot be set after connection start",
            &zone,
            true,
        ),
        ("53300", "sorry, too many clients already", &none, true),
        (
            "53300",
            "too many connections for role \"inner\"",
            &none,
            false,
        ),
        ("57P03", "the database system is starting up", &none, true),
        (
            "28P01",
            "password authentication failed for user \"inner\"",
            &zone,
            false,
        ),
        (
            "28000",
            "no pg_hba.conf entry for host \"10.0.0.1\"",
            &zone,
            false,
        ),
        ("3D000", "database \"inner\" does not exist", &zone, false),
    ] {
        let error = UpstreamError::Refused(Box::new(UpstreamRefused {
            code: code.to_owned(),
            message: message.to_owned(),
            detail: None,
            hint: Some("a hint".to_owned()),
        }));
        let said = error.told(settings);
        assert_eq!(said.message == message, told, "{message}: {said:?}");
        assert_eq!(
            said.code == code || code == "53300",
            told || code == "53300",
            "{said:?}"
        );
        assert!(told || !said.message.contains("inner"), "{said:?}");
    }
}
