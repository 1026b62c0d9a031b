//! Statements as they come over the wire, judged end to end: lexer, parsers, facts, policy.

mod depth;
#[cfg(test)]
mod fixture;
mod oracle;
mod properties;
mod verdicts;
