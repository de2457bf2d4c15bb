//! How refusals and failures look on the wire: one type for pages and API, and the one place where a
//! room's error becomes a status.
//!
//! The API shows it as problem+json (RFC 9457); the guard shows it as a page elsewhere.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;

use crate::accounts::permissions::Refusal;
use crate::accounts::users::AccountError;
use crate::challenges::announcements::AnnouncementError;
use crate::challenges::challenge::ChallengeError;
use crate::challenges::comparison::CompareError;
use crate::challenges::corrections::CorrectionError;
use crate::challenges::discussion::DiscussionError;
use crate::challenges::dispatch::RunError;
use crate::challenges::limits::LimitReached;
use crate::challenges::receipts::ShowError;
use crate::challenges::reuse::ReuseError;
use crate::challenges::runs::RunActError;
use crate::challenges::selection::SelectionError;
use crate::challenges::submissions::{DESCRIPTION_LIMIT, SubmitError};
use crate::challenges::teams::TeamError;
use crate::challenges::teams::merge_rules::MergeRefusal;
use crate::datasets::drafts::DraftError;
use crate::datasets::publish::PublishError;
use crate::datasets::signed_links::LinkRefusal;
use crate::platform::database::DatabaseError;
use crate::platform::storage::StorageError;
use crate::talent::board::BoardError;
use crate::talent::coached_drivers::CoachingError;
use crate::talent::consent::ConsentError;
use crate::talent::experts::ExpertError;
use crate::talent::scouts::ScoutError;

/// A refusal or failure, in words for whoever asked.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// What kind it is, for programs: `limit_reached`, `not_found`, `invalid`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind it is, for people.
    pub title: String,
    /// What happened, and what to do.
    pub detail: String,
    /// The offending field, parameter or column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The offending line of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Seconds after which it is worth trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The methods that the address is served with, where another one was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.title, self.detail)
    }
}

impl Fault {
    /// A fault of this status and kind.
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            kind: kind.to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            detail: detail.into(),
            field: None,
            line: None,
            retry_after: None,
            allow: None,
        }
    }

    /// Nothing is here, or nothing that the caller may know of.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// What was sent is not as it must be; names the field.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
        }
    }

    /// The platform failed. What happened goes to the log; the caller is told that it is not theirs.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(error = %format!("{error:#}"), "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side; nothing that you sent was half-stored. Please try again.",
        )
    }

    fn status_or_500(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// A response of this fault's status and headers, still without a body.
    pub fn response_builder(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(self.status_or_500());
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(methods) = &self.allow {
            response.insert_header((ALLOW, methods.as_str()));
        }
        if self.status == 401 {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        self.status_or_500()
    }

    fn error_response(&self) -> HttpResponse {
        self.response_builder()
            .insert_header((CONTENT_TYPE, "application/problem+json"))
            .json(self)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let (status, kind) = match refusal {
            Refusal::NoSuchRoute => (StatusCode::NOT_FOUND, "not_found"),
            Refusal::SignIn => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Refusal::Role(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Refusal::Scope(_) => (StatusCode::FORBIDDEN, "missing_scope"),
        };
        Self::new(status, kind, refusal.to_string())
    }
}

impl From<DatabaseError> for Fault {
    fn from(error: DatabaseError) -> Self {
        Self::internal(error)
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::TooLarge { .. } => {
                let mut fault = Self::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too_large",
                    error.to_string(),
                );
                fault.field = Some("file".into());
                fault
            }
            StorageError::BrokenUpload(_) => {
                Self::new(StatusCode::BAD_REQUEST, "broken_upload", error.to_string())
            }
            _ => Self::internal(error),
        }
    }
}

impl From<AccountError> for Fault {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Invalid { field, problem } => Self::invalid(field, problem),
            AccountError::WrongCredentials => Self::new(
                StatusCode::UNAUTHORIZED,
                "wrong_credentials",
                error.to_string(),
            ),
            AccountError::NoSuchUser(_) => Self::not_found(error.to_string()),
            AccountError::Database(error) => error.into(),
        }
    }
}

impl From<ChallengeError> for Fault {
    fn from(error: ChallengeError) -> Self {
        match error {
            ChallengeError::NotFound(_) => Self::not_found(error.to_string()),
            ChallengeError::NotYours => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", error.to_string())
            }
            ChallengeError::Declined => {
                Self::new(StatusCode::FORBIDDEN, "join_declined", error.to_string())
            }
            ChallengeError::Invalid { field, problem } => Self::invalid(&field, problem),
            ChallengeError::Storage(error) => error.into(),
            ChallengeError::Database(error) => error.into(),
        }
    }
}

impl From<TeamError> for Fault {
    fn from(error: TeamError) -> Self {
        let text = error.to_string();
        let forbidden = |kind| Self::new(StatusCode::FORBIDDEN, kind, text.clone());
        let conflict = |kind| Self::new(StatusCode::CONFLICT, kind, text.clone());
        match error {
            TeamError::Challenge(error) => error.into(),
            TeamError::NotAMember => forbidden("rules_not_accepted"),
            TeamError::NotTheCaptain { .. } => forbidden("not_the_captain"),
            TeamError::Invalid { field, problem } => Self::invalid(field, problem),
            TeamError::NoSuchInvitation | TeamError::NoSuchTeam(_) => Self::not_found(text),
            TeamError::NotAlone { .. } => conflict("not_alone"),
            TeamError::LastMember => conflict("last_member"),
            TeamError::SentToday { .. } => conflict("sent_today"),
            TeamError::Over => conflict("challenge_over"),
            TeamError::Merge(refusal) => conflict(match refusal {
                MergeRefusal::Locked { .. } => "teams_locked",
                MergeRefusal::SameTeam => "same_team",
                MergeRefusal::TooLarge { .. } => "team_too_large",
                MergeRefusal::TooManySubmissions { .. } => "too_many_submissions",
                MergeRefusal::Disqualified { .. } => "disqualified",
                MergeRefusal::Baseline { .. } => "baseline",
                MergeRefusal::RulesNotAccepted { .. } => "rules_not_accepted",
            }),
            TeamError::Database(error) => error.into(),
        }
    }
}

impl From<ReuseError> for Fault {
    fn from(error: ReuseError) -> Self {
        match error {
            ReuseError::Challenge(error) => error.into(),
            error if error.is_senders() => Self::invalid("bundle", error.to_string()),
            error => Self::internal(error),
        }
    }
}

impl From<SubmitError> for Fault {
    fn from(error: SubmitError) -> Self {
        let text = error.to_string();
        let forbidden = |kind| Self::new(StatusCode::FORBIDDEN, kind, text.clone());
        match error {
            SubmitError::Challenge(error) => error.into(),
            SubmitError::NotAMember => forbidden("rules_not_accepted"),
            SubmitError::RulesChanged { .. } => forbidden("rules_changed"),
            SubmitError::NotPublished => forbidden("not_published"),
            SubmitError::Disqualified { .. } => forbidden("disqualified"),
            SubmitError::NotOpen { .. } => forbidden("not_open"),
            SubmitError::Closed { .. } => forbidden("closed"),
            SubmitError::Archived => forbidden("archived"),
            SubmitError::Limit(LimitReached::Today { .. } | LimitReached::Phase { .. }) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "limit_reached", text)
            }
            SubmitError::Empty => Self::invalid("file", text),
            SubmitError::KindNotTaken { .. } => Self::invalid("kind", text),
            SubmitError::LongDescription { .. } => Self::invalid("description", text),
            SubmitError::Database(error) => error.into(),
        }
    }
}

impl From<AnnouncementError> for Fault {
    fn from(error: AnnouncementError) -> Self {
        let text = error.to_string();
        match error {
            AnnouncementError::Challenge(error) => error.into(),
            AnnouncementError::TooOften(_) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_announcements",
                text,
            ),
        }
    }
}

impl From<DiscussionError> for Fault {
    fn from(error: DiscussionError) -> Self {
        let text = error.to_string();
        let forbidden = |kind| Self::new(StatusCode::FORBIDDEN, kind, text.clone());
        match error {
            DiscussionError::Challenge(error) => error.into(),
            DiscussionError::NoSuchTopic(_) | DiscussionError::NoSuchPost(_) => {
                Self::not_found(text)
            }
            DiscussionError::NotAMember => forbidden("rules_not_accepted"),
            DiscussionError::Disqualified => forbidden("disqualified"),
            DiscussionError::Muted(_) => forbidden("muted"),
            DiscussionError::Archived => forbidden("archived"),
            DiscussionError::Locked => forbidden("locked"),
            DiscussionError::NotYourPost => forbidden("not_yours"),
            DiscussionError::TooLate(_) => forbidden("too_late"),
            DiscussionError::TooOften { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_posts", text)
            }
        }
    }
}

impl From<PublishError> for Fault {
    fn from(error: PublishError) -> Self {
        let text = error.to_string();
        match error {
            PublishError::Invalid { field, problem } => Self::invalid(field, problem),
            PublishError::Table(_) | PublishError::Recording(_) => Self::invalid("table", text),
            PublishError::Policy(_) | PublishError::Anonymization(_) => {
                Self::invalid("policy", text)
            }
            PublishError::Split(_) => Self::invalid("split", text),
            PublishError::Refused(_) => Self {
                kind: "gates_failed".into(),
                ..Self::invalid("policy", text)
            },
            PublishError::Io(error) => Self::internal(error),
            PublishError::Storage(error) => error.into(),
            PublishError::Database(error) => error.into(),
        }
    }
}

impl From<DraftError> for Fault {
    fn from(error: DraftError) -> Self {
        let text = error.to_string();
        let conflict = |kind| Self::new(StatusCode::CONFLICT, kind, text.clone());
        match error {
            DraftError::NotFound(_) => Self::not_found(text),
            DraftError::TooMany => conflict("too_many_drafts"),
            DraftError::Empty => Self::invalid("file", text),
            DraftError::TooLarge { limit } => StorageError::TooLarge { limit }.into(),
            DraftError::Offset { .. } => conflict("offset"),
            DraftError::TooManyParts => conflict("too_many_parts"),
            DraftError::Incomplete => conflict("incomplete"),
            DraftError::NotInspected => conflict("not_inspected"),
            DraftError::NoPolicy => conflict("no_policy"),
            DraftError::Busy(_) => conflict("busy"),
            DraftError::NotMeasured => conflict("not_measured"),
            DraftError::Changed => conflict("changed"),
            DraftError::Invalid { field, problem } => Self::invalid(field, problem),
            DraftError::Publish(error) => error.into(),
            DraftError::Storage(error) => error.into(),
            DraftError::Database(error) => error.into(),
            DraftError::Vault(_) | DraftError::Io(_) => Self::internal(text),
        }
    }
}

impl From<LinkRefusal> for Fault {
    fn from(refusal: LinkRefusal) -> Self {
        let kind = match refusal {
            LinkRefusal::Expired(_) => "link_expired",
            LinkRefusal::Wrong => "wrong_signature",
        };
        Self::new(StatusCode::FORBIDDEN, kind, refusal.to_string())
    }
}

impl From<BoardError> for Fault {
    fn from(error: BoardError) -> Self {
        let text = error.to_string();
        match error {
            BoardError::Challenge(error) => error.into(),
            BoardError::NotARating | BoardError::NoModels => {
                Self::new(StatusCode::CONFLICT, "no_board", text)
            }
            BoardError::NoLaps(_) => Self::new(StatusCode::CONFLICT, "no_laps", text),
            BoardError::Unreadable(_) | BoardError::Io(_) => Self::internal(text),
            BoardError::Storage(error) => error.into(),
            BoardError::Database(error) => error.into(),
        }
    }
}

impl From<ScoutError> for Fault {
    fn from(error: ScoutError) -> Self {
        let text = error.to_string();
        match error {
            ScoutError::NotFound(_) | ScoutError::NotRated { .. } => Self::not_found(text),
            ScoutError::Invalid { field, problem } => Self::invalid(field, problem),
            ScoutError::Database(error) => error.into(),
        }
    }
}

impl From<ExpertError> for Fault {
    fn from(error: ExpertError) -> Self {
        let text = error.to_string();
        match error {
            ExpertError::NotFound(_) | ExpertError::NotOpen(_) => Self::not_found(text),
            ExpertError::Invalid { field, problem } => Self::invalid(field, problem),
            ExpertError::WroteLately { .. } => {
                Self::new(StatusCode::CONFLICT, "wrote_lately", text)
            }
            ExpertError::WroteOften { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_messages", text)
            }
            ExpertError::Database(error) => error.into(),
        }
    }
}

impl From<CoachingError> for Fault {
    fn from(error: CoachingError) -> Self {
        let text = error.to_string();
        let conflict = |kind| Self::new(StatusCode::CONFLICT, kind, text.clone());
        match error {
            CoachingError::NoSuchDriver(_)
            | CoachingError::NoSuchSession(_)
            | CoachingError::NoSuchLink => Self::not_found(text),
            CoachingError::Invalid { field, problem } => Self::invalid(&field, problem),
            CoachingError::LabelTaken => Self {
                field: Some("label".into()),
                ..conflict("label_taken")
            },
            CoachingError::TooMany { .. } => conflict("too_many"),
            CoachingError::OtherLap(_) => conflict("other_lap"),
            CoachingError::Over => conflict("session_over"),
            CoachingError::Database(error) => error.into(),
        }
    }
}

impl From<ShowError> for Fault {
    fn from(error: ShowError) -> Self {
        let text = error.to_string();
        match error {
            ShowError::NotFound | ShowError::NotPublic(_) => Self::not_found(text),
            ShowError::NotOver => Self::new(StatusCode::CONFLICT, "not_over", text),
            ShowError::Database(error) => error.into(),
        }
    }
}

impl From<ConsentError> for Fault {
    fn from(error: ConsentError) -> Self {
        let text = error.to_string();
        let conflict = |kind| Self::new(StatusCode::CONFLICT, kind, text.clone());
        let too_many = |kind| Self::new(StatusCode::TOO_MANY_REQUESTS, kind, text.clone());
        match error {
            ConsentError::NotFound
            | ConsentError::NoSuchDriver { .. }
            | ConsentError::LinkOpensNothing => Self::not_found(text),
            ConsentError::IdentitiesDestroyed => conflict("identities_destroyed"),
            ConsentError::OwnDataset => Self::new(StatusCode::FORBIDDEN, "own_dataset", text),
            ConsentError::AlreadyAsked => conflict("already_asked"),
            ConsentError::AskedBefore(_) => conflict("asked_before"),
            ConsentError::TooManyWaiting(_) => conflict("too_many_waiting"),
            ConsentError::TooManyToday(_) => too_many("too_many_requests"),
            ConsentError::Invalid { field, problem } => Self::invalid(field, problem),
            ConsentError::NotNow(_) => conflict("not_now"),
            ConsentError::Vault(_) => Self::internal(text),
            ConsentError::Database(error) => error.into(),
        }
    }
}

impl From<SelectionError> for Fault {
    fn from(error: SelectionError) -> Self {
        let conflict = |kind| Self::new(StatusCode::CONFLICT, kind, error.to_string());
        match error {
            SelectionError::NotFound(_) => Self::not_found(error.to_string()),
            SelectionError::PhaseOver(_) => conflict("phase_over"),
            SelectionError::CannotCount(..) => conflict("cannot_count"),
            SelectionError::Enough { .. } => conflict("enough_selected"),
            SelectionError::Withdrawn(_) => conflict("already_withdrawn"),
            SelectionError::LongDescription => Self::invalid(
                "description",
                format!("write at most {DESCRIPTION_LIMIT} characters"),
            ),
            SelectionError::Database(error) => error.into(),
        }
    }
}

impl From<CompareError> for Fault {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::NotFound(_) => Self::not_found(error.to_string()),
            CompareError::OtherPhase(..) => Self::invalid("other", error.to_string()),
            CompareError::Database(error) => error.into(),
        }
    }
}

impl From<RunActError> for Fault {
    fn from(error: RunActError) -> Self {
        match error {
            RunActError::NotFound(_) => Self::not_found(error.to_string()),
            RunActError::NothingToCancel(_) => {
                Self::new(StatusCode::CONFLICT, "nothing_to_cancel", error.to_string())
            }
            RunActError::Challenge(error) => error.into(),
            RunActError::Database(error) => error.into(),
        }
    }
}

impl From<CorrectionError> for Fault {
    fn from(error: CorrectionError) -> Self {
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, error.to_string());
        match error {
            CorrectionError::NotFound(_) => Self::not_found(error.to_string()),
            CorrectionError::UnderWay(_) => conflict("correction_under_way"),
            CorrectionError::Over(_) => conflict("correction_over"),
            CorrectionError::Challenge(error) => error.into(),
            CorrectionError::Database(error) => error.into(),
        }
    }
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        match error {
            RunError::LeaseLost => Self::new(StatusCode::CONFLICT, "lease_lost", error.to_string()),
            RunError::NoSuchFile => Self::not_found(error.to_string()),
            RunError::Database(error) => error.into(),
            RunError::Storage(error) => error.into(),
        }
    }
}
