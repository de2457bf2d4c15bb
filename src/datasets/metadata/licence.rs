//! Licences by their SPDX identifier (<https://spdx.org/licenses/>).

/// The address of the licence's text, where the name is an SPDX identifier; the deprecated ones count.
pub fn address(licence: &str) -> Option<String> {
    let id = spdx::license_id(licence.trim())?;
    Some(format!("https://spdx.org/licenses/{}", id.name))
}

/// The licence's name in full, or as its publisher wrote it.
pub fn full_name(licence: &str) -> &str {
    spdx::license_id(licence.trim()).map_or(licence, |id| id.full_name)
}

/// What the Hugging Face hub calls the licence: its identifiers are SPDX's in lower case, some without
/// the version; nothing where the licence is not one of SPDX's.
pub fn hugging_face_id(licence: &str) -> Option<String> {
    let id = spdx::license_id(licence.trim())?.name;
    Some(match id {
        "ODbL-1.0" => "odbl".to_owned(),
        "ODC-By-1.0" => "odc-by".to_owned(),
        "PDDL-1.0" => "pddl".to_owned(),
        id => id.to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_spdx_identifier_leads_to_its_text_and_other_words_do_not() {
        assert_eq!(
            address("CC-BY-4.0").as_deref(),
            Some("https://spdx.org/licenses/CC-BY-4.0")
        );
        assert_eq!(
            full_name("CC-BY-4.0"),
            "Creative Commons Attribution 4.0 International"
        );
        assert_eq!(hugging_face_id("CC0-1.0").as_deref(), Some("cc0-1.0"));
        assert_eq!(hugging_face_id("ODbL-1.0").as_deref(), Some("odbl"));
        for free_text in ["ask us", "for research only", ""] {
            assert_eq!(address(free_text), None);
            assert_eq!(full_name(free_text), free_text);
        }
    }
}
