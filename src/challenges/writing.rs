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
    let words: Vec<&str> = text.split_whitespace().collect();
    checked(field, &words.join(" "), LONGEST_TITLE)
}

/// Markdown.
pub(super) fn body(field: &str, text: &str) -> Result<String, ChallengeError> {
    checked(field, &text.replace("\r\n", "\n"), LONGEST_BODY)
}

/// Why somebody did something, for those whom it concerns.
pub(super) fn reason(text: &str) -> Result<String, ChallengeError> {
    checked("reason", &text.replace("\r\n", "\n"), LONGEST_REASON)
}

/// Control characters are dropped: they show nothing, and no feed may hold them.
fn checked(field: &str, text: &str, most: usize) -> Result<String, ChallengeError> {
    let text: String = text
        .chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .filter(|character| !matches!(character, '\u{fffe}' | '\u{ffff}'))
        .collect();
    let text = text.trim();
    if text.is_empty() {
        return invalid(field, "write something");
    }
    let length = text.chars().count();
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
    }
}
