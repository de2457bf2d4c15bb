//! What ONNX Runtime says, in words for whoever sent the model.

use crate::scoring::csv_rows::shorten;

/// What ONNX Runtime says, in one line and without the places in its own source code.
pub(super) fn words(message: &str) -> String {
    const SOURCE: &str = "/onnxruntime_src/";
    let mut words = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(SOURCE) {
        words.push_str(before);
        rest = after_signature(after);
    }
    words.push_str(rest);
    let words: Vec<&str> = words.split_whitespace().collect();
    let words = shorten(&words.join(" "), 800);
    if words.contains("External data path") {
        return format!(
            "its weights lie in another file, and only the model is sent: save it with all weights inside \
             (onnx.save with save_as_external_data=False) ({words})"
        );
    }
    words
}

/// What follows `file:line type function(arguments) const [with T = type]`.
fn after_signature(text: &str) -> &str {
    let mut rest = text;
    let mut depth = 0_u32;
    for (place, sign) in text.char_indices() {
        match sign {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth > 0 {
            continue;
        }
        rest = &text[place + 1..];
        let next = rest.strip_prefix(" const").unwrap_or(rest);
        // `operator()(…)`, `(anonymous namespace)::f(…)` and `[with …]` go on.
        if !(next.starts_with(['(', ':']) || next.starts_with(" [with")) {
            return next;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_onnx_runtime_says_is_told_without_its_source_code() {
        assert_eq!(
            words(
                "Non-zero status code returned while running GatherElements node. Name:'a' Status Message: \
                 /onnxruntime_src/onnxruntime/core/providers/cpu/tensor/gather_elements.cc:150 void \
                 onnxruntime::core_impl(const Tensor*, const Tensor*) [with bool is_string = false; T = signed char] \
                 GatherElements op: Out of range value in index tensor\n"
            ),
            "Non-zero status code returned while running GatherElements node. Name:'a' Status Message: GatherElements \
             op: Out of range value in index tensor"
        );
        assert_eq!(
            words(
                "Failed: /onnxruntime_src/core/a.h:61 auto f(std::function<void (int)>)::{lambda()#1}::operator()() const x was false."
            ),
            "Failed: x was false."
        );
        assert_eq!(words("Invalid model"), "Invalid model");
        assert!(words("/onnxruntime_src/never ends (").len() < 40);
    }

    #[test]
    fn weights_in_another_file_get_a_remedy() {
        let said = words("External data path validation failed for initializer: w.");
        assert!(
            said.starts_with("its weights lie in another file"),
            "{said}"
        );
    }
}
