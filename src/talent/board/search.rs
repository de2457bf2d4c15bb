//! What a scout looks for on a board. Pure.

use std::fmt::Write;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

crate::text_enum! {
    /// What drivers are sorted by, the best first.
    pub enum SortColumn {
        /// The order of the consensus.
        Consensus = "consensus",
        /// The share of the drivers who are slower.
        PacePercentile = "pace_percentile",
        /// The chance to be among the best tenth.
        TopTenth = "top_tenth",
        /// The steadiest first.
        Consistency = "consistency",
        /// Those who get faster first.
        Improvement = "improvement",
        /// Those who gain most in the wet first.
        WetMinusDry = "wet_minus_dry",
        /// The fastest for their weight first.
        WeightAdjustedPace = "weight_adjusted_pace",
        /// The furthest ahead of their age first.
        PaceForAge = "pace_for_age",
        /// Most passes beyond the expected first.
        PassesAboveExpected = "passes_above_expected",
        /// Most clean laps first.
        Laps = "laps",
    }
}

impl SortColumn {
    /// Its name on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Consensus => "Consensus of the models",
            Self::PacePercentile => "Pace percentile",
            Self::TopTenth => "Chance of the best tenth",
            Self::Consistency => "Consistency",
            Self::Improvement => "Improvement",
            Self::WetMinusDry => "Wet minus dry",
            Self::WeightAdjustedPace => "Weight-adjusted pace",
            Self::PaceForAge => "Pace for age",
            Self::PassesAboveExpected => "Passes above expected",
            Self::Laps => "Laps of evidence",
        }
    }
}

/// A search: what is left open filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BoardSearch {
    /// The class.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// The age band, as the board lists it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub age_band: String,
    /// The region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The last tier that is shown.
    #[serde(
        deserialize_with = "number_or_nothing",
        skip_serializing_if = "Option::is_none"
    )]
    pub up_to_tier: Option<i32>,
    /// The fewest clean laps.
    #[serde(
        deserialize_with = "number_or_nothing",
        skip_serializing_if = "Option::is_none"
    )]
    pub fewest_laps: Option<i32>,
    /// What to sort by; the consensus by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<SortColumn>,
}

/// A form's field for a number may be left empty.
fn number_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(D::Error::custom),
    }
}

impl BoardSearch {
    /// As it stands behind the `?` of the board's address; empty where nothing was asked.
    pub fn query(&self) -> String {
        // Texts and numbers: they can be written.
        serde_urlencoded::to_string(self).unwrap_or_default()
    }

    /// In words, for a list of searches.
    pub fn in_words(&self) -> String {
        let mut words = String::new();
        let mut add = |text: std::fmt::Arguments<'_>| {
            let comma = if words.is_empty() { "" } else { ", " };
            // Writing into a text cannot fail.
            let _ = write!(words, "{comma}{text}");
        };
        if !self.class.is_empty() {
            add(format_args!("class {}", self.class));
        }
        if !self.age_band.is_empty() {
            add(format_args!("age {}", self.age_band));
        }
        if !self.region.is_empty() {
            add(format_args!("region {}", self.region));
        }
        if let Some(tier) = self.up_to_tier {
            add(format_args!("tier {tier} or better"));
        }
        if let Some(laps) = self.fewest_laps {
            add(format_args!("at least {laps} laps"));
        }
        let sort = self.sort.unwrap_or(SortColumn::Consensus);
        add(format_args!("by {}", sort.title().to_lowercase()));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_its_address_and_its_words() {
        let search = BoardSearch {
            class: "junior & cadet".into(),
            up_to_tier: Some(2),
            sort: Some(SortColumn::Improvement),
            ..BoardSearch::default()
        };
        let query = search.query();
        assert_eq!(
            query,
            "class=junior+%26+cadet&up_to_tier=2&sort=improvement"
        );
        assert_eq!(
            serde_urlencoded::from_str::<BoardSearch>(&query).unwrap(),
            search
        );
        assert_eq!(
            search.in_words(),
            "class junior & cadet, tier 2 or better, by improvement"
        );
        assert_eq!(BoardSearch::default().query(), "");
        let form = "class=&age_band=&region=&up_to_tier=&fewest_laps=20&sort=consensus";
        let sent: BoardSearch = serde_urlencoded::from_str(form).unwrap();
        assert_eq!(sent.query(), "fewest_laps=20&sort=consensus");
        assert!(serde_urlencoded::from_str::<BoardSearch>("up_to_tier=two").is_err());
    }
}
