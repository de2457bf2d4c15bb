//! Markdown that people wrote, as HTML that cannot harm.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Renders CommonMark with tables, footnotes and strikethrough, then sanitizes: scripts, styles,
/// handlers and foreign frames do not get through. Headings sink by one level, because the page has
/// its own first heading.
pub fn to_html(markdown: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        Event::Start(Tag::Heading {
            level,
            id,
            classes,
            attrs,
        }) => Event::Start(Tag::Heading {
            level: lower(level),
            id,
            classes,
            attrs,
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        event => event,
    });
    let mut rendered = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut rendered, events);
    ammonia::clean(&rendered)
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::to_html;

    #[test]
    fn tables_and_links_are_rendered() {
        let html = to_html("# Task\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[data](/datasets/laps)");
        assert!(html.contains("<h2>Task</h2>"), "{html}");
        assert!(html.contains("<td>2</td>"), "{html}");
        assert!(html.contains("href=\"/datasets/laps\""), "{html}");
    }

    #[test]
    fn what_could_run_does_not_get_through() {
        for hostile in [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "<img src=x onerror=alert(1)>",
            "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
            "<style>*{display:none}</style>",
            "<iframe src=\"https://evil.example\"></iframe>",
            "<p style=\"position:fixed\">x</p>",
            "<form action=\"https://evil.example\"><input name=password></form>",
        ] {
            let html = to_html(hostile).to_lowercase();
            for part in [
                "<script",
                "javascript:",
                "onerror",
                "<style",
                "<iframe",
                "style=",
                "<form",
                "<input",
            ] {
                assert!(!html.contains(part), "{hostile} became {html}");
            }
        }
    }
}
