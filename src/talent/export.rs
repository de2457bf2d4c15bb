//! A board's drivers as a file, page by page. Pure.

use serde::Serialize;

use super::board::{DriverProfile, Measure, RatedDriver};
use crate::platform::spreadsheet::harmless;

/// Drivers that are asked for at once.
pub const ROWS_AT_ONCE: i64 = 200;

crate::text_enum! {
    /// What the file is.
    pub enum DriversFormat {
        /// A line a driver, each measure with the ends of its interval.
        Csv = "csv",
        /// All that a driver's page shows.
        Json = "json",
    }
}

#[derive(Serialize)]
struct Exported<'a> {
    driver: &'a str,
    tier: i32,
    class: Option<&'a str>,
    age_band: Option<&'a str>,
    region: Option<&'a str>,
    #[serde(flatten)]
    profile: &'a DriverProfile,
}

impl DriversFormat {
    /// As the `Content-Type` header names it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
        }
    }

    /// Some drivers of the file.
    pub fn page(self, drivers: &[RatedDriver], is_first: bool, is_last: bool) -> String {
        match self {
            Self::Csv => csv_page(drivers, is_first),
            Self::Json => json_page(drivers, is_first, is_last),
        }
    }
}

fn json_page(drivers: &[RatedDriver], is_first: bool, is_last: bool) -> String {
    let mut text = String::from(if is_first { "[\n" } else { "" });
    for (index, driver) in drivers.iter().enumerate() {
        text += if is_first && index == 0 { "" } else { ",\n" };
        let exported = Exported {
            driver: &driver.driver,
            tier: driver.tier,
            class: driver.class.as_deref(),
            age_band: driver.age_band.as_deref(),
            region: driver.region.as_deref(),
            profile: &driver.profile,
        };
        // Texts and numbers: they can be written.
        text += &serde_json::to_string(&exported).unwrap_or_default();
    }
    if is_last {
        text += "\n]\n";
    }
    text
}

/// Names of the measures that have a value and an interval.
fn measured(profile: &DriverProfile) -> [(&'static str, &Measure); 10] {
    let measures = &profile.measures;
    [
        ("pace_percentile", &measures.pace_percentile),
        ("top_tenth", &measures.top_tenth),
        ("pace", &measures.pace),
        ("consistency", &measures.consistency),
        ("improvement", &measures.improvement),
        ("wet_minus_dry", &measures.wet_minus_dry),
        ("weight_adjusted_pace", &measures.weight_adjusted_pace),
        ("pace_for_age", &measures.pace_for_age),
        ("passes_above_expected", &measures.passes_above_expected),
        ("theoretical_gain", &measures.theoretical_gain),
    ]
}

fn csv_page(drivers: &[RatedDriver], is_first: bool) -> String {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for (index, driver) in drivers.iter().enumerate() {
        let measured = measured(&driver.profile);
        if is_first && index == 0 {
            let mut head: Vec<String> = ["driver", "tier", "class", "age_band", "region", "laps"]
                .map(str::to_owned)
                .to_vec();
            for (name, _) in measured {
                head.extend([
                    name.to_owned(),
                    format!("{name}_low"),
                    format!("{name}_high"),
                ]);
            }
            // To memory: nothing can fail here or below.
            let _ = writer.write_record(head);
        }
        let text =
            |text: &Option<String>| harmless(text.as_deref().unwrap_or_default()).into_owned();
        let mut row = vec![
            harmless(&driver.driver).into_owned(),
            driver.tier.to_string(),
            text(&driver.class),
            text(&driver.age_band),
            text(&driver.region),
            driver.profile.measures.laps.to_string(),
        ];
        for (_, measure) in measured {
            row.extend([measure.value, measure.low, measure.high].map(number));
        }
        let _ = writer.write_record(row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
