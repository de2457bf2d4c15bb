//! How numbers are written on pages.

use std::fmt::Write;

/// The scores of a column, best first or in any order, with as many decimals as it takes to tell
/// neighbours apart: four significant digits, and more where two different scores would read alike.
pub fn scores(values: &[f64]) -> Vec<String> {
    let mut sizes: Vec<f64> = values
        .iter()
        .map(|value| value.abs())
        .filter(|size| *size > 0.0)
        .collect();
    sizes.sort_by(f64::total_cmp);
    let typical = sizes.get(sizes.len() / 2).copied().unwrap_or(1.0);
    if !(1e-5..1e9).contains(&typical) {
        return tell_apart(values, 3, |value, digits| format!("{value:.digits$e}"));
    }
    // In this range the logarithm lies between -5 and 9.
    let decimals = (3 - typical.log10().floor() as i32).clamp(0, 8) as usize;
    tell_apart(values, decimals, |value, digits| {
        format!("{value:.digits$}")
    })
}

/// One score on its own.
pub fn score(value: f64) -> String {
    scores(&[value]).remove(0)
}

/// All of a score: the shortest text that reads back as the same number.
pub fn exact(value: f64) -> String {
    format!("{value}")
}

fn tell_apart(values: &[f64], least: usize, write: impl Fn(f64, usize) -> String) -> Vec<String> {
    // 17 significant digits tell any two numbers apart.
    let most = least + 17;
    let mut texts = Vec::new();
    for digits in least..=most {
        texts = values.iter().map(|value| write(*value, digits)).collect();
        let alike = texts
            .windows(2)
            .zip(values.windows(2))
            .any(|(text, value)| text[0] == text[1] && value[0] != value[1]);
        if !alike {
            break;
        }
    }
    texts
}

/// A size in bytes, to three digits.
pub fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 999.5 {
            let decimals = if unit == "B" || size >= 99.95 { 0 } else { 1 };
            return format!("{size:.decimals$} {unit}");
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// A count with its thousands parted by narrow spaces.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// What a program printed, harmless to look at: characters that move the cursor, change colours or turn
/// the direction of text are shown as their escapes.
pub fn printed(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            character if u32::from(character) < 0x100 && character.is_control() => {
                // Writing into a text cannot fail.
                let _ = write!(shown, "\\x{:02x}", u32::from(character));
            }
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_cannot_act_on_who_reads_it() {
        assert_eq!(printed("a\tb\r\nc\n"), "a\tb\nc\n");
        assert_eq!(
            printed("\u{1b}[2J\u{7}gone\rback"),
            "\\x1b[2J\\x07gone\\x0dback"
        );
        assert_eq!(printed("x\u{202e}y\u{9b}31m"), "x\\u{202e}y\\x9b31m");
        assert_eq!(printed("<b>ä</b>"), "<b>ä</b>");
    }

    #[test]
    fn neighbours_on_a_board_can_be_told_apart() {
        assert_eq!(scores(&[0.2134, 0.2201]), ["0.2134", "0.2201"]);
        assert_eq!(
            scores(&[0.213412, 0.213418, 0.22]),
            ["0.21341", "0.21342", "0.22000"]
        );
        assert_eq!(scores(&[48.2134, 51.0]), ["48.21", "51.00"]);
        // A tie needs no more digits than anything else.
        assert_eq!(scores(&[0.5, 0.5]), ["0.5000", "0.5000"]);
        assert_eq!(scores(&[0.3, 0.1 + 0.2]).len(), 2);
        assert_ne!(scores(&[0.3, 0.1 + 0.2])[0], scores(&[0.3, 0.1 + 0.2])[1]);
    }

    #[test]
    fn very_large_and_very_small_scores_stay_short() {
        assert_eq!(score(1.5e300), "1.500e300");
        assert_eq!(score(2.5e-9), "2.500e-9");
        assert_eq!(score(0.0), "0.0000".get(..5).unwrap());
        assert_eq!(exact(0.1 + 0.2), "0.30000000000000004");
    }

    #[test]
    fn sizes_and_counts_read_like_text() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_536), "1.5 kB");
        assert_eq!(size(64 << 20), "67.1 MB");
        assert_eq!(size(999_999), "1.0 MB");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
