use crate::{Source, load};

fn render(text: &str, colour: bool) -> String {
    load(&[Source {
        name: "policy.yaml".into(),
        text: text.into(),
    }])
    .unwrap_err()
    .render(colour)
}

#[test]
fn a_problem_shows_its_line_a_caret_and_what_to_write() {
    let text =
        "version: 1\nroles:\n  a:\n    identities: [{ token: a }]\n    egres:\n      allow: []\n";
    assert_eq!(
        render(text, false),
        "error: unknown key `egres`
 --> policy.yaml:5:5
  |
5 |     egres:
  |     ^^^^^
  |
  = help: did you mean `egress`?"
    );
}

#[test]
fn colour_is_only_used_when_asked_for() {
    let text = "version: 9\nroles: {}\n";
    assert!(!render(text, false).contains('\x1b'));
    assert!(render(text, true).contains('\x1b'));
}

#[test]
fn a_block_that_spans_lines_is_marked_on_its_first_one() {
    let text = "version: 1\nroles:\n  a:\n    identities: [{ token: a }]\n    egress:\n      allow:\n        - ports: [1]\n          tls: false\n";
    let shown = render(text, false);
    assert!(
        shown.contains("7 |         - ports: [1]\n  |           ^"),
        "{shown}"
    );
    assert!(!shown.contains("tls"), "{shown}");
}

#[test]
fn columns_count_characters() {
    let text =
        "version: 1\nroles:\n  a: { identities: [{ token: a }], labels: { ü: 'ü', b: 1 } }\n";
    assert!(
        render(text, false).contains("policy.yaml:3:57"),
        "{}",
        render(text, false)
    );
}

#[test]
fn the_display_form_is_the_plain_one() {
    let problems = load(&[]).unwrap_err();
    assert_eq!(problems.to_string(), problems.render(false));
    assert!(
        problems
            .to_string()
            .starts_with("error: there is no policy file")
    );
    assert_eq!(problems.len(), 1);
}
