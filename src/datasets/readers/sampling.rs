//! A channel's value at any time: what the laps, the tables and the pictures ask for.

use super::session::Channel;

/// Seconds between two samples over which no value is made up.
pub const LONGEST_GAP: f64 = 2.0;

/// Walks along a channel. The times that are asked for must not decrease; each step costs what lies between.
#[derive(Debug, Clone)]
pub struct Sampler<'a> {
    times: &'a [f64],
    values: &'a [f64],
    /// The last recorded sample at or before the time that was asked for.
    before: Option<(f64, f64)>,
}

impl<'a> Sampler<'a> {
    pub fn new(channel: &'a Channel) -> Sampler<'a> {
        Sampler {
            times: &channel.times,
            values: &channel.values,
            before: None,
        }
    }

    /// The next recorded sample after the time that was asked for.
    fn walk_to(&mut self, time: f64) -> Option<(f64, f64)> {
        while let (Some((&at, times)), Some((&value, values))) =
            (self.times.split_first(), self.values.split_first())
        {
            if !value.is_nan() {
                if at > time {
                    return Some((at, value));
                }
                self.before = Some((at, value));
            }
            self.times = times;
            self.values = values;
        }
        None
    }

    /// The latest value that was recorded by `time`: for gears, flags and counts.
    pub fn latest(&mut self, time: f64) -> Option<f64> {
        self.walk_to(time);
        self.before.map(|(_, value)| value)
    }

    /// The value on the straight line between the samples around `time`; `None` outside of the recording and in gaps
    /// of more than [`LONGEST_GAP`].
    pub fn linear(&mut self, time: f64) -> Option<f64> {
        let after = self.walk_to(time);
        let (from, value) = self.before?;
        if from == time {
            return Some(value);
        }
        let (to, next) = after?;
        (to - from <= LONGEST_GAP).then(|| value + (next - value) * ((time - from) / (to - from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::readers::unit::Unit;

    #[test]
    fn between_samples_a_value_lies_on_the_line_and_a_flag_stays() {
        let channel = Channel {
            name: "RPM".to_owned(),
            source: None,
            unit: Unit::RevolutionsPerMinute,
            written_unit: None,
            quantity: None,
            times: [0.0, 1.0, 2.0, 9.0].into(),
            values: vec![100.0, f64::NAN, 300.0, 400.0],
        };
        let mut line = Sampler::new(&channel);
        let asked = [-1.0, 0.0, 0.5, 1.0, 2.0, 5.0, 9.0, 9.5];
        let on_the_line = asked.map(|time| line.linear(time));
        assert_eq!(
            on_the_line,
            [
                None,
                Some(100.0),
                Some(150.0),
                Some(200.0),
                Some(300.0),
                None,
                Some(400.0),
                None
            ]
        );
        let mut flag = Sampler::new(&channel);
        let latest = asked.map(|time| flag.latest(time));
        let [early, hundreds @ .., last] = latest;
        assert_eq!((early, last), (None, Some(400.0)));
        assert_eq!(
            hundreds,
            [100.0, 100.0, 100.0, 300.0, 300.0, 400.0].map(Some)
        );
    }
}
