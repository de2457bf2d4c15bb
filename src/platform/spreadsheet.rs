//! What programs write as CSV and people open in a spreadsheet.

use std::borrow::Cow;

/// A text that no spreadsheet takes for a formula (CWE-1236): an apostrophe before what would begin one.
/// Numbers below zero stay numbers.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let begins_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins_formula && text.parse::<f64>().is_err() {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_is_never_a_formula_and_a_negative_score_stays_a_number() {
        for name in [
            "=cmd|' /C calc'!A0",
            "=1+1",
            "+1+1",
            "-1+1",
            "@SUM(A1)",
            "\t=1",
            "＝1",
        ] {
            assert_eq!(harmless(name), format!("'{name}"));
        }
        for plain in ["Apex = Lab", "-0.25", "+1", ""] {
            assert_eq!(harmless(plain), plain);
        }
    }
}
