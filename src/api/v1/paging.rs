//! How lists are paged: `limit` items after a cursor, which the page before it gave as `next`.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::fault::Fault;

/// Items of a page where the caller says nothing.
const DEFAULT_LIMIT: i64 = 20;
const MAXIMUM_LIMIT: i64 = 100;

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// At most this many items.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    pub after: Option<String>,
}

impl Paging {
    /// How many items.
    pub fn limit(&self) -> Result<i64, Fault> {
        limit(self.limit.as_deref())
    }

    /// The row or position after which the page begins.
    pub fn after(&self) -> Result<Option<i64>, Fault> {
        let Some(text) = self.after.as_deref() else {
            return Ok(None);
        };
        let known = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(row) if known => Ok(Some(row)),
            _ => Err(Fault::invalid(
                "after",
                "send the `next` of the page before",
            )),
        }
    }
}

/// Reads a `limit`.
pub fn limit(text: Option<&str>) -> Result<i64, Fault> {
    match text.map(str::parse) {
        None => Ok(DEFAULT_LIMIT),
        Some(Ok(limit)) if (1..=MAXIMUM_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(Fault::invalid(
            "limit",
            format!("ask for 1 to {MAXIMUM_LIMIT} items"),
        )),
    }
}

/// Cuts one item too many off a list that was asked for with `limit + 1`, and makes the cursor of the
/// next page from the last one kept.
pub fn cut<T>(items: &mut Vec<T>, limit: i64, row: impl Fn(&T) -> i64) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or_default();
    if items.len() <= limit {
        return None;
    }
    items.truncate(limit);
    items.last().map(|last| row(last).to_string())
}
