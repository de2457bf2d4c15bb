//! The policy as a form with a row for each column, and the TOML that the form stands for.
//!
//! The TOML is what is kept. The form changes in it what it knows and leaves alone what it does not, so a
//! policy may be written by hand and looked at here.

use std::collections::HashMap;

use toml::{Table, Value};

use super::form::Form;
use crate::datasets::anonymize::policy::{POLICY_VERSION, Policy, PolicyError};
use crate::datasets::anonymize::policy_text;
use crate::datasets::summary::{ColumnSummary, Distinct, TableSummary};
use crate::datasets::tables::Schema;
use crate::web::format;

/// The actions of the form: name in the TOML, and what it does.
pub const ACTIONS: [(&str, &str); 8] = [
    ("drop", "Leave it out"),
    ("keep", "Keep it as it is"),
    ("pseudonym", "Replace by a random name"),
    ("band", "Show only a band"),
    ("round", "Round it"),
    ("shift", "Show the distance from the least"),
    ("ordinal", "Show only its place in the order"),
    ("suppress_rare", "Hide rare values"),
];

/// The settings of a column in the form and the actions that they belong to.
const SETTINGS: [(&str, &[&str]); 5] = [
    ("width", &["band"]),
    ("step", &["round"]),
    ("prefix", &["pseudonym"]),
    ("scope", &["pseudonym", "shift"]),
    ("replacement", &["suppress_rare"]),
];

/// What the form knows of `[laps]`.
const LAPS: [&str; 4] = ["time", "event", "quota", "noise"];

/// The policy as the form shows it.
pub struct PolicyForm {
    pub k: String,
    /// `yes`, `no`, or empty where the policy does not say.
    pub minors: &'static str,
    pub subject: String,
    pub small_classes: String,
    pub laps: LapsForm,
    pub columns: Vec<ColumnForm>,
    /// What the TOML has and the form does not show.
    pub by_hand: Vec<String>,
    /// Whether the TOML could be read at all.
    pub is_readable: bool,
}

/// How lap times are protected.
#[derive(Default)]
pub struct LapsForm {
    pub time: String,
    pub event: String,
    pub quota: String,
    pub noise: String,
}

/// A row of the form.
pub struct ColumnForm {
    pub name: String,
    pub kind: String,
    /// A few values, or the range.
    pub example: String,
    pub distinct: String,
    pub is_number: bool,
    /// An action of [`ACTIONS`], another one that only the TOML knows, or empty.
    pub action: String,
    pub is_other_action: bool,
    pub width: String,
    pub step: String,
    pub prefix: String,
    pub scope: String,
    pub replacement: String,
    pub quasi_identifier: bool,
    pub identity: bool,
    /// What is wrong with the row.
    pub problem: String,
}

fn text_of(table: &Table, key: &str) -> String {
    match table.get(key) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(texts)) => {
            let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
            texts.join(", ")
        }
        Some(value) => value.to_string(),
    }
}

fn columns_of(policy: &Table) -> Vec<&Table> {
    let columns = policy.get("column").and_then(Value::as_array);
    let columns = columns.map(Vec::as_slice).unwrap_or_default();
    columns.iter().filter_map(Value::as_table).collect()
}

impl PolicyForm {
    /// The form for a policy's TOML, with a row for each column of the raw table.
    pub fn of(text: &str, raw: &TableSummary) -> Self {
        let parsed = text.parse::<Table>();
        let is_readable = parsed.is_ok();
        let policy = parsed.unwrap_or_default();
        let stated = columns_of(&policy);
        let laps = policy.get("laps").and_then(Value::as_table);
        let laps = laps.map(|laps| LapsForm {
            time: text_of(laps, "time"),
            event: text_of(laps, "event"),
            quota: text_of(laps, "quota"),
            noise: text_of(laps, "noise"),
        });
        Self {
            k: text_of(&policy, "minimum_class_size"),
            minors: match policy.get("minors").and_then(Value::as_bool) {
                Some(true) => "yes",
                Some(false) => "no",
                None => "",
            },
            subject: text_of(&policy, "subject"),
            small_classes: text_of(&policy, "small_classes"),
            laps: laps.unwrap_or_default(),
            columns: raw
                .columns
                .iter()
                .map(|column| {
                    let name = column.column.name.as_str();
                    let stated = stated
                        .iter()
                        .find(|stated| stated.get("name").and_then(Value::as_str) == Some(name));
                    ColumnForm::of(column, stated.copied().unwrap_or(&Table::new()))
                })
                .collect(),
            by_hand: by_hand(&policy),
            is_readable,
        }
    }
}

impl PolicyForm {
    /// The form with what is wrong at each row.
    pub fn with_problems(mut self, form: &Form) -> Self {
        for (position, column) in self.columns.iter_mut().enumerate() {
            let row = format!("column_{position}_");
            let problem = form
                .problems()
                .iter()
                .find(|problem| problem.field.starts_with(&row));
            column.problem = problem
                .map(|problem| problem.message.clone())
                .unwrap_or_default();
        }
        self
    }
}

impl ColumnForm {
    fn of(summary: &ColumnSummary, stated: &Table) -> Self {
        let action = text_of(stated, "action");
        let is = |key| stated.get(key).and_then(Value::as_bool) == Some(true);
        Self {
            name: summary.column.name.clone(),
            kind: summary.column.kind.to_string(),
            example: example(summary),
            distinct: match summary.distinct {
                Distinct::Exactly(1) => "1 value".to_owned(),
                Distinct::Exactly(values) => format!("{} values", format::count(values)),
                Distinct::MoreThan(values) => format!("over {} values", format::count(values)),
            },
            is_number: summary.numbers.is_some(),
            is_other_action: !action.is_empty() && ACTIONS.iter().all(|(name, _)| *name != action),
            action,
            width: text_of(stated, "width"),
            step: text_of(stated, "step"),
            prefix: text_of(stated, "prefix"),
            scope: text_of(stated, "scope"),
            replacement: text_of(stated, "replacement"),
            quasi_identifier: is("quasi_identifier"),
            identity: is("identity"),
            problem: String::new(),
        }
    }
}

fn example(summary: &ColumnSummary) -> String {
    if let Some((least, most)) = &summary.range {
        return if least == most {
            least.clone()
        } else {
            format!("{least} to {most}")
        };
    }
    let values = summary.top.iter().take(3);
    let values: Vec<&str> = values.map(|top| top.value.as_str()).collect();
    values.join(", ")
}

/// What a policy has that the form does not show.
fn by_hand(policy: &Table) -> Vec<String> {
    const KNOWN: [&str; 7] = [
        "version",
        "minimum_class_size",
        "minors",
        "subject",
        "small_classes",
        "laps",
        "column",
    ];
    let mut found: Vec<String> = policy
        .keys()
        .filter(|key| !KNOWN.contains(&key.as_str()))
        .cloned()
        .collect();
    if let Some(laps) = policy.get("laps").and_then(Value::as_table) {
        let keys = laps.keys().filter(|key| !LAPS.contains(&key.as_str()));
        found.extend(keys.map(|key| format!("laps.{key}")));
    }
    for column in columns_of(policy) {
        let is_known = |key: &str| {
            matches!(key, "name" | "action" | "quasi_identifier" | "identity")
                || SETTINGS.iter().any(|(setting, _)| *setting == key)
        };
        let name = text_of(column, "name");
        let keys = column.keys().filter(|key| !is_known(key));
        found.extend(keys.map(|key| format!("{key} of {name}")));
        let action = text_of(column, "action");
        if ACTIONS.iter().all(|(known, _)| *known != action) {
            found.push(format!("action of {name}"));
        }
    }
    found
}

/// The TOML for a form that was sent: `text` with what the form knows changed. Fields that cannot be read
/// are noted in the form.
pub fn changed(text: &str, raw: &TableSummary, form: &mut Form) -> String {
    let mut policy = text.parse::<Table>().unwrap_or_default();
    policy.insert("version".into(), i64::from(POLICY_VERSION).into());
    if let Some(k) = form.parse::<i64>("k", "give a whole number from 2") {
        policy.insert("minimum_class_size".into(), k.into());
    }
    match form.text("minors") {
        "yes" => policy.insert("minors".into(), true.into()),
        "no" => policy.insert("minors".into(), false.into()),
        _ => policy.remove("minors"),
    };
    set(&mut policy, "subject", form.text("subject"));
    set(&mut policy, "small_classes", form.text("small_classes"));
    change_laps(&mut policy, form);
    let stated: HashMap<String, Table> = columns_of(&policy)
        .into_iter()
        .map(|column| (text_of(column, "name"), column.clone()))
        .collect();
    let columns = raw.columns.iter().enumerate().map(|(position, column)| {
        let name = &column.column.name;
        let mut stated = stated.get(name).cloned().unwrap_or_default();
        stated.insert("name".into(), name.clone().into());
        change_column(&mut stated, position, form);
        Value::Table(stated)
    });
    let columns: Vec<Value> = columns.collect();
    policy.insert("column".into(), columns.into());
    policy_text::to_text(&policy)
}

fn set(table: &mut Table, key: &str, text: &str) {
    if text.is_empty() {
        table.remove(key);
    } else {
        table.insert(key.to_owned(), text.into());
    }
}

/// A number as the TOML has it: whole where it is whole.
fn number(form: &mut Form, field: &str) -> Option<Value> {
    if form.text(field).is_empty() {
        return None;
    }
    let number: f64 = form.parse(field, "give a number, such as 5 or 0.1")?;
    let whole = number as i64; // compared below
    Some(if whole as f64 == number {
        whole.into()
    } else {
        number.into()
    })
}

fn change_laps(policy: &mut Table, form: &mut Form) {
    if form.text("laps_time").is_empty() {
        policy.remove("laps");
        return;
    }
    let stated = policy.get("laps").and_then(Value::as_table);
    let mut laps = stated.cloned().unwrap_or_default();
    set(&mut laps, "time", form.text("laps_time"));
    set(&mut laps, "event", form.text("laps_event"));
    for key in ["quota", "noise"] {
        match number(form, &format!("laps_{key}")) {
            Some(value) => laps.insert(key.into(), value),
            None => laps.remove(key),
        };
    }
    policy.insert("laps".into(), laps.into());
}

fn change_column(column: &mut Table, position: usize, form: &mut Form) {
    let field = |key: &str| format!("column_{position}_{key}");
    let action = form.text(&field("action")).to_owned();
    let is_other = ACTIONS.iter().all(|(known, _)| *known != action);
    if !is_other {
        set(column, "action", &action);
        for (setting, actions) in SETTINGS {
            if !actions.contains(&action.as_str()) {
                column.remove(setting);
                continue;
            }
            let field = field(setting);
            match setting {
                "width" | "step" => match number(form, &field) {
                    Some(value) => column.insert(setting.into(), value),
                    None => column.remove(setting),
                },
                "scope" if form.text(&field).is_empty() => column.remove(setting),
                "scope" => column.insert(setting.into(), form.names(&field).into()),
                _ => {
                    set(column, setting, form.text(&field));
                    None
                }
            };
        }
    }
    for flag in ["quasi_identifier", "identity"] {
        if form.is_ticked(&field(flag)) {
            column.insert(flag.into(), true.into());
        } else {
            column.remove(flag);
        }
    }
}

/// Checks a policy against the raw table, and notes at the field what is wrong with it.
pub fn check(text: &str, raw: &TableSummary, form: &mut Form) {
    let columns = raw.columns.iter().map(|column| column.column.clone());
    let Ok(schema) = Schema::new(columns.collect()) else {
        return;
    };
    let checked = Policy::parse(text).and_then(|policy| policy.check(&schema));
    if let Err(error) = checked {
        let field = match &error {
            PolicyError::Field {
                field: "minimum_class_size",
                ..
            } => "k".to_owned(),
            PolicyError::Field {
                field: "subject", ..
            } => "subject".to_owned(),
            PolicyError::Field { field, .. } => field.replace('.', "_"),
            PolicyError::Column { column, .. } => schema
                .position(column)
                .map_or("policy".to_owned(), |position| {
                    format!("column_{position}_action")
                }),
            _ => "policy".to_owned(),
        };
        form.refuse(&field, one_line(&error.to_string()));
    }
}

/// An error in one line: TOML errors draw the line with a caret below it, which only a terminal shows well.
pub fn one_line(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.contains(" | ") && !line.trim_end().ends_with('|'));
    lines.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::anonymize::suggestion::suggest;
    use crate::datasets::tables::{Source, Table as RawTable};

    fn raw() -> TableSummary {
        let csv = "driver,age,lap,seconds\nA,14,1,50.5\nB,17,1,51.5\n";
        let table = RawTable::open(Source::Bytes(csv.into())).unwrap();
        TableSummary::of(&table).unwrap()
    }

    /// The form as a browser sends it back.
    fn sent(shown: &PolicyForm) -> Form {
        let mut form = Form::of([
            ("k", shown.k.clone()),
            ("minors", shown.minors.to_owned()),
            ("subject", shown.subject.clone()),
            ("small_classes", shown.small_classes.clone()),
            ("laps_time", shown.laps.time.clone()),
            ("laps_event", shown.laps.event.clone()),
            ("laps_quota", shown.laps.quota.clone()),
            ("laps_noise", shown.laps.noise.clone()),
        ]);
        for (position, column) in shown.columns.iter().enumerate() {
            let mut put =
                |key: &str, text: &str| form.put(&format!("column_{position}_{key}"), text);
            put("action", &column.action);
            put("width", &column.width);
            put("step", &column.step);
            put("prefix", &column.prefix);
            put("scope", &column.scope);
            put("replacement", &column.replacement);
            if column.quasi_identifier {
                put("quasi_identifier", "true");
            }
            if column.identity {
                put("identity", "true");
            }
        }
        form
    }

    #[test]
    fn a_form_that_is_sent_back_unchanged_changes_nothing() {
        let raw = raw();
        let text = suggest(&raw).to_toml();
        let mut form = sent(&PolicyForm::of(&text, &raw));
        let again = changed(&text, &raw, &mut form);
        check(&again, &raw, &mut form);
        assert_eq!(form.problems(), []);
        assert_eq!(again, text);
    }

    #[test]
    fn what_the_form_does_not_know_stays_and_is_told() {
        let raw = raw();
        let text = format!(
            "{}\n[[column]]\nname = \"ghost\"\naction = \"drop\"\n\n[statistics]\nepsilon = 1.5\n",
            suggest(&raw).to_toml().replace(
                "name = \"lap\"\naction = \"drop\"",
                "name = \"lap\"\naction = \"hierarchy\"\nlevels = { low = \"x\" }\ndescription = \"Laps\""
            )
        );
        let shown = PolicyForm::of(&text, &raw);
        assert_eq!(
            shown.by_hand,
            [
                "statistics",
                "description of lap",
                "levels of lap",
                "action of lap"
            ]
        );
        assert!(shown.columns[2].is_other_action);
        let mut form = sent(&shown);
        form.put("column_1_width", "4");
        let again: Table = changed(&text, &raw, &mut form).parse().unwrap();
        assert_eq!(again["statistics"]["epsilon"].as_float(), Some(1.5));
        assert_eq!(again["column"][1]["width"].as_integer(), Some(4));
        assert_eq!(again["column"][2]["action"].as_str(), Some("hierarchy"));
        assert_eq!(again["column"][2]["levels"]["low"].as_str(), Some("x"));
        assert_eq!(
            again["column"].as_array().unwrap().len(),
            4,
            "a column that the table lost has gone"
        );
    }

    #[test]
    fn what_is_wrong_is_told_at_its_row() {
        let raw = raw();
        let text = suggest(&raw).to_toml();
        let mut form = sent(&PolicyForm::of(&text, &raw));
        form.put("column_1_width", "wide");
        let again = changed(&text, &raw, &mut form);
        check(&again, &raw, &mut form);
        assert!(form.error("column_1_width").contains("a number"));
        let mut form = sent(&PolicyForm::of(&text, &raw));
        form.put("column_0_action", "band");
        form.put("column_0_width", "2");
        let again = changed(&text, &raw, &mut form);
        check(&again, &raw, &mut form);
        assert!(!form.error("column_0_action").is_empty(), "{again}");
        let mut form = Form::default();
        check("version = 1\nminimum = = 3", &raw, &mut form);
        assert!(form.error("policy").contains("line 2"));
        assert!(!form.error("policy").contains(['^', '\n']));
    }
}
