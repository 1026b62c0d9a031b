use super::*;

#[test]
fn reads_and_prints_what_the_design_shows() {
    assert_eq!(
        "50/s".parse(),
        Ok(Rate {
            count: 50,
            per: Duration::from_secs(1)
        })
    );
    assert_eq!(
        "10GiB/day".parse(),
        Ok(Quota {
            bytes: 10 << 30,
            per: Duration::from_secs(86_400)
        })
    );
    assert_eq!("5s".parse(), Ok(Span(Duration::from_secs(5))));
    for text in ["50/s", "7/min", "1/h", "9/day"] {
        assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
    }
    for text in ["10GiB/day", "1500B/s", "2MB/h", "3TiB/min"] {
        assert_eq!(text.parse::<Quota>().unwrap().to_string(), text);
    }
    for text in ["5s", "250ms", "1min", "2h", "90s", "3day"] {
        assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
    }
}

#[test]
fn equal_amounts_print_alike() {
    assert_eq!("1024KiB/s".parse::<Quota>().unwrap().to_string(), "1MiB/s");
    assert_eq!("60s".parse::<Span>().unwrap().to_string(), "1min");
}

#[test]
fn refuses_what_is_no_amount() {
    for text in [
        "",
        "50",
        "50/",
        "/s",
        "0/s",
        "-1/s",
        "+1/s",
        "50/sec",
        "50/week",
        "5x/s",
        "4294967296/s",
        "1.5/s",
    ] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
    for text in [
        "",
        "10GiB",
        "0B/s",
        "10gb/day",
        "10/day",
        "99999999999TiB/day",
        "1.5GiB/day",
    ] {
        assert!(text.parse::<Quota>().is_err(), "{text}");
    }
    for text in ["", "5", "0s", "5 weeks", "s", "-5s", "99999999999999999day"] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
}
