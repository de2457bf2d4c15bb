//! What an expert says of themselves, and whether it is shown.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{ExpertError, checked, invalid, one_line};
use crate::accounts::permissions::Principal;
use crate::accounts::users::{Role, User};
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{expert_profiles, users};

/// Characters of a headline.
pub const HEADLINE_LIMIT: usize = 120;
/// Characters of what somebody writes about themselves.
pub const ABOUT_LIMIT: usize = 4_000;
/// Characters of an address.
pub const WEBSITE_LIMIT: usize = 200;

/// What its owner decides of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileSettings {
    /// Who they are, in a line.
    #[schema(max_length = 120)]
    pub headline: String,
    /// What they do, in Markdown.
    #[schema(max_length = 4000)]
    pub about: String,
    /// An `https` address; empty for none.
    #[schema(
        max_length = 200,
        pattern = r"^(https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(/[!-~]*)?)?$"
    )]
    pub website: String,
    /// Whether everybody may see the profile.
    pub is_public: bool,
    /// Whether scouts may write to them, from a profile that is public.
    pub open_to_contact: bool,
}

impl Default for ProfileSettings {
    /// What holds until the owner decides: results that stand on public boards are gathered, and nobody
    /// writes.
    fn default() -> Self {
        Self {
            headline: String::new(),
            about: String::new(),
            website: String::new(),
            is_public: true,
            open_to_contact: false,
        }
    }
}

impl ProfileSettings {
    /// The settings as they are kept.
    ///
    /// # Errors
    /// The field that is not as it must be.
    fn checked(&self) -> Result<Self, ExpertError> {
        let website = checked("website", &self.website, WEBSITE_LIMIT)?;
        if !self.website.is_empty() && !is_web_address(&self.website) {
            return Err(invalid(
                "website",
                "write a whole address that begins with https://, or leave it empty",
            ));
        }
        Ok(Self {
            headline: one_line("headline", &self.headline, HEADLINE_LIMIT)?,
            about: checked("about", &self.about, ABOUT_LIMIT)?,
            website,
            ..*self
        })
    }
}

/// Whether a text is an address that may be linked to: `https`, a host of several parts, and nothing that
/// would hide the host, such as a name and a password before it.
fn is_web_address(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else {
        return false;
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !part.is_empty() && part.bytes().all(plain)
    };
    host.contains('.')
        && host.split('.').all(is_part)
        && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Whose it is.
    pub user_id: i64,
    /// Their name.
    pub username: String,
    /// When they signed up.
    pub joined_at: DateTime<Utc>,
    /// What they decided.
    pub settings: ProfileSettings,
    /// Gold, silver and bronze medals.
    pub medals: [i64; 3],
    /// How many challenges that everybody could join have ranked them.
    pub results: i64,
}

type SettingsRow = (String, String, String, bool, bool);

fn settings(
    (headline, about, website, is_public, open_to_contact): SettingsRow,
) -> ProfileSettings {
    ProfileSettings {
        headline,
        about,
        website,
        is_public,
        open_to_contact,
    }
}

/// The profile of this name, if the caller may see it: a public one, or their own.
///
/// # Errors
/// [`ExpertError::NotFound`], the same for an unknown name and a hidden profile.
pub fn find(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    username: &str,
) -> Result<Profile, ExpertError> {
    let own = principal.user().map_or(-1, |user| user.id);
    type Row = (
        i64,
        String,
        NaiveDateTime,
        SettingsRow,
        (i64, i64, i64, i64),
    );
    let row: Option<Row> = users::table
        .inner_join(expert_profiles::table)
        .filter(users::username_key.eq(username.to_ascii_lowercase()))
        .filter(users::role.eq(Role::Expert))
        .filter(expert_profiles::is_public.or(users::id.eq(own)))
        .select((
            users::id,
            users::username,
            users::created_at,
            (
                expert_profiles::headline,
                expert_profiles::about,
                expert_profiles::website,
                expert_profiles::is_public,
                expert_profiles::open_to_contact,
            ),
            (
                expert_profiles::gold,
                expert_profiles::silver,
                expert_profiles::bronze,
                expert_profiles::results,
            ),
        ))
        .first(connection)
        .optional()?;
    let (user_id, username, joined_at, row, (gold, silver, bronze, results)) =
        row.ok_or_else(|| ExpertError::NotFound(username.to_owned()))?;
    Ok(Profile {
        user_id,
        username,
        joined_at: joined_at.and_utc(),
        settings: settings(row),
        medals: [gold, silver, bronze],
        results,
    })
}

/// What a person decided of their profile; none where they have none yet.
pub fn own(
    connection: &mut DatabaseConnection,
    user_id: i64,
) -> Result<Option<ProfileSettings>, DatabaseError> {
    let row: Option<SettingsRow> = expert_profiles::table
        .find(user_id)
        .select((
            expert_profiles::headline,
            expert_profiles::about,
            expert_profiles::website,
            expert_profiles::is_public,
            expert_profiles::open_to_contact,
        ))
        .first(connection)
        .optional()?;
    Ok(row.map(settings))
}

/// Keeps what a person decides of their profile. Call it in a write transaction.
///
/// # Errors
/// The field that is not as it must be; nothing is changed then.
pub fn save(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user: &User,
    wanted: &ProfileSettings,
) -> Result<ProfileSettings, ExpertError> {
    let wanted = wanted.checked()?;
    let row = (
        expert_profiles::headline.eq(&wanted.headline),
        expert_profiles::about.eq(&wanted.about),
        expert_profiles::website.eq(&wanted.website),
        expert_profiles::is_public.eq(wanted.is_public),
        expert_profiles::open_to_contact.eq(wanted.open_to_contact),
    );
    let updated = diesel::update(expert_profiles::table.find(user.id))
        .set(row)
        .execute(connection)?;
    if updated == 0 {
        diesel::insert_into(expert_profiles::table)
            .values((expert_profiles::user_id.eq(user.id), row))
            .execute(connection)?;
    }
    let act = Act {
        actor_id: Some(user.id),
        action: "profile.save",
        subject: &format!("user:{}", user.username),
        challenge_id: None,
        detail: &format!(
            "public: {}, open to contact: {}",
            wanted.is_public, wanted.open_to_contact
        ),
    };
    audit::record(connection, now, &act)?;
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &ProfileSettings) -> &'static str {
        match settings.checked() {
            Err(ExpertError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_whole_https_addresses_are_linked_to() {
        for good in [
            "https://apex.example",
            "https://a.example/me?x=1#y",
            "https://xn--bcher-kva.example/",
        ] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "http://apex.example",
            "javascript:alert(1)",
            "https://localhost",
            "https://good.example@evil.example",
            "https:/apex.example",
            "https://apex.example/a b",
            "apex.example",
            "https://",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }

    #[test]
    fn settings_are_trimmed_and_their_limits_named() {
        let fine = ProfileSettings {
            headline: "  Races karts\nand trees ".into(),
            about: "One.\r\n\r\nTwo.\0".into(),
            ..ProfileSettings::default()
        };
        let kept = fine.checked().unwrap();
        assert_eq!(kept.headline, "Races karts and trees");
        assert_eq!(kept.about, "One.\n\nTwo.");
        for (change, field) in [
            (
                ProfileSettings {
                    headline: "x".repeat(HEADLINE_LIMIT + 1),
                    ..fine.clone()
                },
                "headline",
            ),
            (
                ProfileSettings {
                    about: "x".repeat(ABOUT_LIMIT + 1),
                    ..fine.clone()
                },
                "about",
            ),
            (
                ProfileSettings {
                    website: "http://apex.example".into(),
                    ..fine.clone()
                },
                "website",
            ),
        ] {
            assert_eq!(refused(&change), field);
        }
    }
}
