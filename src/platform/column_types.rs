//! How values that neither database knows are kept in TEXT columns: enums by name, structures as JSON.

use diesel::deserialize::{self, FromSql};
use diesel::sql_types::Text;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::database::{DatabaseError, MultiBackend};

/// A structure read from JSON text; written by [`json_text`].
#[derive(Debug, Clone, PartialEq, diesel::deserialize::FromSqlRow)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromSql<Text, MultiBackend> for Json<T> {
    fn from_sql(
        value: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, MultiBackend>>::from_sql(value)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}

/// The text that [`Json`] reads back. Diesel binds only borrowed text over both databases, so the
/// text is made before the query.
pub fn json_text<T: Serialize>(value: &T) -> Result<String, DatabaseError> {
    serde_json::to_string(value)
        .map_err(|error| diesel::result::Error::SerializationError(error.into()).into())
}

/// Gives an enum of unit variants one name for the database, the API and the pages alike. (The name is
/// matched as a token, not as a literal: only so can the derive of `ToSchema` read it.)
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
                 utoipa::ToSchema, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
        #[diesel(sql_type = diesel::sql_types::Text)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the database, the API and the pages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("`{text}` is not one of: {}", known.join(", "))
                })
            }
        }

        impl diesel::deserialize::FromSql<diesel::sql_types::Text, $crate::platform::database::MultiBackend> for $name {
            fn from_sql(
                value: <$crate::platform::database::MultiBackend as diesel::backend::Backend>::RawValue<'_>,
            ) -> diesel::deserialize::Result<Self> {
                let text = <String as diesel::deserialize::FromSql<diesel::sql_types::Text, $crate::platform::database::MultiBackend>>::from_sql(value)?;
                Ok(text.parse::<Self>()?)
            }
        }

        impl diesel::serialize::ToSql<diesel::sql_types::Text, $crate::platform::database::MultiBackend> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, $crate::platform::database::MultiBackend>,
            ) -> diesel::serialize::Result {
                out.set_value((diesel::sql_types::Text, self.as_str()));
                Ok(diesel::serialize::IsNull::No)
            }
        }
    };
}
