//! The schema that diesel believes in, held against both databases; and what migrations may not do.

use std::collections::BTreeMap;
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use paddock::platform::database::{DatabaseConnection, DatabaseError};

use crate::on_both_databases;

/// (table, column) → (type, nullable).
type Columns = BTreeMap<(String, String), (String, bool)>;

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    data_type: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

fn declared() -> Columns {
    let source = include_str!("../../src/platform/schema.rs");
    let mut columns = Columns::new();
    let mut table = None;
    let lines = source.lines().map(str::trim);
    for line in lines.filter(|line| !line.starts_with("diesel::joinable!")) {
        if let Some((column, kind)) = line.trim_end_matches(',').split_once(" -> ") {
            let table: &String = table.as_ref().unwrap();
            let inner = kind
                .strip_prefix("Nullable<")
                .and_then(|rest| rest.strip_suffix('>'));
            let key = (table.clone(), column.to_owned());
            columns.insert(key, (inner.unwrap_or(kind).to_owned(), inner.is_some()));
        } else if let Some((name, _)) = line.split_once(" (")
            && line.ends_with(") {")
        {
            table = Some(name.to_owned());
        }
    }
    columns
}

fn as_diesel(data_type: &str) -> &'static str {
    match data_type.to_ascii_lowercase().as_str() {
        "text" => "Text",
        "bigint" => "BigInt",
        "integer" => "Integer",
        "boolean" => "Bool",
        "double precision" => "Double",
        "timestamp" | "timestamp without time zone" => "Timestamp",
        other => panic!("no column may be of type {other}"),
    }
}

on_both_databases!(the_declared_schema_is_the_real_one, |app| async move {
    let rows: Vec<ColumnRow> = app
        .state
        .database
        .read(|connection| {
            let query = match connection {
                DatabaseConnection::Postgres(_) => {
                    "SELECT table_name::text AS table_name, column_name::text AS column_name, \
                     data_type::text AS data_type, is_nullable = 'YES' AS nullable \
                     FROM information_schema.columns WHERE table_schema = 'public'"
                }
                // SQLite's row ids are the one INTEGER that is a BigInt.
                DatabaseConnection::Sqlite(_) => {
                    "SELECT tables.name AS table_name, columns.name AS column_name, \
                     CASE WHEN columns.pk = 1 AND columns.type = 'INTEGER' THEN 'BIGINT' \
                     ELSE columns.type END AS data_type, columns.\"notnull\" = 0 AS nullable \
                     FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns \
                     WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'"
                }
            };
            diesel::sql_query(query)
                .load(connection)
                .map_err(DatabaseError::from)
        })
        .await
        .unwrap();
    let real: Columns = rows
        .into_iter()
        .filter(|row| !row.table_name.starts_with("__diesel"))
        .map(|row| {
            let kind = as_diesel(&row.data_type).to_owned();
            ((row.table_name, row.column_name), (kind, row.nullable))
        })
        .collect();
    assert!(real.len() > 100, "{} columns", real.len());
    assert_eq!(real, declared());
});

fn migrations(backend: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(backend);
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            assert!(
                path.join("down.sql").exists(),
                "{path:?} cannot be taken back"
            );
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path.join("up.sql")).unwrap())
        })
        .collect()
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |backend| migrations(backend).into_keys().collect::<Vec<_>>();
    assert_eq!(names("sqlite"), names("postgres"));
}

/// Whether a statement breaks a database that has rows, or a server of the version before that still
/// runs while the new one migrates.
fn is_unsafe(statement: &str) -> bool {
    let statement = statement.to_ascii_uppercase();
    let adds = statement.contains("ADD COLUMN") || statement.contains(" ADD ");
    (statement.contains("ALTER TABLE")
        && adds
        && statement.contains("NOT NULL")
        && !statement.contains("DEFAULT"))
        || statement.contains("DROP COLUMN")
        || statement.contains("RENAME")
}

#[test]
fn no_migration_breaks_a_running_server() {
    for backend in ["sqlite", "postgres"] {
        for (name, sql) in migrations(backend) {
            for statement in sql.split(';') {
                assert!(!is_unsafe(statement), "{backend}/{name}: {statement}");
            }
        }
    }
    assert!(is_unsafe(
        "ALTER TABLE users ADD COLUMN age INTEGER NOT NULL"
    ));
    assert!(!is_unsafe(
        "ALTER TABLE users ADD COLUMN age INTEGER NOT NULL DEFAULT 0"
    ));
}
