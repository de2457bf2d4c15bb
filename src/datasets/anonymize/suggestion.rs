//! A policy to begin with, from what the columns are called and hold.
//!
//! A suggestion errs on the side of hiding: what it does not recognise is kept only where it is a number,
//! a truth value or one of few texts. It is not a promise; the gates measure what comes of it.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::policy::POLICY_VERSION;
use super::policy_text;
use crate::datasets::summary::{ColumnSummary, Distinct, TableSummary};
use crate::datasets::tables::ColumnType;

/// Cell size for public releases, and wherever minors are or may be in the data.
const CAREFUL: u64 = 11;
/// Cell size where all subjects are known to be adults.
const COMMON: u64 = 5;
/// So many different texts are taken for categories rather than for free text.
const MOST_CATEGORIES: u64 = 20;

/// A policy to begin with.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// The column that names the subject.
    pub subject: String,
    /// k.
    pub minimum_class_size: u64,
    /// Whether an age below 18 is in the data; none where no age tells.
    pub minors: Option<bool>,
    /// Where lap times are, in a table of laps: they are published in pace cells.
    pub laps: Option<SuggestedLaps>,
    /// What to do with each column, in the order of the table.
    pub columns: Vec<SuggestedColumn>,
}

/// The columns that pace cells need.
#[derive(Debug, Clone, PartialEq)]
pub struct SuggestedLaps {
    /// The lap times, in seconds.
    pub time: String,
    /// What tells events apart, if anything.
    pub event: Option<String>,
}

/// What to do with a column.
#[derive(Debug, Clone, PartialEq)]
pub struct SuggestedColumn {
    /// Its name.
    pub name: String,
    /// The action and its settings, as a policy has them.
    pub treatment: Treatment,
    /// Whether it helps to single a subject out.
    pub quasi_identifier: bool,
    /// Whether it tells who the subject is.
    pub identity: bool,
}

/// The actions that are suggested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Treatment {
    /// Published as it is.
    Keep,
    /// Not published.
    Drop,
    /// A random name with this prefix.
    Pseudonym(&'static str),
    /// The band of this width.
    Band(i64),
    /// The distance from the least value.
    Shift,
    /// The place in the order of all values.
    Ordinal,
    /// Rare values become `other`.
    SuppressRare,
}

/// Suggests a policy for a table.
pub fn suggest(table: &TableSummary) -> Suggestion {
    let subject = subject(table);
    let mut columns: Vec<SuggestedColumn> = table
        .columns
        .iter()
        .enumerate()
        .map(|(position, column)| {
            let (treatment, quasi_identifier, identity) = if subject == Some(position) {
                (Treatment::Pseudonym("D"), false, false)
            } else {
                treat(column)
            };
            SuggestedColumn {
                name: column.column.name.clone(),
                treatment,
                quasi_identifier,
                identity,
            }
        })
        .collect();
    let ages = table
        .columns
        .iter()
        .filter(|column| words(&column.column.name).contains("age") && column.numbers.is_some());
    let youngest = ages
        .filter_map(|column| column.numbers.as_ref())
        .map(|numbers| numbers.min)
        .reduce(f64::min);
    let minors = youngest.map(|age| age < 18.0);
    Suggestion {
        subject: subject
            .and_then(|position| table.columns.get(position))
            .map(|column| column.column.name.clone())
            .unwrap_or_default(),
        minimum_class_size: if minors == Some(false) {
            COMMON
        } else {
            CAREFUL
        },
        minors,
        laps: laps(table, &mut columns),
        columns,
    }
}

/// The lap times and events of a table of laps. Whatever else tells one lap from another would undo the pace
/// cells, so it is left out.
fn laps(table: &TableSummary, columns: &mut [SuggestedColumn]) -> Option<SuggestedLaps> {
    let named = |any: &[&str], kinds: &[ColumnType], published: bool| {
        let columns = table.columns.iter().zip(&*columns);
        let mut columns = columns.filter(|(column, suggested)| {
            kinds.contains(&column.column.kind)
                && any.iter().any(|name| is_called(&column.column.name, name))
                && (!published || suggested.treatment == Treatment::Keep)
        });
        columns.next().map(|(column, _)| column.column.name.clone())
    };
    use ColumnType as T;
    let laps = SuggestedLaps {
        time: named(&["laptime", "seconds"], &[T::Number], true)?,
        event: named(&["event", "race", "session"], &[T::Text, T::Integer], false),
    };
    for column in columns.iter_mut().filter(|column| column.name != laps.time) {
        let words = words(&column.name);
        if laps.event.as_ref() == Some(&column.name) {
            column.treatment = Treatment::Ordinal;
            column.quasi_identifier = true;
        } else if has(&words, &OF_A_LAP) && column.treatment != Treatment::Pseudonym("D") {
            column.treatment = Treatment::Drop;
        }
    }
    Some(laps)
}

/// What differs from lap to lap.
const OF_A_LAP: [&str; 10] = [
    "lap", "laps", "sector", "split", "time", "speed", "gap", "stint", "position", "kart",
];

/// Whether a column is called so, whatever its capitals and separators: `Lap Time (s)` is `laptime`.
fn is_called(column: &str, name: &str) -> bool {
    let letters: String = column
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .collect();
    let letters = letters.to_lowercase();
    letters == name
        || ["s", "sec", "seconds", "id", "name"]
            .iter()
            .any(|unit| letters == format!("{name}{unit}"))
}

impl Suggestion {
    /// The suggestion as the TOML of a policy.
    pub fn to_toml(&self) -> String {
        let columns = self.columns.iter().map(|column| {
            let mut table = Table::new();
            let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
            set("name", column.name.clone().into());
            let action = match column.treatment {
                Treatment::Keep => "keep",
                Treatment::Drop => "drop",
                Treatment::Pseudonym(prefix) => {
                    set("prefix", prefix.into());
                    // One name for all events would show who was in which, and at what pace.
                    let event = self.laps.as_ref().and_then(|laps| laps.event.clone());
                    if let (Some(event), true) = (event, column.name == self.subject) {
                        set("scope", vec![event].into());
                    }
                    "pseudonym"
                }
                Treatment::Band(width) => {
                    set("width", width.into());
                    "band"
                }
                Treatment::Shift => "shift",
                Treatment::Ordinal => "ordinal",
                Treatment::SuppressRare => {
                    set("replacement", "other".into());
                    "suppress_rare"
                }
            };
            set("action", action.into());
            for (key, is) in [
                ("quasi_identifier", column.quasi_identifier),
                ("identity", column.identity),
            ] {
                if is {
                    set(key, true.into());
                }
            }
            Value::Table(table)
        });
        let columns = Value::Array(columns.collect());
        let mut policy = Table::new();
        let k = i64::try_from(self.minimum_class_size).unwrap_or(i64::MAX);
        if let Some(minors) = self.minors {
            policy.insert("minors".to_owned(), minors.into());
        }
        if let Some(laps) = &self.laps {
            let mut table = Table::new();
            table.insert("time".to_owned(), laps.time.clone().into());
            if let Some(event) = &laps.event {
                table.insert("event".to_owned(), event.clone().into());
            }
            policy.insert("laps".to_owned(), table.into());
        }
        for (key, value) in [
            ("version", i64::from(POLICY_VERSION).into()),
            ("minimum_class_size", k.into()),
            ("subject", self.subject.clone().into()),
            ("small_classes", "generalise".into()),
            ("column", columns),
        ] {
            policy.insert(key.to_owned(), value);
        }
        policy_text::to_text(&policy)
    }
}

/// The words of a column's name, in lower case: `LapTime (s)` has `lap`, `time`, `s` and also `laptime`.
fn words(name: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for part in name.split(|letter: char| !letter.is_alphanumeric()) {
        words.insert(part.to_lowercase());
        let mut word = String::new();
        let mut was_lower = false;
        for letter in part.chars() {
            if letter.is_uppercase() && was_lower {
                words.insert(std::mem::take(&mut word).to_lowercase());
            }
            was_lower = letter.is_lowercase();
            word.push(letter);
        }
        words.insert(word.to_lowercase());
    }
    words.remove("");
    words
}

fn has(words: &BTreeSet<String>, any: &[&str]) -> bool {
    any.iter().any(|word| words.contains(*word))
}

/// People, as tables of laps call them.
const PEOPLE: [&str; 12] = [
    "driver",
    "racer",
    "pilot",
    "rider",
    "subject",
    "participant",
    "athlete",
    "competitor",
    "fahrer",
    "pilota",
    "piloto",
    "pilote",
];
const NAMES: [&str; 9] = [
    "name",
    "surname",
    "firstname",
    "lastname",
    "nickname",
    "vorname",
    "nachname",
    "nom",
    "nome",
];

/// Moments, other than the time that a lap took.
const WHEN: [&str; 9] = [
    "date",
    "day",
    "unix",
    "epoch",
    "utc",
    "stamp",
    "timestamp",
    "start",
    "started",
];

/// The column that most likely names the subject: a person's, rather a name or number than an attribute.
fn subject(table: &TableSummary) -> Option<usize> {
    let rank = |column: &ColumnSummary| {
        let words = words(&column.column.name);
        let is_person = has(&words, &PEOPLE);
        let attribute = has(
            &words,
            &[
                "age", "weight", "height", "birth", "email", "licence", "license",
            ],
        );
        match column.column.kind {
            ColumnType::Text | ColumnType::Integer if is_person && !attribute => {
                // `driver` before `driver_name` before what follows.
                (0, words.len())
            }
            ColumnType::Text if has(&words, &NAMES) => (1, words.len()),
            ColumnType::Text => (2, 0),
            _ => (3, 0),
        }
    };
    let columns = table.columns.iter().enumerate();
    columns
        .min_by_key(|(position, column)| (rank(column), *position))
        .map(|(position, _)| position)
}

/// What to do with a column that does not name the subject: treatment, quasi-identifier, identity.
fn treat(summary: &ColumnSummary) -> (Treatment, bool, bool) {
    use ColumnType as T;
    let words = words(&summary.column.name);
    let kind = summary.column.kind;
    let is_number = matches!(kind, T::Integer | T::Number);
    let identity = (Treatment::Drop, false, true);
    let dropped = (Treatment::Drop, false, false);
    let quasi = |treatment| (treatment, true, false);
    let kept = (Treatment::Keep, false, false);

    let tells_who = has(&words, &NAMES)
        || has(&words, &PEOPLE) && kind == T::Text
        || has(
            &words,
            &[
                "email",
                "mail",
                "phone",
                "telephone",
                "mobile",
                "address",
                "street",
                "licence",
                "license",
                "passport",
                "transponder",
                "birth",
                "birthday",
                "birthdate",
                "dob",
                "guardian",
                "parent",
                "mother",
                "father",
                "username",
            ],
        );
    let says_when = has(&words, &WHEN);
    let band = |width| {
        if is_number {
            quasi(Treatment::Band(width))
        } else {
            quasi(Treatment::SuppressRare)
        }
    };
    if has(
        &words,
        &[
            "lap", "sector", "split", "time", "laptime", "seconds", "speed", "gap",
        ],
    ) && is_number
        && !says_when
    {
        kept
    } else if tells_who {
        identity
    } else if has(&words, &["age"]) {
        band(2)
    } else if has(&words, &["weight", "mass"]) {
        band(5)
    } else if has(&words, &["height"]) {
        band(10)
    } else if has(
        &words,
        &[
            "latitude",
            "longitude",
            "lat",
            "lon",
            "lng",
            "altitude",
            "gps",
            "comment",
            "note",
            "notes",
            "remark",
            "remarks",
            "file",
            "filename",
            "logger",
            "device",
            "serial",
            "team",
            "sponsor",
            "number",
            "startnumber",
            "postcode",
            "zip",
        ],
    ) {
        dropped
    } else if kind == T::Date || says_when && is_number {
        (Treatment::Shift, false, false)
    } else if says_when && kind == T::Text {
        dropped
    } else if has(&words, &["kart", "chassis", "engine"]) {
        (Treatment::Pseudonym("K"), false, false)
    } else if has(&words, &["event", "race", "meeting", "session"]) {
        (Treatment::Pseudonym("E"), false, false)
    } else if has(&words, &["venue", "track", "circuit"]) && kind == T::Text {
        (Treatment::Pseudonym("V"), false, false)
    } else if has(
        &words,
        &[
            "sex",
            "gender",
            "nationality",
            "country",
            "class",
            "category",
            "club",
            "school",
            "region",
        ],
    ) {
        quasi(Treatment::SuppressRare)
    } else {
        match (kind, summary.distinct) {
            (T::Date, _) => (Treatment::Shift, false, false),
            (T::Integer | T::Number | T::Boolean, _) => kept,
            (T::Text, Distinct::Exactly(distinct)) if distinct <= MOST_CATEGORIES => {
                (Treatment::SuppressRare, false, false)
            }
            (T::Text, _) => dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::anonymize::policy::Policy;
    use crate::datasets::tables::{Source, Table as RawTable};

    fn table_of(csv: &str) -> (TableSummary, RawTable) {
        let table = RawTable::open(Source::Bytes(csv.to_owned().into())).unwrap();
        (TableSummary::of(&table).unwrap(), table)
    }

    #[test]
    fn a_lap_table_gets_a_policy_that_hides_who_is_in_it() {
        let (summary, table) = table_of(
            "event,driver,E-Mail,licence_no,age,weight_kg,height,race_date,lap,LapTime,team,wet,remarks\n\
             Genk,Mika R.,m@x.org,4711,14,41.5,150,2026-05-01,1,52.31,Fast,true,hello there\n\
             Genk,Lena P.,l@x.org,4712,22,60.0,171,2026-05-01,1,51.10,Fast,true,ok\n",
        );
        let suggestion = suggest(&summary);
        assert_eq!(suggestion.subject, "driver");
        assert_eq!(
            (suggestion.minors, suggestion.minimum_class_size),
            (Some(true), 11)
        );
        let of = |name: &str| {
            let column = suggestion.columns.iter().find(|column| column.name == name);
            let column = column.unwrap();
            (column.treatment, column.quasi_identifier, column.identity)
        };
        assert_eq!(of("driver"), (Treatment::Pseudonym("D"), false, false));
        assert_eq!(of("E-Mail"), (Treatment::Drop, false, true));
        assert_eq!(of("licence_no"), (Treatment::Drop, false, true));
        assert_eq!(of("age"), (Treatment::Band(2), true, false));
        assert_eq!(of("weight_kg"), (Treatment::Band(5), true, false));
        assert_eq!(of("height"), (Treatment::Band(10), true, false));
        assert_eq!(of("race_date"), (Treatment::Shift, false, false));
        assert_eq!(of("event"), (Treatment::Ordinal, true, false));
        let laps = suggestion.laps.as_ref().unwrap();
        assert_eq!(
            (laps.time.as_str(), laps.event.as_deref()),
            ("LapTime", Some("event"))
        );
        assert_eq!(
            of("lap"),
            (Treatment::Drop, false, false),
            "the order of laps tells who drove them"
        );
        assert_eq!(of("LapTime"), (Treatment::Keep, false, false));
        assert_eq!(of("team"), (Treatment::Drop, false, false));
        assert_eq!(of("wet"), (Treatment::Keep, false, false));
        let policy = Policy::parse(&suggestion.to_toml()).unwrap();
        policy.check(table.schema()).unwrap();
        assert_eq!(policy.column("driver").unwrap().action.scope(), ["event"]);
    }

    #[test]
    fn adults_alone_need_smaller_classes_and_unknown_ages_do_not() {
        let (adults, _) = table_of("driver,age\nA,30\nB,41\n");
        assert_eq!(suggest(&adults).minimum_class_size, 5);
        let (unknown, _) = table_of("driver,lap\nA,1\nB,1\n");
        assert_eq!(suggest(&unknown).minimum_class_size, 11);
    }

    #[test]
    fn every_table_gets_a_policy_that_fits_it() {
        for csv in [
            "x\n1\n",
            "Name,Driver Name,driver_id,age\nA,B,1,14-15\n",
            "age\nyoung\n",
            "when,started_at,latitude,Kart No\n2026-05-01,12:30,50.1,7\n",
            "\"a \"\"b\"\"\",lap time\nq,1.5\n",
        ] {
            let (summary, table) = table_of(csv);
            let text = suggest(&summary).to_toml();
            let policy =
                Policy::parse(&text).unwrap_or_else(|error| panic!("{csv}: {error}\n{text}"));
            policy
                .check(table.schema())
                .unwrap_or_else(|error| panic!("{csv}: {error}\n{text}"));
        }
    }
}
