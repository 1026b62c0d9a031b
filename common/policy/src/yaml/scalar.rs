//! What a plain scalar is by YAML's core schema (YAML 1.2.2 §10.3.2).
//!
//! A text must never be read as something that its reader does not see: no octal numbers, no `yes`.

/// A scalar, read.
pub(super) enum Scalar<'a> {
    Nothing,
    Bool(bool),
    Number(&'a str),
    Text(&'a str),
}

pub(super) fn scalar(text: &str, plain: bool) -> Scalar<'_> {
    if !plain {
        return Scalar::Text(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Nothing,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let number =
                digits.starts_with(|c: char| c.is_ascii_digit()) && digits.parse::<f64>().is_ok();
            if number {
                Scalar::Number(text)
            } else {
                Scalar::Text(text)
            }
        }
    }
}
