//! Goes through an XRK file once and collects what it says. Its records of samples are read in [`super::samples`].

use std::collections::BTreeMap;

use super::channels::Recording;
use super::gps::RECORD_BYTES;
use super::laps::LapMessage;
use super::messages::{
    Damage, HEADER_BYTES, Message, Tag, i32_at, message, next_start, shown, text, u16_at,
};

/// How many places of damage a warning names.
const NAMED_DAMAGES: usize = 3;

/// How many kinds of unknown messages are told apart.
const NAMED_TAGS: usize = 16;

/// Messages about the logger and its set-up that are known and not needed.
const PASSED_OVER: [&[u8]; 25] = [
    b"CDE", b"VTY", b"NDV", b"NTE", b"ODO", b"GNFI", b"GPSR", b"RACM", b"VET", b"iSLV", b"CAL",
    b"ENF", b"DBUN", b"DBUT", b"DVER", b"MANL", b"MODL", b"MANI", b"MODI", b"HWNF", b"PDLT",
    b"+LM", b"MAN", b"MOD", b"SBUT",
];

/// Channels that are recorded together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) index: u16,
    /// Positions in [`Recorder::channels`], in the order of their samples.
    pub(super) members: Vec<usize>,
    /// Bytes of one sample of each.
    pub(super) size: usize,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Recorder<'a> {
    pub(super) channels: Vec<Recording>,
    pub(super) groups: Vec<Group>,
    pub(super) gps: Vec<&'a [u8; RECORD_BYTES]>,
    pub(super) laps: Vec<LapMessage>,
    pub(super) driver: Option<String>,
    pub(super) vehicle: Option<String>,
    pub(super) championship: Option<String>,
    pub(super) venue: Option<String>,
    /// Latitude and longitude of the start line, degrees.
    pub(super) start: Option<(f64, f64)>,
    pub(super) date: Option<String>,
    pub(super) time: Option<String>,
    pub(super) model: Option<u16>,
    /// Position + 1 of each channel in `channels`, by its index; 0 where there is none.
    channel_positions: Vec<u16>,
    damages: Vec<Damage>,
    damage_count: usize,
    damaged_bytes: usize,
    unknown: BTreeMap<Tag, usize>,
    pub(super) expansion_records: usize,
    /// The latest time of a sample so far, ms.
    pub(super) latest: Option<i32>,
}

/// Reads from the first byte to the last. The file must begin with a whole message; what is damaged later is left out
/// and noted.
pub(super) fn record(bytes: &[u8]) -> Result<Recorder<'_>, Damage> {
    message(bytes, 0, 0)?;
    let mut recorder = Recorder::default();
    let mut at = 0;
    while at < bytes.len() {
        let next = match bytes.get(at) {
            Some(b'(') => recorder.samples(bytes, at),
            _ => message(bytes, at, 0).map(|(message, next)| {
                recorder.message(&message);
                next
            }),
        };
        at = match next {
            Ok(next) => next,
            Err(damage) => recorder.damaged(bytes, at, damage),
        };
    }
    Ok(recorder)
}

impl<'a> Recorder<'a> {
    /// Notes damage at `at`, and gives where to go on.
    fn damaged(&mut self, bytes: &[u8], at: usize, damage: Damage) -> usize {
        let next = damage.ends.unwrap_or_else(|| next_start(bytes, at));
        // One place of damage may hold many bytes that look like a beginning.
        let continues = self
            .damages
            .last()
            .is_some_and(|last| last.ends == Some(at));
        self.damaged_bytes += next - at;
        if continues {
            if let Some(last) = self.damages.last_mut() {
                last.ends = Some(next);
            }
            return next;
        }
        self.damage_count += 1;
        if self.damages.len() > NAMED_DAMAGES {
            self.damages.truncate(NAMED_DAMAGES);
        }
        self.damages.push(Damage {
            ends: Some(next),
            ..damage
        });
        next
    }

    #[inline]
    pub(super) fn position(&self, index: u16) -> Option<usize> {
        match self.channel_positions.get(usize::from(index)) {
            None | Some(0) => None,
            Some(position) => Some(usize::from(*position) - 1),
        }
    }

    fn message(&mut self, message: &Message<'a>) {
        let known = match message.tag.letters() {
            b"GPS" | b"GPS1" => self.fixes(message),
            b"CNF" => self.configuration(message),
            b"LAP" => LapMessage::of(message.body).map(|lap| self.laps.push(lap)),
            b"TRK" => self.track(message.body),
            b"RCR" => keep_last(&mut self.driver, message.body),
            b"VEH" => keep_last(&mut self.vehicle, message.body),
            b"CMP" => keep_last(&mut self.championship, message.body),
            b"TMD" => keep_first(&mut self.date, message.body),
            // The header is written again while the logger starts, each time with the time by then.
            b"TMT" => keep_first(&mut self.time, message.body),
            b"idn" => self.identity(message.body),
            b"SRC" => self.identity(
                message
                    .body
                    .strip_prefix(b"idn")
                    .and_then(|body| body.get(3..))
                    .unwrap_or_default(),
            ),
            letters if PASSED_OVER.contains(&letters) => Ok(()),
            _ => {
                if self.unknown.len() < NAMED_TAGS || self.unknown.contains_key(&message.tag) {
                    *self.unknown.entry(message.tag).or_default() += 1;
                }
                Ok(())
            }
        };
        if let Err(expected) = known {
            self.refuse(message, expected);
        }
    }

    /// Notes a message whose frame is right and whose body is not.
    fn refuse(&mut self, message: &Message<'_>, expected: &str) {
        self.damage_count += 1;
        self.damaged_bytes += message.body.len();
        if self.damages.len() < NAMED_DAMAGES {
            self.damages.push(Damage {
                offset: message.offset + HEADER_BYTES,
                expected: format!("{expected} in the message {}", message.tag),
                found: format!("{} bytes: {}", message.body.len(), shown(message.body)),
                ends: None,
            });
        }
    }

    fn fixes(&mut self, message: &Message<'a>) -> Result<(), &'static str> {
        let (records, rest) = message.body.as_chunks::<RECORD_BYTES>();
        if records.is_empty() || !rest.is_empty() {
            return Err("GPS records of 56 bytes");
        }
        self.gps.extend(records);
        Ok(())
    }

    /// Reads the messages of which a configuration consists.
    fn configuration(&mut self, outer: &Message<'a>) -> Result<(), &'static str> {
        for channel in &mut self.channels {
            channel.forget_last_time();
        }
        let base = outer.offset + HEADER_BYTES;
        let mut groups = Vec::new();
        let mut at = 0;
        while at < outer.body.len() {
            match message(outer.body, at, base) {
                Ok((inner, next)) => {
                    let known = match inner.tag.letters() {
                        b"CHS" => self.channel(&inner),
                        b"GRP" => {
                            groups.push(inner);
                            Ok(())
                        }
                        _ => Ok(()),
                    };
                    if let Err(expected) = known {
                        self.refuse(&inner, expected);
                    }
                    at = next;
                }
                Err(damage) => {
                    // The configuration's own checksum was right, so it was written like this: no search for more.
                    self.damaged(outer.body, at, damage);
                    break;
                }
            }
        }
        for group in groups {
            if let Err(expected) = self.group(&group) {
                self.refuse(&group, expected);
            }
        }
        Ok(())
    }

    fn channel(&mut self, message: &Message<'_>) -> Result<(), &'static str> {
        let channel = Recording::of(message)?;
        if let Some(position) = self.position(channel.index) {
            if let Some(before) = self.channels.get_mut(position) {
                if !before.has_samples_of(&channel) {
                    return Err("samples as before under the same index");
                }
                before.renamed = (before.name != channel.name).then_some(channel.name);
            }
            return Ok(());
        }
        // Each channel costs its file 132 bytes and takes one of 65,536 indices.
        let position =
            u16::try_from(self.channels.len() + 1).map_err(|_| "fewer than 65,535 channels")?;
        let index = usize::from(channel.index);
        if self.channel_positions.len() <= index {
            self.channel_positions.resize(index + 1, 0);
        }
        if let Some(slot) = self.channel_positions.get_mut(index) {
            *slot = position;
        }
        self.channels.push(channel);
        Ok(())
    }

    fn group(&mut self, message: &Message<'_>) -> Result<(), &'static str> {
        const SHAPE: &str = "a group's index, its count of channels and as many channels";
        let (numbers, rest) = message.body.as_chunks::<2>();
        let mut numbers = numbers.iter().map(|number| u16::from_le_bytes(*number));
        let (Some(index), Some(count), []) = (numbers.next(), numbers.next(), rest) else {
            return Err(SHAPE);
        };
        if numbers.len() != usize::from(count) {
            return Err(SHAPE);
        }
        let mut group = Group {
            index,
            members: Vec::with_capacity(numbers.len()),
            size: 0,
        };
        for number in numbers {
            let position = self
                .position(number)
                .ok_or("channels that the file describes")?;
            if group.members.contains(&position) {
                return Err("each channel once");
            }
            group.size += self
                .channels
                .get(position)
                .map_or(0, |channel| channel.size);
            group.members.push(position);
        }
        match self.groups.iter_mut().find(|group| group.index == index) {
            Some(before) => *before = group,
            None => self.groups.push(group),
        }
        Ok(())
    }

    fn track(&mut self, body: &[u8]) -> Result<(), &'static str> {
        const SHAPE: &str = "a venue's name of 32 bytes and its start line";
        let name = body.get(..32).ok_or(SHAPE)?;
        let (Some(latitude), Some(longitude)) = (i32_at(body, 36), i32_at(body, 40)) else {
            return Err(SHAPE);
        };
        keep_last(&mut self.venue, name)?;
        if (latitude, longitude) != (0, 0) {
            self.start = Some((f64::from(latitude) / 1e7, f64::from(longitude) / 1e7));
        }
        Ok(())
    }

    fn identity(&mut self, body: &[u8]) -> Result<(), &'static str> {
        self.model = u16_at(body, 0).or(self.model);
        Ok(())
    }

    /// What was not understood, in words for the file's owner.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.damage_count > 0 {
            let named = self.damages.iter().take(NAMED_DAMAGES);
            let places: Vec<String> = named.map(ToString::to_string).collect();
            let more = self.damage_count.saturating_sub(places.len());
            let more = if more > 0 {
                format!("; and {more} more")
            } else {
                String::new()
            };
            warnings.push(format!(
                "the file is damaged and {} bytes of it were left out: {}{more}",
                self.damaged_bytes,
                places.join("; ")
            ));
        }
        for (tag, count) in &self.unknown {
            warnings.push(format!(
                "{count} messages {tag} are not known and were left out"
            ));
        }
        if self.expansion_records > 0 {
            warnings.push(format!(
                "{} records of fast sensors on an expansion were left out: the file does not say of which channels",
                self.expansion_records
            ));
        }
        for channel in &self.channels {
            if !channel.is_readable() {
                warnings.push(format!(
                    "channel \"{}\" was left out: its encoding, code {}, is not known",
                    channel.name, channel.encoding_code
                ));
            }
            if let Some(name) = &channel.renamed {
                warnings.push(format!(
                    "channel \"{}\" was renamed \"{name}\" while the logger recorded",
                    channel.name
                ));
            }
            // A few are written twice.
            if channel.late > channel.times.len() / 100 {
                warnings.push(format!(
                    "channel \"{}\": {} samples were left out, as their times are not after the ones before",
                    channel.name, channel.late
                ));
            }
        }
        warnings
    }
}

fn keep_last(kept: &mut Option<String>, body: &[u8]) -> Result<(), &'static str> {
    if let Some(text) = text(body) {
        *kept = Some(text);
    }
    Ok(())
}

fn keep_first(kept: &mut Option<String>, body: &[u8]) -> Result<(), &'static str> {
    if kept.is_none() {
        *kept = text(body);
    }
    Ok(())
}
