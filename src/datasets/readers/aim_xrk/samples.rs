//! Records of samples stand between the messages, without a checksum: `(S` time (i32, ms) channel (u16) sample `)`;
//! `(G` the same for a group of channels; `(M` time channel count (u16) samples `)`; `(c` 0 channel·8+4 (u16) 0x84 6
//! time sample `)` for channels of an expansion.

use super::messages::{Damage, i32_at, shown, u16_at};
use super::recorder::Recorder;

/// Milliseconds that no two neighbouring records are apart: a time so far ahead is a broken one, and would make all
/// that follow look late.
const LONGEST_PAUSE: i32 = 3_600_000;

impl Recorder<'_> {
    /// Whether a record may have that time.
    #[inline]
    fn is_in_time(&mut self, time: i32) -> bool {
        match self.latest {
            Some(latest) if time <= latest => true,
            Some(latest) if time > latest.saturating_add(LONGEST_PAUSE) => false,
            _ => {
                self.latest = Some(time);
                true
            }
        }
    }

    /// Reads the record of samples at `at`, and where the next thing begins.
    #[inline]
    pub(super) fn samples(&mut self, bytes: &[u8], at: usize) -> Result<usize, Damage> {
        let rest = bytes.get(at..).unwrap_or_default();
        // The commonest by far: one sample of one channel.
        if let Some(&[b'(', b'S', t0, t1, t2, t3, i0, i1]) = rest.first_chunk::<8>()
            && let Some(position) = self.position(u16::from_le_bytes([i0, i1]))
            && let Some(size) = self.channels.get(position).map(|channel| channel.size)
            && let Some(sample) = rest.get(8..8 + size)
            && rest.get(8 + size) == Some(&b')')
            && self.is_in_time(i32::from_le_bytes([t0, t1, t2, t3]))
            && let Some(channel) = self.channels.get_mut(position)
        {
            channel.push(i32::from_le_bytes([t0, t1, t2, t3]), sample);
            return Ok(at + 9 + size);
        }
        self.rarer_samples(rest, at)
    }

    fn rarer_samples(&mut self, rest: &[u8], at: usize) -> Result<usize, Damage> {
        let damage = |offset: usize, expected: &str| Damage {
            offset: at + offset,
            expected: expected.to_owned(),
            found: shown(rest.get(offset..).unwrap_or_default()),
            ends: None,
        };
        const CHANNEL: &str = "a channel that the file describes";
        const END: &str = "\")\" at the end of a record of samples";
        let kind = rest.get(1);
        let (time_at, index_at) = if kind == Some(&b'c') { (7, 3) } else { (2, 6) };
        let (Some(time), Some(index)) = (i32_at(rest, time_at), u16_at(rest, index_at)) else {
            return Err(damage(0, "a whole record of samples"));
        };
        if matches!(kind, Some(b'S' | b'G' | b'M' | b'c')) && !self.is_in_time(time) {
            return Err(damage(
                time_at,
                "a time less than an hour after the one before",
            ));
        }
        let ends_at = |end: usize| {
            if rest.get(end) == Some(&b')') {
                Ok(at + end + 1)
            } else {
                Err(damage(end.min(rest.len()), END))
            }
        };
        match kind {
            Some(b'S') => {
                let position = self.position(index);
                let channel = position.and_then(|position| self.channels.get(position));
                let channel = channel.ok_or_else(|| damage(6, CHANNEL))?;
                // The sample was not whole, or this would have been read before.
                Err(damage((8 + channel.size).min(rest.len()), END))
            }
            Some(b'G') => {
                let group = self.groups.iter().find(|group| group.index == index);
                let group = group.ok_or_else(|| damage(6, "a group that the file describes"))?;
                let next = ends_at(8 + group.size)?;
                let mut samples = rest.get(8..).unwrap_or_default();
                for &member in &group.members {
                    if let Some(channel) = self.channels.get_mut(member)
                        && let Some((sample, others)) = samples.split_at_checked(channel.size)
                    {
                        channel.push(time, sample);
                        samples = others;
                    }
                }
                Ok(next)
            }
            Some(b'M') => {
                let count = u16_at(rest, 8).ok_or_else(|| damage(8, "how many samples follow"))?;
                let position = self.position(index).ok_or_else(|| damage(6, CHANNEL))?;
                let channel = self.channels.get_mut(position);
                let channel = channel.ok_or_else(|| damage(6, CHANNEL))?;
                let end = 10 + usize::from(count) * channel.size;
                let next = ends_at(end)?;
                let samples = rest.get(10..end).unwrap_or_default();
                channel
                    .push_many(time, samples)
                    .map_err(|expected| damage(6, expected))?;
                Ok(next)
            }
            Some(b'c') => match (rest.get(2), rest.get(5), rest.get(6)) {
                (Some(0), Some(0x84), Some(6)) if index & 7 == 4 => {
                    let position = self.position(index >> 3);
                    let channel = position.and_then(|position| self.channels.get_mut(position));
                    let channel = channel.ok_or_else(|| damage(3, CHANNEL))?;
                    let next = ends_at(11 + channel.size)?;
                    let sample = rest.get(11..11 + channel.size).unwrap_or_default();
                    channel.push(time, sample);
                    Ok(next)
                }
                // Of fast sensors, whose channels the file does not name.
                (Some(0), Some(0x84), Some(8)) => {
                    self.expansion_records += 1;
                    ends_at(15)
                }
                (Some(1), Some(0x84), Some(2)) => {
                    self.expansion_records += 1;
                    ends_at(9)
                }
                _ => Err(damage(2, "a record of an expansion's channel")),
            },
            _ => Err(damage(1, "a record of samples (S, G, M or c)")),
        }
    }
}
