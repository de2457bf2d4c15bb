//! What people may write to each other: how long, and without characters that only do harm.

use super::challenge::{ChallengeError, invalid};

/// Characters of a title.
pub const LONGEST_TITLE: usize = 150;
/// Characters of a post or an announcement.
pub const LONGEST_BODY: usize = 20_000;
/// Characters of a reason.
pub const LONGEST_REASON: usize = 1_000;

/// One line.
pub(super) fn title(field: &str, text: &str) -> Result<String, ChallengeError> {
    let line = checked(field, text, LONGEST_TITLE)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    Ok(words.join(" "))
}

/// Markdown.
pub(super) fn body(field: &str, text: &str) -> Result<String, ChallengeError> {
    checked(field, text, LONGEST_BODY)
}

/// Why somebody did something, for those whom it concerns.
pub(super) fn reason(text: &str) -> Result<String, ChallengeError> {
    checked("reason", text, LONGEST_REASON)
}

/// Control characters are dropped: they show nothing, and no feed may hold them. They count all the same, so that
/// the API's description can say how long a text may be.
fn checked(field: &str, text: &str, most: usize) -> Result<String, ChallengeError> {
    // Browsers count a line break as one character and send two.
    let text = text.replace("\r\n", "\n");
    let length = text.chars().count();
    let text: String = text
        .chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .filter(|character| !matches!(character, '\u{fffe}' | '\u{ffff}'))
        .collect();
    let text = text.trim();
    if text.is_empty() {
        return invalid(field, "write something");
    }
    if length > most {
        return invalid(
            field,
            format!("use at most {most} characters; these are {length}"),
        );
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_bounded_and_free_of_control_characters() {
        assert_eq!(title("title", "  Two\r\nlines ").unwrap(), "Two lines");
        assert_eq!(body("body", "a\r\n\u{1b}[2Jb\u{0}\n").unwrap(), "a\n[2Jb");
        let empty = body("body", " \u{7} ").unwrap_err().to_string();
        assert_eq!(empty, "body: write something");
        assert!(title("title", &"ä".repeat(LONGEST_TITLE)).is_ok());
        let long = title("title", &"ä".repeat(LONGEST_TITLE + 1)).unwrap_err();
        assert!(long.to_string().contains("151"), "{long}");
        assert!(body("body", &format!("\u{7}{}", "ä".repeat(LONGEST_BODY))).is_err());
    }
}
