//! Receipts: what a score was made of, signed, so that it can be checked by anybody and made again by
//! whoever holds the data.
//!
//! A receipt names by SHA-256 what went in (submission, dataset release, features, solution, scoring
//! program), how it was judged (metric, runtime, limits, our version) and what came out. The server
//! signs its canonical JSON ([`canonical`], RFC 8785) with Ed25519 (RFC 8032). The document is
//!
//! ```json
//! {"receipt": {…}, "public_key": "64 hexadecimal digits", "signature": "128 hexadecimal digits"}
//! ```
//!
//! and, from the end of the phase on, an `opening` beside them. What must stay hidden is not in the
//! receipt; a *commitment* to it is, so that it cannot be changed later:
//!
//! - **The private score** tells teams what they may not know before the phase ends. The receipt has
//!   SHA-256 of `paddock-receipt-1:private-score:NONCE:SCORE`, where NONCE is 64 random hexadecimal digits
//!   and SCORE the number as canonical JSON writes it. The opening, shown when the phase is over, gives
//!   both. It needs no signature of its own: no other score fits the commitment that was signed.
//! - **The public score** is in the receipt, but where a phase shows competitors less than it (the Ladder,
//!   rounding) or the submission came late. There it is committed to alike, by SHA-256 of
//!   `paddock-receipt-1:public-score:NONCE:SCORE`, and opened with the private one.
//! - **The solution** may be small enough to be guessed row by row (24 drivers, ten lap times), and a bare
//!   hash would say when the guess is right. The receipt has SHA-256 of
//!   `paddock-receipt-1:content:SALT:SHA256`, where the salt is a keyed hash of the solution's own SHA-256
//!   under the server's key. The same solution gives the same commitment in every receipt, so teams can
//!   see that all were scored against one; only whoever holds the database can open it. Hidden features are
//!   treated alike; public features are named by their bare hash.

pub mod canonical;
mod key;

use chrono::{DateTime, Utc};
use ed25519_dalek::Signature;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use key::{KeyError, PublicKey, ReceiptKey};

use super::kind::SubmissionKind;
use super::verdict::Verdict;
use crate::platform::storage::hexadecimal;

/// The version of receipts that this software writes and reads.
pub const VERSION: u32 = 1;

/// What a score was made of. Absent things are null, so that every receipt has the same fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Of the receipt's own form: 1.
    pub version: u32,
    /// The challenge's address.
    pub challenge: String,
    /// The phase's name.
    pub phase: String,
    /// The release that its competitors worked with.
    pub dataset: Option<DatasetRelease>,
    /// What was judged.
    pub submission: JudgedSubmission,
    /// What a model predicted from.
    pub features: Option<Content>,
    /// What the predictions were compared with.
    pub solution: Content,
    /// How.
    pub metric: String,
    /// SHA-256 of the organizer's scoring program, where that compared.
    pub scoring_program_sha256: Option<String>,
    /// The version of the runtime that a model ran in.
    pub runtime: Option<String>,
    /// What a model's run was allowed to use.
    #[schema(value_type = Option<Object>)]
    pub limits: Option<Value>,
    /// What judged, as in `paddock 0.1.0`.
    pub scorer: String,
    /// How the run ended.
    pub verdict: Verdict,
    /// The score on the public split, where there is one and it may be told.
    pub public_score: Option<f64>,
    /// The commitment to it where it may not be told yet; not in other receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_score_commitment: Option<String>,
    /// The commitment to the score on the private split.
    pub private_score_commitment: Option<String>,
    /// When the outcome was stored, by the server's clock.
    pub scored_at: DateTime<Utc>,
    /// The run that had this outcome.
    pub run: i64,
    /// How often the run had been leased by then.
    pub attempt: i32,
}

/// A release of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetRelease {
    /// The dataset's address.
    pub slug: String,
    /// Counted from 1.
    pub version: i32,
}

/// The submission of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgedSubmission {
    /// The submission.
    pub id: i64,
    /// What it is.
    pub kind: SubmissionKind,
    /// SHA-256 of the file that was sent.
    pub sha256: String,
}

/// How a content is named: by its hash, or, where it must not be guessed, by a commitment to its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// SHA-256 of the bytes.
    Sha256(String),
    /// SHA-256 of `paddock-receipt-1:content:SALT:SHA256`.
    Commitment(String),
}

/// A receipt as it is handed out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// What is signed: as canonical JSON (RFC 8785).
    pub receipt: Receipt,
    /// The Ed25519 key that signed, in hexadecimal.
    pub public_key: String,
    /// The Ed25519 signature, in hexadecimal.
    pub signature: String,
    /// The scores that are committed to, once the phase is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Opening>,
}

/// What opens the commitments to scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The score on the private split.
    pub private_score: f64,
    /// The score on the public split, where that is committed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_score: Option<f64>,
    /// 64 random hexadecimal digits.
    pub nonce: String,
}

/// A receipt as the database keeps it: with what its commitments hide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptReceipt {
    signed: SignedReceipt,
    opening: Option<Opening>,
    /// The salts under which solution and hidden features were committed to.
    solution_salt: String,
    features_salt: Option<String>,
}

/// What a receipt is made of, as the server knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The challenge's address.
    pub challenge: String,
    /// The phase's name.
    pub phase: String,
    /// The release that its competitors worked with.
    pub dataset: Option<DatasetRelease>,
    /// What was judged.
    pub submission: JudgedSubmission,
    /// SHA-256 of what a model predicted from, and whether that is hidden.
    pub features: Option<Features>,
    /// SHA-256 of the solution.
    pub solution_sha256: String,
    /// How the two were compared.
    pub metric: String,
    /// SHA-256 of the organizer's scoring program.
    pub scoring_program_sha256: Option<String>,
    /// The version of the runtime.
    pub runtime: Option<String>,
    /// What a run was allowed to use.
    pub limits: Option<Value>,
    /// What judged.
    pub scorer: String,
    /// How the run ended.
    pub verdict: Verdict,
    /// The scores on the public and the private split; both finite.
    pub scores: Option<(f64, f64)>,
    /// Whether the public one may not be told either before the phase is over.
    pub hides_public_score: bool,
    /// When the outcome was stored.
    pub scored_at: DateTime<Utc>,
    /// The run.
    pub run: i64,
    /// How often it had been leased.
    pub attempt: i32,
}

/// What a model predicted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// SHA-256 of the bytes.
    pub sha256: String,
    /// Whether competitors may not see them.
    pub hidden: bool,
}

/// Signs what is known of a score. `nonce` is 32 random bytes, never used before.
///
/// # Errors
/// A number among the limits that JSON's readers do not agree on.
pub fn issue(
    key: &ReceiptKey,
    facts: Facts,
    nonce: [u8; 32],
) -> Result<KeptReceipt, canonical::Ambiguous> {
    let solution_salt = key.salt_of(&facts.solution_sha256);
    let hidden = facts.features.as_ref().filter(|features| features.hidden);
    let features_salt = hidden.map(|features| key.salt_of(&features.sha256));
    let hides_public = facts.hides_public_score;
    let opening = facts.scores.map(|(public_score, private_score)| Opening {
        private_score,
        public_score: hides_public.then_some(public_score),
        nonce: hexadecimal(&nonce),
    });
    let receipt = Receipt {
        version: VERSION,
        challenge: facts.challenge,
        phase: facts.phase,
        dataset: facts.dataset,
        submission: facts.submission,
        features: facts.features.map(|features| match &features_salt {
            Some(salt) => Content::Commitment(content_commitment(salt, &features.sha256)),
            None => Content::Sha256(features.sha256),
        }),
        solution: Content::Commitment(content_commitment(&solution_salt, &facts.solution_sha256)),
        metric: facts.metric,
        scoring_program_sha256: facts.scoring_program_sha256,
        runtime: facts.runtime,
        limits: facts.limits,
        scorer: facts.scorer,
        verdict: facts.verdict,
        public_score: facts
            .scores
            .filter(|_| !hides_public)
            .map(|(public, _)| public),
        public_score_commitment: opening.as_ref().and_then(Opening::public_commitment),
        private_score_commitment: opening.as_ref().map(Opening::commitment),
        scored_at: facts.scored_at,
        run: facts.run,
        attempt: facts.attempt,
    };
    let bytes = canonical::canonical(&serde_json::json!(receipt))?;
    Ok(KeptReceipt {
        signed: SignedReceipt {
            receipt,
            public_key: key.public_key().to_hexadecimal(),
            signature: hexadecimal(&key.sign(&bytes)),
            opening: None,
        },
        opening,
        solution_salt,
        features_salt,
    })
}

impl KeptReceipt {
    /// The receipt as it may be shown: with the scores that it commits to if the phase is over.
    pub fn shown(&self, phase_is_over: bool) -> SignedReceipt {
        SignedReceipt {
            opening: self.opening.clone().filter(|_| phase_is_over),
            ..self.signed.clone()
        }
    }

    /// The score on the private split, which only a replay by the organizer may ask for early.
    pub fn private_score(&self) -> Option<f64> {
        self.opening.as_ref().map(|opening| opening.private_score)
    }

    /// The score on the public split, whether the receipt tells it or commits to it.
    pub fn public_score(&self) -> Option<f64> {
        let committed = self.opening.as_ref().and_then(|one| one.public_score);
        self.signed.receipt.public_score.or(committed)
    }

    /// Whether these are the solution and the features that the receipt names.
    pub fn names(&self, solution_sha256: &str, features_sha256: Option<&str>) -> Named {
        let is = |content: &Content, salt: Option<&str>, sha256: &str| match content {
            Content::Sha256(named) => named == sha256,
            Content::Commitment(named) => {
                salt.is_some_and(|salt| *named == content_commitment(salt, sha256))
            }
        };
        let receipt = &self.signed.receipt;
        Named {
            solution: is(
                &receipt.solution,
                Some(&self.solution_salt),
                solution_sha256,
            ),
            features: match (&receipt.features, features_sha256) {
                (None, None) => true,
                (Some(content), Some(sha256)) => is(content, self.features_salt.as_deref(), sha256),
                _ => false,
            },
        }
    }
}

/// Which of the hidden contents are those that a receipt names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The solution.
    pub solution: bool,
    /// The features.
    pub features: bool,
}

impl Opening {
    fn commitment(&self) -> String {
        let score = canonical::shortest(self.private_score);
        sha256_of(&format!(
            "paddock-receipt-1:private-score:{}:{score}",
            self.nonce
        ))
    }

    fn public_commitment(&self) -> Option<String> {
        let score = canonical::shortest(self.public_score?);
        Some(sha256_of(&format!(
            "paddock-receipt-1:public-score:{}:{score}",
            self.nonce
        )))
    }
}

fn content_commitment(salt: &str, sha256: &str) -> String {
    sha256_of(&format!("paddock-receipt-1:content:{salt}:{sha256}"))
}

fn sha256_of(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn bytes_of<const LENGTH: usize>(digits: &str) -> Option<[u8; LENGTH]> {
    if digits.len() != LENGTH * 2 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptProblem {
    /// It is not of the shape of a receipt.
    #[error("this is no receipt: {0}")]
    Unreadable(String),
    /// It was made by a later version of this software.
    #[error(
        "this receipt is of version {0}, and this software reads version {VERSION}; use a newer one"
    )]
    Version(u32),
    /// It names another key than the one that is trusted.
    #[error("it was signed by the key {named}, which is not the key that you trust, {trusted}")]
    OtherKey {
        /// The key that it names.
        named: String,
        /// The key that was asked for.
        trusted: String,
    },
    /// The signature does not fit.
    #[error(
        "the receipt, its key or its signature was changed after it was signed: what stands in it is not what \
         the server signed"
    )]
    Changed,
    /// A score does not fit its commitment.
    #[error(
        "the scores that are opened are not those that were committed to when the receipt was signed"
    )]
    OpeningChanged,
}

/// Checks a receipt as it was handed out. With `trusted`, only that key's receipts are valid; without,
/// the key that it names itself is used, and whose that is remains unproven.
///
/// The signature is held against the document as it was read, not against what this software makes of
/// it, so no field is passed over.
///
/// # Errors
/// Whatever keeps it from proving anything.
pub fn verify(document: &str, trusted: Option<PublicKey>) -> Result<SignedReceipt, ReceiptProblem> {
    let unreadable = |error: serde_json::Error| ReceiptProblem::Unreadable(error.to_string());
    let document: Value = serde_json::from_str(document).map_err(unreadable)?;
    let receipt = &document["receipt"];
    match receipt["version"].as_u64() {
        Some(version) if version != u64::from(VERSION) => {
            return Err(ReceiptProblem::Version(
                u32::try_from(version).unwrap_or(u32::MAX),
            ));
        }
        _ => {}
    }
    let bytes = canonical::canonical(receipt)
        .map_err(|ambiguous| ReceiptProblem::Unreadable(ambiguous.to_string()))?;
    let signed: SignedReceipt = serde_json::from_value(document).map_err(unreadable)?;
    let key = PublicKey::parse(&signed.public_key).map_err(|_| ReceiptProblem::Changed)?;
    if let Some(trusted) = trusted
        && trusted != key
    {
        return Err(ReceiptProblem::OtherKey {
            named: key.to_hexadecimal(),
            trusted: trusted.to_hexadecimal(),
        });
    }
    let signature: [u8; 64] = bytes_of(&signed.signature).ok_or(ReceiptProblem::Changed)?;
    key.0
        .verify_strict(&bytes, &Signature::from_bytes(&signature))
        .map_err(|_| ReceiptProblem::Changed)?;
    if let Some(opening) = &signed.opening
        && (signed.receipt.private_score_commitment.as_ref() != Some(&opening.commitment())
            || signed.receipt.public_score_commitment != opening.public_commitment())
    {
        return Err(ReceiptProblem::OpeningChanged);
    }
    Ok(signed)
}

/// The fields in which two receipts differ, as paths (`submission.sha256`).
pub fn differences(one: &Receipt, other: &Receipt) -> Vec<String> {
    fn walk(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
        match (one, other) {
            (Value::Object(members), Value::Object(others)) => {
                let names: std::collections::BTreeSet<&String> =
                    members.keys().chain(others.keys()).collect();
                for name in names {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    walk(&path, &one[name], &other[name], found);
                }
            }
            _ if one == other => {}
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk(
        "",
        &serde_json::json!(one),
        &serde_json::json!(other),
        &mut found,
    );
    found
}

#[cfg(test)]
mod tests;
