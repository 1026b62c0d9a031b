//! What a mistyped command line is answered with.

use clap::Parser as _;

use super::{Arguments, line};

#[test]
fn a_usage_error_is_one_line_with_what_to_do() {
    let table = [
        (
            "run",
            "the following required arguments were not provided: --config <FILE>; usage: exeat run --config <FILE>",
        ),
        (
            "policy explain --policy p --role x",
            "the following required arguments were not provided: --to <HOST:PORT>; usage: exeat policy explain --policy <PATH> --role <ROLE> --to <HOST:PORT>",
        ),
        (
            "polic check",
            "unrecognized subcommand 'polic'; a similar subcommand exists: 'policy'; usage: exeat <COMMAND>",
        ),
        (
            "run --confg x",
            "unexpected argument '--confg' found; a similar argument exists: '--config'; usage: exeat run --config <FILE>",
        ),
        (
            "identity issue r --ttl 1y",
            "invalid value '1y' for '--ttl <TIME>': `1y` is no lifetime; write it as 30m, 1h or 7d; try --help",
        ),
        (
            "policy explain --policy a --role r --to a:1 --sql x --database d",
            "the argument '--to <HOST:PORT>' cannot be used with: --sql <SQL>, --database <NAME>; usage: exeat policy explain --policy <PATH> --role <ROLE> --to <HOST:PORT>",
        ),
    ];
    for (words, expected) in table {
        let words = std::iter::once("exeat").chain(words.split(' '));
        let error = Arguments::try_parse_from(words).unwrap_err();
        assert_eq!(line(&error.render().to_string()), expected);
    }
}
