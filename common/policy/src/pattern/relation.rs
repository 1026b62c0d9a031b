//! Relation patterns: `schema.table`, `schema.table(column, …)`, `schema.*`, `*.*`; and patterns of
//! functions, operators and types. Names in the catalog's spelling, in double quotes where PostgreSQL
//! would need them: `public.*` is everything in `public`, `public."*"` its operator of that name.

use std::sync::Arc;

use super::Refused;

/// Which relations and columns a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RelationPattern {
    /// `None` for `*.*`: every schema but PostgreSQL's own.
    pub(crate) schema: Option<Arc<str>>,
    /// `None` for `schema.*` and `*.*`.
    pub(crate) relation: Option<Arc<str>>,
    /// Sorted; `None` for all columns, also those added later.
    pub(crate) columns: Option<Vec<Arc<str>>>,
}

impl RelationPattern {
    /// Reads a pattern as it stands in a document.
    pub(crate) fn parse(text: &str) -> Result<Self, Refused> {
        let mut reader = Reader { text, rest: text };
        let Some(schema) = reader.schema()? else {
            return Ok(Self {
                schema: None,
                relation: None,
                columns: None,
            });
        };
        if !reader.take('.') {
            return Err(Refused::new(format!("`{text}` says no schema"))
                .hint(format!("write `public.{text}`")));
        }
        let schema = Some(schema);
        if reader.take('*') {
            reader.end()?;
            return Ok(Self {
                schema,
                relation: None,
                columns: None,
            });
        }
        let relation = Some(reader.name()?);
        if !reader.take('(') {
            reader.end()?;
            return Ok(Self {
                schema,
                relation,
                columns: None,
            });
        }
        let mut columns = vec![reader.column()?];
        while reader.take(',') {
            let column = reader.column()?;
            if columns.contains(&column) {
                return Err(Refused::new(format!("column `{column}` stands here twice"))
                    .hint("keep one of them"));
            }
            columns.push(column);
        }
        if !reader.take(')') {
            return Err(
                Refused::new(format!("`{text}` has no `)` after its columns"))
                    .hint("write it like `schema.table(column, other)`"),
            );
        }
        reader.end()?;
        columns.sort();
        Ok(Self {
            schema,
            relation,
            columns: Some(columns),
        })
    }
}

/// Which functions, operators or types a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NamePattern {
    /// `*.*`: every schema but PostgreSQL's own.
    Any,
    /// `schema.*`.
    Schema(Arc<str>),
    /// `schema.name`.
    Name(Arc<str>, Arc<str>),
}

impl NamePattern {
    /// Reads a pattern; the default schema fills in. Operators are read as they stand.
    pub(crate) fn parse(text: &str, default: Option<&str>) -> Result<Self, Refused> {
        let mut reader = Reader { text, rest: text };
        let Some(first) = reader.schema()? else {
            return Ok(Self::Any);
        };
        let pattern = if !reader.take('.') {
            let default = default.ok_or_else(|| {
                Refused::new(format!("`{text}` says no schema"))
                    .hint(format!("write `public.{text}`"))
            })?;
            Self::Name(Arc::from(default), first)
        } else if reader.rest.trim() == "*" {
            reader.rest = "";
            Self::Schema(first)
        } else {
            Self::Name(first, reader.name_or_operator()?)
        };
        reader.end()?;
        Ok(pattern)
    }

    /// The schema that it is about, where it is about one.
    pub(crate) fn schema(&self) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Schema(schema) | Self::Name(schema, _) => Some(schema),
        }
    }
}

/// Reads `schema.table.column`.
pub(crate) fn column_path(text: &str) -> Result<[Arc<str>; 3], Refused> {
    let mut reader = Reader { text, rest: text };
    let missing =
        || Refused::new(format!("`{text}` is no column")).hint("write `schema.table.column`");
    let schema = reader.name()?;
    if !reader.take('.') {
        return Err(missing());
    }
    let relation = reader.name()?;
    if !reader.take('.') {
        return Err(missing());
    }
    let column = reader.name()?;
    reader.end()?;
    Ok([schema, relation, column])
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, expected: char) -> bool {
        match self.rest.trim_start().strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A schema, or `None` where the whole text is `*.*`.
    fn schema(&mut self) -> Result<Option<Arc<str>>, Refused> {
        if !self.take('*') {
            return self.name().map(Some);
        }
        if self.take('.') && self.take('*') && self.rest.trim().is_empty() {
            return Ok(None);
        }
        Err(Refused::new(format!("`{}` is no name", self.text)).hint(
            "write `schema.*` for all of a schema, or `*.*` for every schema but PostgreSQL's own",
        ))
    }

    fn end(&self) -> Result<(), Refused> {
        match self.rest.trim() {
            "" => Ok(()),
            rest if rest.starts_with('.') => Err(Refused::new(format!(
                "`{}` has too many parts",
                self.text
            ))
            .hint(
                "a name has two parts: `schema.name`; a database stands above, under `databases`",
            )),
            rest if rest.starts_with('(') => {
                Err(Refused::new(format!("`{}` takes no columns", self.text))
                    .hint("leave the brackets out"))
            }
            rest => Err(
                Refused::new(format!("`{rest}` after the name can't be read")).hint(
                    "write one name in an item, in double quotes if it holds such characters",
                ),
            ),
        }
    }

    fn column(&mut self) -> Result<Arc<str>, Refused> {
        if self.rest.trim_start().starts_with(')') {
            return Err(Refused::new("an empty list of columns never matches")
                .hint("leave the brackets out for all columns"));
        }
        if self.rest.trim_start().starts_with('*') {
            return Err(
                Refused::new("`*` is no column").hint("leave the brackets out for all columns")
            );
        }
        self.name()
    }

    fn name(&mut self) -> Result<Arc<str>, Refused> {
        self.rest = self.rest.trim_start();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            return self.quoted(quoted);
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
            return Err(Refused::new(format!("`{}` is no name", self.text))
                .hint("write it like `schema.table(column, other)`"));
        }
        if name.chars().any(char::is_uppercase) {
            return Err(Refused::new(format!("`{name}` has capital letters"))
                .hint(format!("PostgreSQL knows it as `{}`, unless it was created in double quotes: then write `\"{name}\"`", name.to_lowercase())));
        }
        self.rest = rest;
        Ok(Arc::from(name))
    }

    fn quoted(&mut self, after: &str) -> Result<Arc<str>, Refused> {
        let mut name = String::new();
        let mut chars = after.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c != '"' {
                name.push(c);
                continue;
            }
            if chars.peek().is_some_and(|(_, next)| *next == '"') {
                chars.next();
                name.push('"');
                continue;
            }
            if name.is_empty() || name.contains('\0') {
                break;
            }
            let consumed = self.rest.len() - after.len() + at + 1;
            self.rest = self.rest.get(consumed..).unwrap_or("");
            return Ok(Arc::from(name));
        }
        Err(Refused::new(format!(
            "`{}` has a `\"` that is not closed, or nothing in it",
            self.text
        ))
        .hint("write a name as `\"Name\"`, and a quote within as two"))
    }

    fn name_or_operator(&mut self) -> Result<Arc<str>, Refused> {
        let symbols = |c: char| "+-*/<>=~!@#%^&|`?".contains(c);
        let end = self.rest.find(|c| !symbols(c)).unwrap_or(self.rest.len());
        if end == 0 {
            return self.name();
        }
        let (operator, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Arc::from(operator))
    }
}
