//! One way to write JSON: RFC 8785 (JSON Canonicalization Scheme), so that whoever has a receipt, in
//! any language, gets the very bytes that were signed.
//!
//! No white space; the names of an object in the order of their UTF-16 code units; strings with the
//! shortest escapes; numbers as ECMAScript writes them: the shortest digits that read back to the same
//! double.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// A number that JSON's readers do not agree on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is an integer that no double holds, and JSON's readers do not agree on such numbers")]
pub struct Ambiguous(String);

/// The canonical bytes of a value.
///
/// # Errors
/// An integer that no double holds: it would be written as another, and two receipts signed alike.
pub fn canonical(value: &Value) -> Result<Vec<u8>, Ambiguous> {
    let mut text = String::new();
    write_value(value, &mut text)?;
    Ok(text.into_bytes())
}

fn write_value(value: &Value, text: &mut String) -> Result<(), Ambiguous> {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_by(|one, other| one.encode_utf16().cmp(other.encode_utf16()));
            text.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_string(name, text);
                text.push(':');
                write_value(&members[name], text)?;
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(item, text)?;
            }
            text.push(']');
        }
        Value::String(string) => write_string(string, text),
        Value::Number(number) => write_number(number, text)?,
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Null => text.push_str("null"),
    }
    Ok(())
}

/// serde_json escapes as RFC 8785 asks: `\b \t \n \f \r \" \\`, `\u00xx` for other controls, no more.
fn write_string(string: &str, text: &mut String) {
    let _ = write!(text, "{}", Value::from(string)); // writing to a String cannot fail
}

fn write_number(number: &Number, text: &mut String) -> Result<(), Ambiguous> {
    let ambiguous = || Ambiguous(number.to_string());
    let double = number.as_f64().ok_or_else(ambiguous)?;
    // A float that was read is the double itself.
    if number
        .as_i128()
        .is_some_and(|whole| whole != double as i128)
    {
        return Err(ambiguous());
    }
    text.push_str(&shortest(double));
    Ok(())
}

/// A finite double as ECMAScript's `Number::toString` writes it (ECMA-262, 6.1.6.1.20).
pub fn shortest(double: f64) -> String {
    if double == 0.0 {
        return "0".to_owned(); // negative zero too
    }
    let scientific = format!("{:e}", double.abs());
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = digits.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    // How many digits stand before the point.
    let point = exponent + 1;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let sign = if double < 0.0 { "-" } else { "" };
    if count <= point && point <= 21 {
        format!("{sign}{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (before, after) = digits.split_at(usize::try_from(point).unwrap_or_default());
        format!("{sign}{before}.{after}")
    } else if -6 < point && point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at(1);
        let separator = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{separator}{rest}e{exponent:+}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        let value: Value = serde_json::from_str(json).unwrap();
        String::from_utf8(canonical(&value).unwrap()).unwrap()
    }

    /// RFC 8785, appendix B.
    #[test]
    fn numbers_are_written_as_the_standard_writes_them() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        ] {
            let double = f64::from_bits(bits);
            let text = shortest(double);
            assert_eq!(text, expected, "{bits:x}");
            assert_eq!(text.parse::<f64>().unwrap(), double);
        }
    }

    /// RFC 8785, sections 3.2.2 and 3.2.3.
    #[test]
    fn names_are_sorted_and_white_space_is_dropped() {
        let order = r#"{ "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "ö": 7 }"#;
        assert_eq!(
            written(order),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"
        );
        let literals = r#"{ "literals" : [ null, true, false ], "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/" }"#;
        assert_eq!(
            written(literals),
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
    }

    #[test]
    fn an_integer_that_two_readers_read_differently_is_refused() {
        assert_eq!(written("[9007199254740992,-7]"), "[9007199254740992,-7]");
        assert_eq!(written("1000000000000000000000"), written("1e21"));
        for number in [
            "9007199254740993",
            "-9007199254740993",
            "18446744073709551615",
        ] {
            let value: Value = serde_json::from_str(number).unwrap();
            assert_eq!(canonical(&value), Err(Ambiguous(number.to_owned())));
        }
    }
}
