//! Pages of a bundle as Markdown.

/// Markdown of a page: what is HTML stays so inside of it, cleaned of all that could run, because
/// CommonMark shows a block of HTML as it is.
pub(super) fn to_markdown(file: &str, bytes: &[u8]) -> String {
    let text = decoded(bytes);
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let ending = file.rsplit('.').next().unwrap_or_default();
    if !["html", "htm"].contains(&&*ending.to_ascii_lowercase()) {
        return text;
    }
    // Its `<` are tags and nothing else once it is cleaned. A page has one first heading, its title.
    let mut clean = ammonia::clean(&text)
        .replace("<h1", "<h2")
        .replace("</h1>", "</h2>");
    // A blank line would end the block.
    while clean.contains("\n\n") {
        clean = clean.replace("\n\n", "\n<!-- -->\n");
    }
    let lines: Vec<&str> = clean
        .trim()
        .lines()
        .map(|line| {
            if line.trim().is_empty() {
                "<!-- -->"
            } else {
                line
            }
        })
        .collect();
    format!("<div>\n{}\n</div>\n", lines.join("\n"))
}

fn decoded(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        // What old editors write.
        Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0,
    }
}

/// Whether a page shows images that lie in the bundle.
pub(super) fn has_own_images(text: &str) -> bool {
    let is_own = |target: &str| {
        let target = target.trim_start_matches(['"', '\'', ' ']);
        !target.starts_with("http://") && !target.starts_with("https://")
    };
    let markdown = text.split("![").skip(1).any(|rest| {
        let target = rest.split_once("](").map(|(_, target)| target);
        target.is_some_and(is_own)
    });
    let html = text.split("<img").skip(1).any(|rest| {
        let tag = rest.split('>').next().unwrap_or_default();
        let source = tag.split_once("src=").map(|(_, source)| source);
        source.is_some_and(is_own)
    });
    markdown || html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::markdown::to_html;

    #[test]
    fn markdown_stays_as_it_is() {
        assert_eq!(
            to_markdown("a.md", "\u{feff}# Data\r\n\r\nText".as_bytes()),
            "# Data\n\nText"
        );
        assert_eq!(to_markdown("a.md", b"caf\xe9"), "café");
    }

    #[test]
    fn html_is_shown_as_it_was_and_cannot_run() {
        let page = "<h1>Data</h1>\n\n<p onclick='x()'>Two\n\n  columns</p><script>alert(1)</script>\n\
                    <pre>a\n\n\n    b</pre>\n\n<ul><li>*one*</li></ul>";
        let shown = to_html(&to_markdown("terms.HTML", page.as_bytes()));
        assert!(shown.contains("<h2>Data</h2>"), "{shown}");
        assert!(shown.contains("a\n\n\n    b"), "{shown}");
        assert!(shown.contains("<li>*one*</li>"), "{shown}");
        assert!(
            !shown.contains("alert") && !shown.contains("onclick"),
            "{shown}"
        );
        assert!(
            !shown.contains("<code>"),
            "indented HTML became code: {shown}"
        );
    }

    #[test]
    fn images_of_the_bundle_are_noticed() {
        assert!(has_own_images("see ![plot](images/plot.png)"));
        assert!(has_own_images("<img width=3 src=\"logo.png\">"));
        assert!(!has_own_images(
            "![plot](https://example.org/a.png) <img src='https://a.b/c'>"
        ));
    }
}
