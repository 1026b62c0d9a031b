use super::{digest_of, mint, well_formed};

#[test]
fn a_minted_token_is_well_formed_and_unlike_the_next() {
    let (one, two) = (mint().unwrap(), mint().unwrap());
    assert!(well_formed(one.expose()));
    assert_eq!(one.expose().len(), 54);
    assert_ne!(one.expose(), two.expose());
    assert_ne!(digest_of(one.expose()), digest_of(two.expose()));
}

#[test]
fn any_changed_character_breaks_the_form() {
    let token = mint().unwrap();
    let token = token.expose();
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        assert!(
            !well_formed(std::str::from_utf8(&bytes).unwrap()),
            "at {position}"
        );
    }
}

#[test]
fn refuses_other_lengths_and_alphabets() {
    let token = mint().unwrap();
    let token = token.expose();
    for text in [
        "",
        "exeat_",
        "exeat",
        &token[..token.len() - 1],
        &format!("{token}="),
        &format!(" {token}"),
    ] {
        assert!(!well_formed(text), "{text}");
    }
    assert!(!well_formed(&token.to_uppercase()));
    // Multi-byte characters must not be cut in half.
    assert!(!well_formed(&"é".repeat(27)));
}
