//! Statements by grammar: mostly of names that the role may use, now and then of one that it may not, in every place
//! where PostgreSQL takes a name or an expression. What comes out is well typed most of the time.

use crate::random::Random;
use crate::vocabulary::{
    AGGREGATES, CHANGES, FORBIDDEN_CALLS, FORBIDDEN_COLUMNS, FORBIDDEN_TABLES, FUNCTIONS, Table,
    Type, tables,
};

/// Of a hundred names, how many are forbidden ones.
const FORBIDDEN: usize = 2;
/// How deep expressions and queries nest.
const DEPTH: usize = 4;

/// A column that is in sight.
#[derive(Clone, Debug)]
struct Column {
    path: String,
    kind: Type,
}

pub struct Grammar<'a> {
    random: &'a mut Random,
    tables: Vec<Table>,
    role: &'a str,
    aliases: usize,
}

impl<'a> Grammar<'a> {
    pub fn new(random: &'a mut Random, role: &'a str) -> Self {
        Self {
            random,
            tables: tables(role),
            role,
            aliases: 0,
        }
    }

    /// A statement.
    pub fn statement(&mut self) -> String {
        let changes: Vec<&str> = CHANGES
            .iter()
            .filter(|(role, _)| *role == self.role)
            .map(|(_, text)| *text)
            .collect();
        if !changes.is_empty() && self.random.percent(35) {
            let text = self.random.pick(&changes);
            return self.filled(text);
        }
        if self.random.percent(3) {
            let all: Vec<&str> = CHANGES.iter().map(|(_, text)| *text).collect();
            let text = self.random.pick(&all);
            return self.filled(text);
        }
        self.query(0, &[]).0
    }

    /// A template with its places filled.
    fn filled(&mut self, template: &str) -> String {
        let mut text = template.to_owned();
        while let Some(at) = text.find("{int}") {
            let value = self.random.below(9).to_string();
            text.replace_range(at..at + 5, &value);
        }
        while let Some(at) = text.find("{text}") {
            let value = match self.random.below(8) {
                0 => "NULL".to_owned(),
                1 => "'bad'".to_owned(),
                2 => self.expression(Type::Text, 3, &[]),
                _ => "'fine'".to_owned(),
            };
            text.replace_range(at..at + 6, &value);
        }
        while let Some(at) = text.find("{query}") {
            let (value, _) = self.query(2, &[]);
            text.replace_range(at..at + 7, &value);
        }
        text
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    /// A query and the types of its columns, named `c1`, `c2`, ….
    fn query(&mut self, depth: usize, outer: &[Column]) -> (String, Vec<Type>) {
        if depth < 2 && self.random.percent(12) {
            return self.with(depth, outer);
        }
        let (from, mut columns) = self.from(depth);
        let mut own = columns.clone();
        own.extend_from_slice(outer);
        if self.random.percent(15) && !columns.is_empty() {
            return self.grouped(&from, &own);
        }
        let kinds: Vec<Type> = (0..1 + self.random.below(3)).map(|_| self.kind()).collect();
        let list = self.list(&kinds, depth, &own);
        let mut sql = match self.random.below(12) {
            0 => format!("SELECT DISTINCT {list} FROM {from}"),
            1 => {
                let on = self.expression(Type::Int, depth + 2, &own);
                format!("SELECT DISTINCT ON ({on}) {list} FROM {from}")
            }
            _ => format!("SELECT {list} FROM {from}"),
        };
        if self.random.percent(45) {
            sql += &format!(" WHERE {}", self.expression(Type::Bool, depth + 1, &own));
        }
        if self.random.percent(12) && depth == 0 {
            let (other, _) = self.select_of(&kinds, depth + 1, outer);
            let word = self
                .random
                .pick(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
            return (format!("{sql} {word} {other}"), kinds);
        }
        if self.random.percent(20) && !sql.contains("DISTINCT") {
            let by = self.expression(Type::Int, depth + 2, &own);
            sql += &format!(" ORDER BY {by}");
        }
        if self.random.percent(15) {
            sql += &format!(" LIMIT {}", self.random.below(5));
        }
        columns.clear();
        (sql, kinds)
    }

    /// A query with these types of columns.
    fn select_of(&mut self, kinds: &[Type], depth: usize, outer: &[Column]) -> (String, Vec<Type>) {
        let (from, mut own) = self.from(depth);
        own.extend_from_slice(outer);
        let list = self.list(kinds, depth, &own);
        (format!("SELECT {list} FROM {from}"), kinds.to_vec())
    }

    fn list(&mut self, kinds: &[Type], depth: usize, own: &[Column]) -> String {
        if self.random.percent(3) {
            return "*".to_owned();
        }
        let items: Vec<String> = kinds
            .iter()
            .enumerate()
            .map(|(at, kind)| {
                let item = self.expression(*kind, depth + 1, own);
                if self.random.percent(15) {
                    item
                } else {
                    format!("{item} AS c{}", at + 1)
                }
            })
            .collect();
        items.join(", ")
    }

    fn grouped(&mut self, from: &str, own: &[Column]) -> (String, Vec<Type>) {
        let key = self.expression(Type::Int, DEPTH - 1, own);
        let (name, arguments, kind) = AGGREGATES[self.random.below(AGGREGATES.len())];
        let argument = self.expression(arguments[0], DEPTH - 1, own);
        let condition = self.expression(Type::Bool, DEPTH - 1, own);
        let aggregate = match self.random.below(5) {
            0 => format!("{name}({argument}) FILTER (WHERE {condition})"),
            1 => format!("{name}(DISTINCT {argument})"),
            2 => format!("{name}({argument}) OVER (PARTITION BY {key})"),
            _ => format!("{name}({argument})"),
        };
        if aggregate.contains("OVER") {
            return (format!("SELECT {aggregate} AS c1 FROM {from}"), vec![kind]);
        }
        let by = match self.random.below(4) {
            0 => format!("GROUP BY GROUPING SETS (({key}), ())"),
            1 => format!("GROUP BY {key} HAVING count(*) > 0"),
            2 => String::new(),
            _ => format!("GROUP BY {key}"),
        };
        (
            format!("SELECT {aggregate} AS c1 FROM {from} {by}"),
            vec![kind],
        )
    }

    fn with(&mut self, depth: usize, outer: &[Column]) -> (String, Vec<Type>) {
        let (inner, kinds) = self.query(depth + 1, outer);
        let name = self.random.pick(&["w", "secrets", "orders", "x"]);
        let columns: Vec<Column> = self.columns_of("k", &kinds);
        let listed: Vec<&str> = columns.iter().map(|column| &column.path[2..]).collect();
        let list = self.list(&[Type::Int, Type::Text], depth + 1, &columns);
        let kept = self
            .random
            .pick(&["", "MATERIALIZED ", "NOT MATERIALIZED "]);
        (
            format!(
                "WITH {name}({}) AS {kept}({inner}) SELECT {list} FROM {name} k",
                listed.join(", ")
            ),
            vec![Type::Int, Type::Text],
        )
    }

    fn columns_of(&mut self, alias: &str, kinds: &[Type]) -> Vec<Column> {
        kinds
            .iter()
            .enumerate()
            .map(|(at, kind)| Column {
                path: format!("{alias}.c{}", at + 1),
                kind: *kind,
            })
            .collect()
    }

    /// A FROM list and the columns that it brings.
    fn from(&mut self, depth: usize) -> (String, Vec<Column>) {
        let (mut sql, mut columns) = self.item(depth, &[]);
        for _ in 0..[0, 0, 0, 1, 1, 2][self.random.below(6)] {
            let (item, more) = self.item(depth, &columns);
            let before = columns.clone();
            columns.extend(more);
            sql = match self.random.below(5) {
                0 => format!("{sql}, {item}"),
                1 => format!("{sql} CROSS JOIN {item}"),
                2 => format!(
                    "{sql} LEFT JOIN {item} ON {}",
                    self.expression(Type::Bool, DEPTH - 1, &columns)
                ),
                3 => format!(
                    "{sql}, LATERAL ({}) AS {}",
                    self.query(DEPTH - 1, &before).0,
                    self.alias()
                ),
                _ => format!(
                    "{sql} JOIN {item} ON {}",
                    self.expression(Type::Bool, DEPTH - 1, &columns)
                ),
            };
            if sql.contains("LATERAL") {
                columns = before;
                break;
            }
        }
        (sql, columns)
    }

    fn item(&mut self, depth: usize, _before: &[Column]) -> (String, Vec<Column>) {
        let alias = self.alias();
        let choice = self.random.below(12);
        if choice == 0 && depth < DEPTH - 1 {
            let (query, kinds) = self.query(depth + 1, &[]);
            let columns = self.columns_of(&alias, &kinds);
            let names: Vec<&str> = columns
                .iter()
                .map(|column| column.path.split('.').next_back().unwrap())
                .collect();
            return (
                format!("({query}) AS {alias}({})", names.join(", ")),
                columns,
            );
        }
        let int = |path: String| Column {
            path,
            kind: Type::Int,
        };
        match choice {
            1 => (
                format!("(VALUES (1, 'v'), (2, 'w')) AS {alias}(c1, c2)"),
                self.columns_of(&alias, &[Type::Int, Type::Text]),
            ),
            2 => (
                format!("generate_series(1, 3) AS {alias}(c1)"),
                self.columns_of(&alias, &[Type::Int]),
            ),
            3 => (format!("abs(-1) AS {alias}"), vec![int(alias)]),
            4 => {
                let column = Column {
                    path: alias.clone(),
                    kind: Type::Text,
                };
                (format!("upper('X') AS {alias}"), vec![column])
            }
            _ => self.relation(&alias),
        }
    }

    fn relation(&mut self, alias: &str) -> (String, Vec<Column>) {
        let table = if self.random.percent(FORBIDDEN) {
            FORBIDDEN_TABLES[self.random.below(FORBIDDEN_TABLES.len())]
        } else {
            self.tables[self.random.below(self.tables.len())]
        };
        let columns = table
            .columns
            .iter()
            .map(|(name, kind)| Column {
                path: format!("{alias}.{name}"),
                kind: *kind,
            })
            .collect();
        let only = if self.random.percent(4) { "ONLY " } else { "" };
        (format!("{only}{} AS {alias}", table.name), columns)
    }

    fn kind(&mut self) -> Type {
        [Type::Int, Type::Text, Type::Int, Type::Text, Type::Bool][self.random.below(5)]
    }

    /// An expression of a type.
    fn expression(&mut self, kind: Type, depth: usize, columns: &[Column]) -> String {
        if self.random.percent(FORBIDDEN) {
            return self.forbidden(kind, columns);
        }
        if depth >= DEPTH || self.random.percent(40) {
            return self.leaf(kind, columns);
        }
        let text = |this: &mut Self| this.expression(Type::Text, depth + 1, columns);
        let int = |this: &mut Self| this.expression(Type::Int, depth + 1, columns);
        match (kind, self.random.below(8)) {
            (_, 0) => {
                let condition = self.expression(Type::Bool, depth + 1, columns);
                let (one, other) = (
                    self.expression(kind, depth + 1, columns),
                    self.leaf(kind, columns),
                );
                format!("CASE WHEN {condition} THEN {one} ELSE {other} END")
            }
            (_, 1) if depth < DEPTH - 1 => format!(
                "({} LIMIT 1)",
                self.select_of(&[kind], depth + 2, columns).0
            ),
            (Type::Int, 2) => format!("({} - {})", int(self), int(self)),
            (Type::Int, 3) => format!("({} % 7)", int(self)),
            (Type::Int, 4) => format!("({})::int", int(self)),
            (Type::Text, 2) => format!("({} || {})", text(self), text(self)),
            (Type::Text, 3) => format!("CAST({} AS text)", text(self)),
            (Type::Text, 4) => format!("({})::text", int(self)),
            (Type::Bool, 2) => format!("{} > {}", int(self), int(self)),
            (Type::Bool, 3) => format!("{} LIKE 's%'", text(self)),
            (Type::Bool, 4) => format!("EXISTS ({})", self.query(depth + 2, columns).0),
            (Type::Bool, 5) => format!(
                "{} IN ({})",
                int(self),
                self.select_of(&[Type::Int], depth + 2, columns).0
            ),
            (Type::Bool, 6) => format!("{} IS NOT NULL", text(self)),
            (Type::Bool, _) => format!("{} = {}", int(self), int(self)),
            _ => self.call(kind, depth, columns),
        }
    }

    fn call(&mut self, kind: Type, depth: usize, columns: &[Column]) -> String {
        let fitting: Vec<_> = FUNCTIONS
            .iter()
            .filter(|(.., result)| *result == kind)
            .collect();
        let (name, arguments, _) = fitting[self.random.below(fitting.len())];
        let arguments: Vec<String> = arguments
            .iter()
            .map(|kind| self.expression(*kind, depth + 1, columns))
            .collect();
        format!("{name}({})", arguments.join(", "))
    }

    fn leaf(&mut self, kind: Type, columns: &[Column]) -> String {
        let fitting: Vec<&Column> = columns
            .iter()
            .filter(|column| column.kind == kind)
            .collect();
        if !fitting.is_empty() && self.random.percent(80) {
            return fitting[self.random.below(fitting.len())].path.clone();
        }
        match kind {
            Type::Int => self.random.below(9).to_string(),
            Type::Text => format!("'{}'", self.random.pick(&["a", "new", "sku1", "", "x"])),
            Type::Bool => self.random.pick(&["true", "false", "1 = 1"]).to_owned(),
        }
    }

    /// Something that nobody may use, where an expression stands.
    fn forbidden(&mut self, kind: Type, columns: &[Column]) -> String {
        if columns.is_empty() || self.random.percent(50) {
            let fitting: Vec<_> = FORBIDDEN_CALLS
                .iter()
                .filter(|(_, known)| *known == kind || kind == Type::Bool)
                .collect();
            let (call, _) = fitting[self.random.below(fitting.len())];
            return if kind == Type::Bool {
                format!("({call})::text <> 'x'")
            } else {
                (*call).to_owned()
            };
        }
        let beside = &columns[self.random.below(columns.len())].path;
        let alias = beside.split('.').next().unwrap();
        let name = self.random.pick(FORBIDDEN_COLUMNS);
        let path = match self.random.below(6) {
            0 => name.to_owned(),
            1 => alias.to_owned(),
            2 => format!("({alias}).{name}"),
            3 => format!("{name}({alias})"),
            _ => format!("{alias}.{name}"),
        };
        match kind {
            Type::Bool => format!("({path})::text > 'cn'"),
            Type::Text if self.random.percent(50) => format!("({path})::text"),
            _ => path,
        }
    }
}
