//! Lap tables as talent reads them: who drove which lap where, in which kart and weather.
//!
//! Any table of laps will do, CSV or Parquet. Lap times, drivers, karts, lap numbers and pit laps are found by
//! the names that `datasets::readers` understands; here are the names of the event, session, stint, weather,
//! out-lap and race position, and of what a scout asks of a driver: class, age, region, weight.

use std::collections::{BTreeMap, BTreeSet};

use super::pace_model::{Observation, TimedLap};
use super::weather;
use crate::datasets::readers::ReadError;
use crate::datasets::readers::lap_table::{self, Meaning};
use crate::datasets::tables::{Batch, Cell, ColumnType, Format, Source, Table};

/// More laps than this are not read: a season of the largest championships has some hundred thousand.
const MOST_LAPS: usize = 5_000_000;

/// A table of laps, with who drove them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LapTable {
    /// In the order of the table; laps without a driver or a time are left out.
    pub laps: Vec<Lap>,
    /// What is known of the drivers beside their laps; the last row of a driver counts.
    pub drivers: BTreeMap<String, DriverAttributes>,
    /// What had to be assumed, in words for who reads the result.
    pub warnings: Vec<String>,
}

/// A lap of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lap {
    /// Who drove it.
    pub driver: String,
    /// The event; all laps are of one where the table does not tell.
    pub event: String,
    /// Told apart within its event.
    pub session: String,
    /// The driver's own where the table does not tell.
    pub kart: String,
    /// Told apart within session, driver and kart.
    pub stint: String,
    /// The lap's number, where the table has one.
    pub number: Option<u32>,
    /// The lap time.
    pub seconds: f64,
    /// Whether the track was wet.
    pub wet: bool,
    /// The first lap out of the pits or from the grid; the first one of a stint where the table does not tell.
    pub out_lap: bool,
    /// Whether it led through the pit lane.
    pub pit: bool,
    /// All its sectors, in seconds; empty where one is missing.
    pub sectors: Vec<f64>,
    /// The place at the end of the lap; 1 leads.
    pub position: Option<u32>,
}

/// What a table says of a driver beside the laps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriverAttributes {
    /// As in `junior`.
    pub class: Option<String>,
    /// As the table writes it: a number, or a band such as `14-15`.
    pub age_band: Option<String>,
    /// Where the driver comes from, as coarse as it was published.
    pub region: Option<String>,
    /// In years; the middle of a band.
    pub age: Option<f64>,
    /// Of the driver without the kart; the middle of a band.
    pub weight_kg: Option<f64>,
}

impl Lap {
    /// As the pace model takes it.
    pub fn timed(&self) -> TimedLap<'_> {
        TimedLap {
            observation: Observation {
                driver: &self.driver,
                event: &self.event,
                session: &self.session,
                kart: &self.kart,
                stint: &self.stint,
                seconds: self.seconds,
                wet: self.wet,
            },
            out_lap: self.out_lap,
            pit: self.pit,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum LapColumn {
    Of(Meaning),
    Event,
    Session,
    Team,
    Stint,
    Wet,
    OutLap,
    Position,
    Class,
    Age,
    Region,
    Weight,
    /// Whether driver or kart are known for certain.
    Certain,
}

fn meaning(name: &str) -> Option<LapColumn> {
    let lower = name.trim().to_lowercase().replace([' ', '-', '.'], "_");
    Some(match lower.as_str() {
        "event" | "event_id" | "event_name" | "meeting" | "round" => LapColumn::Event,
        "session" | "session_id" | "session_name" | "heat" => LapColumn::Session,
        "team" | "team_id" | "team_number" => LapColumn::Team,
        "stint" | "stint_id" | "stint_number" | "segment" | "team_segment" => LapColumn::Stint,
        "wet" | "is_wet" | "rain" | "weather" => LapColumn::Wet,
        "out_lap" | "outlap" | "is_out_lap" => LapColumn::OutLap,
        "position" | "pos" | "place" => LapColumn::Position,
        "class" | "kart_class" | "category" => LapColumn::Class,
        "age" | "age_band" | "age_group" => LapColumn::Age,
        "region" | "country" | "state" => LapColumn::Region,
        "weight_kg" | "weight" | "weight_band" | "driver_weight" => LapColumn::Weight,
        "true_name" | "true_driver" | "true_kart" => LapColumn::Certain,
        _ => LapColumn::Of(lap_table::meaning(name)?),
    })
}

/// The meaning of each column. Where several mean the same, as driver_id and driver_name do, the first one that
/// is called an id counts, or else the first one.
fn meanings(names: &[&str]) -> Vec<Option<LapColumn>> {
    let mut meanings: Vec<Option<LapColumn>> = names.iter().map(|name| meaning(name)).collect();
    let is_id = |name: &str| name.trim().to_lowercase().ends_with("_id");
    for column in 0..meanings.len() {
        let of_column = meanings[column];
        // Whether a driver and whether a kart are certain are two questions.
        if of_column.is_none() || of_column == Some(LapColumn::Certain) {
            continue;
        }
        let same = || (0..names.len()).filter(|other| meanings[*other] == of_column);
        let chosen = same().find(|other| is_id(names[*other])).or(same().next());
        if chosen != Some(column) {
            meanings[column] = None;
        }
    }
    meanings
}

impl LapTable {
    /// Reads a table, CSV or Parquet.
    ///
    /// # Errors
    /// [`ReadError::Foreign`] without a column of lap times or of drivers, [`ReadError::Table`] for a broken
    /// table, [`ReadError::Malformed`] for a lap time that is none.
    pub fn read(source: Source) -> Result<Self, ReadError> {
        let table = Table::open(source.clone())?;
        let columns = table.schema().columns();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let meanings = meanings(&names);
        let has = |wanted: fn(LapColumn) -> bool| meanings.iter().flatten().any(|m| wanted(*m));
        if !has(|m| matches!(m, LapColumn::Of(Meaning::Time(_)))) {
            return Err(lap_table::without_lap_times());
        }
        if !has(|m| m == LapColumn::Of(Meaning::Driver)) {
            return Err(ReadError::Foreign {
                found: "a lap table without drivers".to_owned(),
                remedy: "give it a column \"driver_id\" or \"driver\", one row a lap",
            });
        }
        let table = match table.format() {
            // Kart 07 is not kart 7, and a time may be written with a colon further down.
            Format::Csv => {
                let named = columns.iter().zip(&meanings);
                let mapped = named.filter(|(_, meaning)| meaning.is_some());
                let texts = mapped.map(|(column, _)| (column.name.clone(), ColumnType::Text));
                Table::open_with_types(source, &texts.collect::<BTreeMap<_, _>>())?
            }
            Format::Parquet => table,
        };
        let mut found = Self::default();
        let mut rows = 0;
        let (mut left_out, mut uncertain) = (0_u64, 0_u64);
        for batch in table.batches()? {
            let batch = batch?;
            for row in 0..batch.rows() {
                rows += 1;
                if !is_certain(&batch, row, &meanings) {
                    uncertain += 1;
                    continue;
                }
                match lap(&batch, row, &meanings, rows)? {
                    Some(_) if found.laps.len() >= MOST_LAPS => {
                        return Err(ReadError::TooLarge {
                            format: "lap table",
                            what: "the number of laps".to_owned(),
                            allowed: MOST_LAPS as u64,
                            remedy: "give a season at a time",
                        });
                    }
                    Some((lap, attributes)) => {
                        if attributes != DriverAttributes::default() {
                            found.drivers.insert(lap.driver.clone(), attributes);
                        }
                        found.laps.push(lap);
                    }
                    None => left_out += 1,
                }
            }
        }
        if left_out > 0 {
            let warning = format!("{left_out} rows without a driver or a lap time were left out");
            found.warnings.push(warning);
        }
        if uncertain > 0 {
            let warning =
                format!("{uncertain} laps whose driver or kart the table doubts were left out");
            found.warnings.push(warning);
        }
        if !has(|m| m == LapColumn::Event) {
            let warning = "no column \"event\": all laps are taken for one event's";
            found.warnings.push(warning.to_owned());
        }
        if !has(|m| m == LapColumn::OutLap) {
            found.mark_out_laps();
        }
        if !has(|m| m == LapColumn::Wet) {
            weather::tell_apart(&mut found);
        }
        Ok(found)
    }

    /// Takes the first lap of every stint for its out-lap.
    fn mark_out_laps(&mut self) {
        let mut begun = BTreeSet::new();
        for lap in &mut self.laps {
            lap.out_lap = begun.insert((
                lap.event.as_str(),
                lap.session.as_str(),
                lap.driver.as_str(),
                lap.kart.as_str(),
                lap.stint.as_str(),
            ));
        }
    }

    /// The laps, as the pace model takes them.
    pub fn timed_laps(&self) -> Vec<TimedLap<'_>> {
        self.laps.iter().map(Lap::timed).collect()
    }

    /// Adds the laps of another table of the same drivers.
    pub fn append(&mut self, other: Self) {
        self.laps.extend(other.laps);
        self.drivers.extend(other.drivers);
        for warning in other.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// For each event its laps, and how many of them were driven in the wet.
    pub fn events(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut events: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for lap in &self.laps {
            let (laps, wet) = events.entry(&lap.event).or_default();
            *laps += 1;
            *wet += usize::from(lap.wet);
        }
        events
    }

    /// The sessions, each once.
    pub(super) fn sessions(&self) -> BTreeSet<(String, String)> {
        let laps = self.laps.iter();
        laps.map(|lap| (lap.event.clone(), lap.session.clone()))
            .collect()
    }
}

/// The lap of a row, numbered from 1; `None` without a driver or a time.
fn lap(
    batch: &Batch,
    row: usize,
    meanings: &[Option<LapColumn>],
    number: u64,
) -> Result<Option<(Lap, DriverAttributes)>, ReadError> {
    let mut lap = Lap {
        seconds: f64::NAN,
        ..Lap::default()
    };
    let mut attributes = DriverAttributes::default();
    let (mut team, mut stint, mut kart) = (None, None, None);
    let columns = batch.columns().iter().zip(batch.schema().columns());
    for ((values, column), meaning) in columns.zip(meanings) {
        let cell = values.cell(row);
        match meaning {
            Some(LapColumn::Event) => lap.event = lap_table::text(cell).unwrap_or_default(),
            Some(LapColumn::Session) => lap.session = lap_table::text(cell).unwrap_or_default(),
            Some(LapColumn::Team) => team = lap_table::text(cell),
            Some(LapColumn::Stint) => stint = lap_table::text(cell),
            Some(LapColumn::Wet) => lap.wet = is_wet(cell),
            Some(LapColumn::OutLap) => lap.out_lap = lap_table::is_true(cell),
            Some(LapColumn::Of(Meaning::Driver)) => {
                lap.driver = lap_table::text(cell).unwrap_or_default();
            }
            Some(LapColumn::Of(Meaning::Kart)) => kart = lap_table::text(cell),
            Some(LapColumn::Of(Meaning::Number)) => lap.number = lap_table::count(cell),
            Some(LapColumn::Of(Meaning::Pits)) => lap.pit = lap_table::is_true(cell),
            Some(LapColumn::Of(Meaning::Time(factor))) => {
                lap.seconds = lap_table::lap_time(cell, *factor, number, &column.name)?;
            }
            Some(LapColumn::Of(Meaning::Sector(_, factor))) => {
                let sector = lap_table::lap_time(cell, *factor, number, &column.name)?;
                lap.sectors.push(sector);
            }
            Some(LapColumn::Position) => lap.position = lap_table::count(cell).filter(|at| *at > 0),
            Some(LapColumn::Class) => attributes.class = lap_table::text(cell),
            Some(LapColumn::Region) => attributes.region = lap_table::text(cell),
            Some(LapColumn::Age) => {
                attributes.age_band = lap_table::text(cell);
                attributes.age = attributes.age_band.as_deref().and_then(middle);
            }
            Some(LapColumn::Weight) => {
                attributes.weight_kg = lap_table::text(cell).as_deref().and_then(middle);
            }
            Some(LapColumn::Certain) | None => {}
        }
    }
    lap.kart = kart.unwrap_or_else(|| format!("of {}", lap.driver));
    lap.stint = format!("{}/{}", team.unwrap_or_default(), stint.unwrap_or_default());
    if !lap.sectors.iter().all(|sector| *sector > 0.0) {
        lap.sectors.clear();
    }
    let is_lap = !lap.driver.is_empty() && lap.seconds.is_finite() && lap.seconds > 0.0;
    Ok(is_lap.then_some((lap, attributes)))
}

/// The number that a text is, or the middle of the band that it is: `14`, `14-15`, `[60, 65)`.
fn middle(text: &str) -> Option<f64> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())
    };
    let bare = text.trim_matches(['[', ']', '(', ')', ' ']);
    if let Some(value) = number(bare) {
        return Some(value);
    }
    let (low, high) = bare.split_once(',').or_else(|| bare.split_once('-'))?;
    Some((number(low)? + number(high)?) / 2.0)
}

/// Whether no column says that driver or kart are not known for certain.
fn is_certain(batch: &Batch, row: usize, meanings: &[Option<LapColumn>]) -> bool {
    let columns = batch.columns().iter().zip(meanings);
    columns
        .filter(|(_, meaning)| **meaning == Some(LapColumn::Certain))
        .all(|(values, _)| lap_table::is_true(values.cell(row)))
}

fn is_wet(cell: Cell<'_>) -> bool {
    match cell {
        Cell::Text(text) => {
            let text = text.trim().to_lowercase();
            !matches!(text.as_str(), "dry" | "sunny" | "cloudy")
                && lap_table::is_true(Cell::Text(&text))
        }
        cell => lap_table::is_true(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &str) -> Result<LapTable, ReadError> {
        LapTable::read(Source::Bytes(table.to_owned().into()))
    }

    #[test]
    fn a_simulated_table_is_read_with_its_weather_and_stints() {
        let table = "event,session,wet,driver_id,kart,stint,lap,out_lap,pit,lap_time\n\
                     R01,Race 1A,false,L1,07,1,1,true,false,52.1\n\
                     R01,Race 1A,true,L1,07,1,2,false,true,0:51.5\n";
        let found = read(table).unwrap();
        assert_eq!(found.warnings, Vec::<String>::new());
        let [first, second] = &found.laps[..] else {
            panic!("two laps");
        };
        assert!(first.out_lap && !first.wet && !first.pit);
        assert!(!second.out_lap && second.wet && second.pit);
        assert_eq!((first.kart.as_str(), first.stint.as_str()), ("07", "/1"));
        assert_eq!(second.seconds, 51.5);
        assert_eq!(found.events(), BTreeMap::from([("R01", (2, 1))]));
    }

    #[test]
    fn a_bare_table_is_one_event_in_own_karts() {
        let found = read("driver,lap,lap_time_ms\na,1,50000\na,2,49000\n,3,48000\nb,1,\n").unwrap();
        assert_eq!(found.laps.len(), 2);
        assert!(found.laps[0].out_lap && !found.laps[1].out_lap);
        assert_eq!(found.laps[1].seconds, 49.0);
        assert_eq!(found.laps[1].kart, "of a");
        assert_eq!(found.warnings.len(), 3, "{:?}", found.warnings);
    }

    #[test]
    fn of_two_columns_with_drivers_the_id_counts() {
        let found = read("name,driver_id,driver_name,lap_time\nEmil,L1,Emil,50.1\n").unwrap();
        assert_eq!(found.laps[0].driver, "L1");
        let found = read("driver,name,lap_time\nL1,Emil,50.1\n").unwrap();
        assert_eq!(found.laps[0].driver, "L1");
    }

    #[test]
    fn what_is_no_lap_table_is_refused_with_the_remedy() {
        let error = read("driver,lap\na,1\n").unwrap_err().to_string();
        assert!(error.contains("lap_time"), "{error}");
        let error = read("lap,lap_time\n1,50.1\n").unwrap_err().to_string();
        assert!(error.contains("driver_id"), "{error}");
        let error = read("driver,lap_time\na,50.1\nb,slow\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("line 3") && error.contains("slow"),
            "{error}"
        );
    }

    #[test]
    fn what_a_scout_asks_of_a_driver_is_read_with_the_laps() {
        let table = "driver_id,class,age,region,weight_kg,lap_time,sector_1,sector_2,position\n\
                     a,junior,14-15,north,\"[60, 65)\",50,20,30,3\n\
                     b,junior,,,,51,20,,0\n";
        let found = read(table).unwrap();
        assert_eq!(found.laps[0].sectors, [20.0, 30.0]);
        assert_eq!(found.laps[0].position, Some(3));
        assert!(found.laps[1].sectors.is_empty() && found.laps[1].position.is_none());
        let of_a = &found.drivers["a"];
        assert_eq!((of_a.age, of_a.weight_kg), (Some(14.5), Some(62.5)));
        assert_eq!(of_a.age_band.as_deref(), Some("14-15"));
        assert_eq!(found.drivers["b"].class.as_deref(), Some("junior"));
        assert_eq!(middle("rare"), None);
    }

    #[test]
    fn the_first_lap_of_every_stint_comes_out_of_the_pits() {
        let found = read(
            "driver,kart,team_segment,lap,lap_time\n\
             a,1,1,1,52\na,1,1,2,50\nb,7,2,3,140\nb,7,2,4,51\na,7,3,5,150\na,7,3,6,50\n",
        )
        .unwrap();
        let out: Vec<bool> = found.laps.iter().map(|lap| lap.out_lap).collect();
        assert_eq!(out, [true, false, true, false, true, false]);
    }

    #[test]
    fn real_endurance_races_are_read_with_their_drivers_and_their_rain() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../shared/data/rental-endurance-laps.csv"
        );
        let found = LapTable::read(Source::File(path.into())).unwrap();
        // Of 34,498 laps, those for which the table says true_name or true_kart: False.
        assert_eq!(found.laps.len(), 34_220);
        assert!(found.warnings[0].starts_with("278 laps whose driver or kart"));
        let drivers: BTreeSet<&str> = found.laps.iter().map(|lap| lap.driver.as_str()).collect();
        assert_eq!(drivers.len(), 116);
        let events = found.events();
        assert_eq!(events.len(), 9);
        // It rained all through E06, and in the first hours of E09.
        for (event, (laps, wet)) in events {
            match event {
                "E06" => assert_eq!(wet, laps),
                "E09" => assert!((1_000..2_500).contains(&wet), "{wet} of {laps}"),
                _ => assert_eq!(wet, 0, "{event}"),
            }
        }
        assert!(
            found.warnings[1].contains("it rained at E06") && found.warnings[1].contains("E09"),
            "{:?}",
            found.warnings
        );
        // 58.91 s with a cold engine, driver and tyres, and then 41.40 s.
        assert!(found.laps[0].out_lap && !found.laps[1].out_lap);
        assert_eq!(
            (found.laps[1].seconds, found.laps[1].kart.as_str()),
            (41.4, "2")
        );
    }

    #[test]
    fn the_weather_may_be_written_in_words() {
        let words = [
            ("dry", false),
            ("Wet", true),
            ("rain", true),
            ("no", false),
            ("", false),
        ];
        for (word, wet) in words {
            assert_eq!(is_wet(Cell::Text(word)), wet, "{word}");
        }
    }
}
