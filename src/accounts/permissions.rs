//! Who may do what: one table, enforced by one middleware, walked route by route by a test.
//!
//! A route that is not in the table is not served, so forgetting a line here closes a door rather
//! than leaving it open. Whose *own* thing it is (an organizer's challenge, a team's submission) is
//! decided by the room that owns the thing.

use super::tokens::Scope;
use super::users::{Role, User};

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody that we know.
    Visitor,
    /// A person in a signed-in browser.
    Browser(User),
    /// A person's program.
    Program(User, Vec<Scope>),
    /// A worker of another machine.
    Worker {
        /// The name that its token was made under.
        name: String,
    },
}

impl Principal {
    /// The person, in the browser or behind the program.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::Browser(user) | Self::Program(user, _) => Some(user),
            Self::Visitor | Self::Worker { .. } => None,
        }
    }

    /// Whether this person may run what the given user owns.
    pub fn may_manage(&self, owner_id: i64) -> bool {
        self.user().is_some_and(|user| match user.role {
            Role::Admin => true,
            Role::Organizer => user.id == owner_id,
            Role::Expert | Role::Scout => false,
        })
    }
}

/// What a route asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Anyone,
    /// An account.
    Account,
    /// An account with one of these roles; admins always pass.
    Roles(&'static [Role]),
    /// A worker's token.
    Worker,
}

/// What an address may do only so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Guessing passwords, making accounts.
    SignIn,
    /// Sending submissions.
    Submission,
    /// Announcing, writing, reporting.
    Message,
    /// Inviting people, guessing invitations' links.
    Invitation,
    /// Opening drivers' personal links.
    PersonalLink,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The HTTP method. `HEAD` is served where `GET` is.
    pub method: &'static str,
    /// The route's pattern, as it is registered.
    pub pattern: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What a program's token must allow, on top.
    pub scope: Scope,
    /// How often one address may call it, where that is limited.
    pub throttle: Option<Throttle>,
}

impl Rule {
    const fn throttled(mut self, throttle: Throttle) -> Self {
        self.throttle = Some(throttle);
        self
    }
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such route.
    #[error("There is nothing at this address.")]
    NoSuchRoute,
    /// Sign in first.
    #[error("Sign in first, or send an API token.")]
    SignIn,
    /// This account may not.
    #[error("Your account may not do this; it takes the role {0}.")]
    Role(&'static str),
    /// This token may not, though its owner might.
    #[error("This token lacks the scope `{0}`; make one that has it in your account.")]
    Scope(Scope),
}

const fn rule(method: &'static str, pattern: &'static str, access: Access, scope: Scope) -> Rule {
    Rule {
        method,
        pattern,
        access,
        scope,
        throttle: None,
    }
}

use Access::{Account, Anyone, Roles, Worker};
use Scope::{Organize, Read, Submit};

const ORGANIZERS: Access = Roles(&[Role::Organizer]);
const SCOUTS: Access = Roles(&[Role::Scout, Role::Organizer]);
const ADMINS: Access = Roles(&[]);

/// The table.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    // The house itself
    rule("GET",  "/healthz", Anyone, Read),
    rule("GET",  "/readyz", Anyone, Read),
    rule("GET",  "/metrics", Anyone, Read),
    rule("GET",  "/openapi.json", Anyone, Read),
    rule("GET",  "/static/{file:.*}", Anyone, Read),
    rule("GET",  "/favicon.ico", Anyone, Read),
    rule("GET",  "/robots.txt", Anyone, Read),
    rule("GET",  "/sitemap.xml", Anyone, Read),

    // Pages: anyone
    rule("GET",  "/", Anyone, Read),
    rule("GET",  "/sign-up", Anyone, Read),
    rule("POST", "/sign-up", Anyone, Read).throttled(Throttle::SignIn),
    rule("GET",  "/sign-in", Anyone, Read),
    rule("POST", "/sign-in", Anyone, Read).throttled(Throttle::SignIn),
    rule("POST", "/sign-out", Anyone, Read),
    rule("GET",  "/datasets", Anyone, Read),
    rule("GET",  "/datasets/{slug}", Anyone, Read),
    rule("GET",  "/datasets/{slug}/files/{path:.*}", Anyone, Read),
    rule("GET",  "/datasets/{slug}/risk-report", Anyone, Read),
    rule("GET",  "/datasets/{slug}/changes", Anyone, Read),
    rule("GET",  "/datasets/{slug}/croissant.json", Anyone, Read),
    rule("GET",  "/datasets/{slug}/datapackage.json", Anyone, Read),
    rule("GET",  "/datasets/{namespace}/{name}", Anyone, Read),
    rule("GET",  "/challenges", Anyone, Read),
    rule("GET",  "/challenges/{slug}", Anyone, Read),
    rule("GET",  "/challenges/{slug}/data", Anyone, Read),
    rule("GET",  "/challenges/{slug}/sample-submission.csv", Anyone, Read),
    rule("GET",  "/challenges/{slug}/kinds/{kind}", Anyone, Read),
    rule("GET",  "/challenges/{slug}/starter-kits/{kind}", Anyone, Read),
    rule("GET",  "/challenges/{slug}/features", Anyone, Read),
    rule("GET",  "/challenges/{slug}/rules", Anyone, Read),
    rule("GET",  "/challenges/{slug}/corrections/{id}", Anyone, Read),
    rule("GET",  "/challenges/{slug}/leaderboard", Anyone, Read),
    rule("GET",  "/challenges/{slug}/announcements", Anyone, Read),
    rule("GET",  "/challenges/{slug}/announcements.atom", Anyone, Read),
    rule("GET",  "/challenges/{slug}/discussion", Anyone, Read),
    rule("GET",  "/challenges/{slug}/discussion/{id}", Anyone, Read),
    rule("GET",  "/challenges/{slug}/leaderboard.{format}", Anyone, Read),
    rule("GET",  "/challenges/{slug}/teams/{id}", Anyone, Read),
    rule("GET",  "/experts", Anyone, Read),
    rule("GET",  "/experts/{username}", Anyone, Read),
    rule("GET",  "/medals", Anyone, Read),
    rule("GET",  "/receipts/{id}", Anyone, Read),

    // Pages: drivers and coaches, by a personal link
    rule("GET",  "/driving/{key}", Anyone, Read).throttled(Throttle::PersonalLink),
    rule("GET",  "/driving/{key}/live", Anyone, Read).throttled(Throttle::PersonalLink),

    // Pages: those who compete
    rule("POST", "/challenges/{slug}/rules", Account, Submit),
    rule("GET",  "/challenges/{slug}/join/{key}", Account, Read).throttled(Throttle::Invitation),
    rule("POST", "/challenges/{slug}/join/{key}", Account, Submit).throttled(Throttle::Invitation),
    rule("GET",  "/challenges/{slug}/team", Account, Read),
    rule("POST", "/challenges/{slug}/team/name", Account, Submit),
    rule("POST", "/challenges/{slug}/team/captain", Account, Submit),
    rule("POST", "/challenges/{slug}/team/invitations", Account, Submit).throttled(Throttle::Invitation),
    rule("POST", "/challenges/{slug}/team/invitations/{id}", Account, Submit),
    rule("POST", "/challenges/{slug}/team/leave", Account, Submit),
    rule("GET",  "/challenges/{slug}/submit", Account, Submit),
    rule("POST", "/challenges/{slug}/submit", Account, Submit).throttled(Throttle::Submission),
    rule("GET",  "/challenges/{slug}/submissions", Account, Read),
    rule("GET",  "/challenges/{slug}/submissions/compare", Account, Read),
    rule("GET",  "/submissions/{id}", Account, Read),
    rule("POST", "/submissions/{id}/select", Account, Submit),
    rule("GET",  "/submissions/{id}/withdraw", Account, Read),
    rule("POST", "/submissions/{id}/withdraw", Account, Submit),
    rule("POST", "/submissions/{id}/description", Account, Submit),
    rule("GET",  "/submissions/{id}/status", Account, Read),
    rule("GET",  "/submissions/{id}/receipt", Account, Read),
    rule("POST", "/submissions/{id}/receipt", Account, Submit),
    rule("GET",  "/challenges/{slug}/discussion/new", Account, Submit),
    rule("POST", "/challenges/{slug}/discussion", Account, Submit).throttled(Throttle::Message),
    rule("POST", "/challenges/{slug}/discussion/{id}", Account, Submit).throttled(Throttle::Message),
    rule("GET",  "/challenges/{slug}/posts/{id}/edit", Account, Submit),
    rule("POST", "/challenges/{slug}/posts/{id}/edit", Account, Submit).throttled(Throttle::Message),
    rule("GET",  "/challenges/{slug}/posts/{id}/report", Account, Submit),
    rule("POST", "/challenges/{slug}/posts/{id}/report", Account, Submit).throttled(Throttle::Message),
    rule("GET",  "/inbox", Account, Read),
    rule("POST", "/inbox/read", Account, Submit),
    rule("POST", "/inbox/{id}/read", Account, Submit),
    rule("GET",  "/account", Account, Read),
    rule("GET",  "/account/notifications", Account, Read),
    rule("POST", "/account/notifications", Account, Submit),
    rule("GET",  "/account/profile", Account, Read),
    rule("POST", "/account/profile", Account, Submit),
    rule("GET",  "/account/contacts", Account, Read),
    rule("POST", "/account/tokens", Account, Organize),
    rule("POST", "/account/tokens/{id}/revoke", Account, Organize),

    // Pages: scouts' requests to meet a driver, and the driver's own answer
    rule("GET",  "/scouting/requests", SCOUTS, Read),
    rule("GET",  "/scouting/requests/{id}", SCOUTS, Read),
    rule("POST", "/scouting/requests/{id}/cancel", SCOUTS, Submit),
    rule("GET",  "/talent/{slug}/drivers/{driver}/contact", SCOUTS, Read),
    rule("POST", "/talent/{slug}/drivers/{driver}/contact", SCOUTS, Submit).throttled(Throttle::Message),
    rule("GET",  "/consent/{key}", Anyone, Read).throttled(Throttle::Invitation),
    rule("POST", "/consent/{key}", Anyone, Read).throttled(Throttle::Invitation),
    rule("GET",  "/console/contact-requests", ORGANIZERS, Organize),
    rule("GET",  "/console/contact-requests/{id}", ORGANIZERS, Organize),
    rule("POST", "/console/contact-requests/{id}/forward", ORGANIZERS, Organize).throttled(Throttle::Message),
    rule("POST", "/console/contact-requests/{id}/refuse", ORGANIZERS, Organize),
    rule("POST", "/console/contact-requests/{id}/withdraw", ORGANIZERS, Organize),

    // Pages: scouts
    rule("GET",  "/talent", SCOUTS, Read),
    rule("GET",  "/talent/{slug}", SCOUTS, Read),
    rule("GET",  "/talent/{slug}/drivers.{format}", SCOUTS, Read),
    rule("GET",  "/talent/{slug}/compare", SCOUTS, Read),
    rule("POST", "/talent/{slug}/searches", SCOUTS, Submit),
    rule("GET",  "/talent/{slug}/drivers/{driver}", SCOUTS, Read),
    rule("POST", "/talent/{slug}/drivers/{driver}/note", SCOUTS, Submit),
    rule("POST", "/talent/{slug}/drivers/{driver}/shortlists", SCOUTS, Submit),
    rule("GET",  "/scouting/shortlists", SCOUTS, Read),
    rule("POST", "/scouting/shortlists", SCOUTS, Submit),
    rule("GET",  "/scouting/shortlists/{id}", SCOUTS, Read),
    rule("POST", "/scouting/shortlists/{id}/delete", SCOUTS, Submit),
    rule("POST", "/scouting/searches/{id}/delete", SCOUTS, Submit),
    rule("POST", "/experts/{username}/contact", SCOUTS, Submit).throttled(Throttle::Message),

    // Pages: organizers
    rule("POST", "/challenges/{slug}/announcements", ORGANIZERS, Organize).throttled(Throttle::Message),
    rule("GET",  "/challenges/{slug}/discussion/reports", ORGANIZERS, Organize),
    rule("POST", "/challenges/{slug}/discussion/unmute", ORGANIZERS, Organize),
    rule("POST", "/challenges/{slug}/discussion/{id}/moderate", ORGANIZERS, Organize),
    rule("POST", "/challenges/{slug}/posts/{id}/moderate", ORGANIZERS, Organize),
    rule("GET",  "/console", ORGANIZERS, Organize),
    rule("GET",  "/console/drivers", ORGANIZERS, Organize),
    rule("POST", "/console/drivers", ORGANIZERS, Organize),
    rule("GET",  "/console/drivers/{id}", ORGANIZERS, Organize),
    rule("POST", "/console/drivers/{id}", ORGANIZERS, Organize),
    rule("POST", "/console/drivers/{id}/link", ORGANIZERS, Organize),
    rule("POST", "/console/drivers/{id}/recordings", ORGANIZERS, Organize),
    rule("POST", "/console/drivers/{id}/delete", ORGANIZERS, Organize),
    rule("POST", "/console/drivers/{id}/sessions/{session}/delete", ORGANIZERS, Organize),
    rule("GET",  "/console/datasets/new", ORGANIZERS, Organize),
    rule("POST", "/console/datasets/drafts", ORGANIZERS, Organize),
    rule("GET",  "/console/datasets/drafts/{key}", ORGANIZERS, Organize),
    rule("GET",  "/console/datasets/drafts/{key}/status", ORGANIZERS, Organize),
    rule("POST", "/console/datasets/drafts/{key}/inspect", ORGANIZERS, Organize),
    rule("GET",  "/console/datasets/drafts/{key}/policy", ORGANIZERS, Organize),
    rule("POST", "/console/datasets/drafts/{key}/policy", ORGANIZERS, Organize),
    rule("POST", "/console/datasets/drafts/{key}/measure", ORGANIZERS, Organize),
    rule("GET",  "/console/datasets/drafts/{key}/preview", ORGANIZERS, Organize),
    rule("GET",  "/console/datasets/drafts/{key}/risk", ORGANIZERS, Organize),
    rule("GET",  "/console/datasets/drafts/{key}/publish", ORGANIZERS, Organize),
    rule("POST", "/console/datasets/drafts/{key}/publish", ORGANIZERS, Organize),
    rule("POST", "/console/datasets/drafts/{key}/discard", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/new", ORGANIZERS, Organize),
    rule("POST", "/console/challenges", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/import", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/import", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/templates/{name}", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/templates/{name}", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/bundle", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/clone", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/clone", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/complete", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/complete", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/edit", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/edit", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/publish", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/settings", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/life", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/life", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/dates", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/flags", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/flags/{id}", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/baselines", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/baselines", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/baselines/{id}/remove", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/log", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/log.csv", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/submissions.csv", ORGANIZERS, Organize),
    rule("POST", "/console/submissions/{id}/verify", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/talent-board", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/rescoring", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/rescore", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/corrections", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/corrections", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/corrections/{id}/cancel", ORGANIZERS, Organize),
    rule("POST", "/console/submissions/{id}/cancel", ORGANIZERS, Organize),
    rule("POST", "/console/submissions/{id}/rescore", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/participants", ORGANIZERS, Organize),
    rule("GET",  "/console/challenges/{slug}/participants.csv", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/participants/requests", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/participants/link", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/participants/invitations", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/participants/invitations/{id}/remove", ORGANIZERS, Organize),
    rule("POST", "/console/challenges/{slug}/participants/teams/{id}/standing", ORGANIZERS, Organize),
    rule("GET",  "/console/workers", ORGANIZERS, Organize),
    rule("GET",  "/console/workers/now", ORGANIZERS, Organize),
    rule("GET",  "/console/mail", ADMINS, Organize),
    rule("POST", "/console/mail/retry", ADMINS, Organize),
    rule("GET",  "/console/users", ADMINS, Organize),
    rule("POST", "/console/users/{username}/role", ADMINS, Organize),

    // The API: anyone
    rule("GET",  "/api/v1/challenges", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/leaderboard", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/announcements", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/discussion", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/discussion/{id}", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/teams/{id}/history", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/sample-submission", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/starter-kits/{kind}", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/features", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/corrections", Anyone, Read),
    rule("GET",  "/api/v1/challenges/{slug}/corrections/{id}", Anyone, Read),
    rule("GET",  "/api/v1/datasets", Anyone, Read),
    rule("GET",  "/api/v1/datasets/{slug}", Anyone, Read),
    rule("GET",  "/api/v1/datasets/{slug}/risk-report", Anyone, Read),
    rule("GET",  "/api/v1/datasets/{slug}/changes", Anyone, Read),
    rule("GET",  "/api/v1/datasets/{slug}/files/{path:.*}", Anyone, Read),
    rule("GET",  "/api/v1/metrics", Anyone, Read),
    rule("GET",  "/api/v1/receipts/key", Anyone, Read),
    rule("GET",  "/api/v1/experts", Anyone, Read),
    rule("GET",  "/api/v1/experts/{username}", Anyone, Read),

    // The hub's API, for the clients of Hugging Face; whose files they are, the dataset says
    rule("GET",  "/api/whoami-v2", Account, Read),
    rule("GET",  "/api/datasets/{namespace}/{name}", Anyone, Read),
    rule("GET",  "/api/datasets/{namespace}/{name}/refs", Anyone, Read),
    rule("GET",  "/api/datasets/{namespace}/{name}/revision/{revision}", Anyone, Read),
    rule("GET",  "/api/datasets/{namespace}/{name}/tree/{revision}", Anyone, Read),
    rule("GET",  "/api/datasets/{namespace}/{name}/tree/{revision}/{path:.*}", Anyone, Read),
    rule("POST", "/api/datasets/{namespace}/{name}/paths-info/{revision}", Anyone, Read),
    rule("GET",  "/datasets/{namespace}/{name}/resolve/{revision}/{path:.*}", Anyone, Read),

    // The API: those who compete
    rule("GET",  "/api/v1/me", Account, Read),
    rule("GET",  "/api/v1/me/profile", Account, Read),
    rule("PUT",  "/api/v1/me/profile", Account, Submit),
    rule("GET",  "/api/v1/inbox", Account, Read),
    rule("POST", "/api/v1/challenges/{slug}/discussion", Account, Submit).throttled(Throttle::Message),
    rule("POST", "/api/v1/challenges/{slug}/discussion/{id}", Account, Submit).throttled(Throttle::Message),
    rule("POST", "/api/v1/challenges/{slug}/membership", Account, Submit).throttled(Throttle::Invitation),
    rule("GET",  "/api/v1/challenges/{slug}/team", Account, Read),
    rule("PATCH", "/api/v1/challenges/{slug}/team", Account, Submit),
    rule("POST", "/api/v1/challenges/{slug}/team/invitations", Account, Submit).throttled(Throttle::Invitation),
    rule("POST", "/api/v1/challenges/{slug}/team/invitations/{id}", Account, Submit),
    rule("POST", "/api/v1/challenges/{slug}/team/leave", Account, Submit),
    rule("GET",  "/api/v1/challenges/{slug}/submissions", Account, Read),
    rule("POST", "/api/v1/challenges/{slug}/submissions", Account, Submit).throttled(Throttle::Submission),
    rule("GET",  "/api/v1/challenges/{slug}/submissions/compare", Account, Read),
    rule("GET",  "/api/v1/submissions/{id}", Account, Read),
    rule("PATCH", "/api/v1/submissions/{id}", Account, Submit),
    rule("POST", "/api/v1/submissions/{id}/select", Account, Submit),
    rule("POST", "/api/v1/submissions/{id}/deselect", Account, Submit),
    rule("POST", "/api/v1/submissions/{id}/withdraw", Account, Submit),
    rule("GET",  "/api/v1/submissions/{id}/receipt", Account, Read),

    // The API: requests to meet a driver
    rule("GET",  "/api/v1/scouting/requests", SCOUTS, Read),
    rule("POST", "/api/v1/scouting/requests", SCOUTS, Submit).throttled(Throttle::Message),
    rule("GET",  "/api/v1/scouting/requests/{id}", SCOUTS, Read),
    rule("POST", "/api/v1/scouting/requests/{id}/cancel", SCOUTS, Submit),
    rule("GET",  "/api/v1/contact-requests", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/contact-requests/{id}", ORGANIZERS, Organize),
    rule("POST", "/api/v1/contact-requests/{id}/forward", ORGANIZERS, Organize).throttled(Throttle::Message),
    rule("POST", "/api/v1/contact-requests/{id}/refuse", ORGANIZERS, Organize),
    rule("POST", "/api/v1/contact-requests/{id}/withdraw", ORGANIZERS, Organize),

    // The API: scouts
    rule("GET",  "/api/v1/talent", SCOUTS, Read),
    rule("GET",  "/api/v1/talent/{slug}", SCOUTS, Read),
    rule("GET",  "/api/v1/talent/{slug}/drivers/{driver}", SCOUTS, Read),
    rule("PUT",  "/api/v1/talent/{slug}/drivers/{driver}/note", SCOUTS, Submit),
    rule("GET",  "/api/v1/scouting/shortlists", SCOUTS, Read),
    rule("POST", "/api/v1/scouting/shortlists", SCOUTS, Submit),
    rule("GET",  "/api/v1/scouting/shortlists/{id}", SCOUTS, Read),
    rule("DELETE", "/api/v1/scouting/shortlists/{id}", SCOUTS, Submit),
    rule("PUT",  "/api/v1/scouting/shortlists/{id}/drivers/{slug}/{driver}", SCOUTS, Submit),
    rule("DELETE", "/api/v1/scouting/shortlists/{id}/drivers/{slug}/{driver}", SCOUTS, Submit),
    rule("GET",  "/api/v1/scouting/searches", SCOUTS, Read),
    rule("POST", "/api/v1/talent/{slug}/searches", SCOUTS, Submit),
    rule("DELETE", "/api/v1/scouting/searches/{id}", SCOUTS, Submit),
    rule("POST", "/api/v1/experts/{username}/contact", SCOUTS, Submit).throttled(Throttle::Message),

    // The API: organizers
    rule("POST", "/api/v1/datasets", ORGANIZERS, Organize),
    rule("OPTIONS", "/api/v1/uploads", Anyone, Read),
    rule("POST", "/api/v1/uploads", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/uploads/{key}", ORGANIZERS, Organize),
    rule("POST", "/api/v1/uploads/{key}", ORGANIZERS, Organize),
    rule("PATCH", "/api/v1/uploads/{key}", ORGANIZERS, Organize),
    rule("DELETE", "/api/v1/uploads/{key}", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/import", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/challenges/{slug}/bundle", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/clone", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/publish", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/submit-for-review", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/send-back", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/open-next-phase", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/close", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/archive", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/restore", ORGANIZERS, Organize),
    rule("PUT",  "/api/v1/challenges/{slug}/dates", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/baselines", ORGANIZERS, Organize),
    rule("POST", "/api/v1/flags/{id}/resolve", ORGANIZERS, Organize),
    rule("POST", "/api/v1/submissions/{id}/verify", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/announcements", ORGANIZERS, Organize).throttled(Throttle::Message),
    rule("POST", "/api/v1/challenges/{slug}/talent-board", ORGANIZERS, Organize),

    rule("POST", "/api/v1/challenges/{slug}/rescore", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/corrections", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/corrections/{id}/cancel", ORGANIZERS, Organize),
    rule("POST", "/api/v1/submissions/{id}/cancel", ORGANIZERS, Organize),
    rule("POST", "/api/v1/submissions/{id}/rescore", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/challenges/{slug}/participants", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/challenges/{slug}/participants/requests", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/participants/requests", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/participants/link", ORGANIZERS, Organize),
    rule("DELETE", "/api/v1/challenges/{slug}/participants/link", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/challenges/{slug}/participants/invitations", ORGANIZERS, Organize),
    rule("POST", "/api/v1/challenges/{slug}/participants/invitations", ORGANIZERS, Organize),
    rule("DELETE", "/api/v1/challenges/{slug}/participants/invitations/{id}", ORGANIZERS, Organize),
    rule("PUT",  "/api/v1/challenges/{slug}/participants/teams/{id}/disqualification", ORGANIZERS, Organize),
    rule("DELETE", "/api/v1/challenges/{slug}/participants/teams/{id}/disqualification", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/coached-drivers", ORGANIZERS, Organize),
    rule("POST", "/api/v1/coached-drivers", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/coached-drivers/{id}", ORGANIZERS, Organize),
    rule("PUT",  "/api/v1/coached-drivers/{id}", ORGANIZERS, Organize),
    rule("DELETE", "/api/v1/coached-drivers/{id}", ORGANIZERS, Organize),
    rule("POST", "/api/v1/coached-drivers/{id}/link", ORGANIZERS, Organize),
    rule("DELETE", "/api/v1/coached-drivers/{id}/link", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/coached-drivers/{id}/sessions", ORGANIZERS, Organize),
    rule("POST", "/api/v1/coached-drivers/{id}/sessions", ORGANIZERS, Organize),
    rule("DELETE", "/api/v1/coached-drivers/{id}/sessions/{session}", ORGANIZERS, Organize),
    rule("POST", "/api/v1/coached-drivers/{id}/sessions/{session}/laps", ORGANIZERS, Organize),
    rule("POST", "/api/v1/coached-drivers/{id}/sessions/{session}/end", ORGANIZERS, Organize),
    rule("GET",  "/api/v1/workers", ORGANIZERS, Organize),

    // The API: workers
    rule("POST", "/api/v1/worker/announcement", Worker, Read),
    rule("POST", "/api/v1/worker/leases", Worker, Read),
    rule("POST", "/api/v1/worker/runs/{run}/heartbeat", Worker, Read),
    rule("POST", "/api/v1/worker/runs/{run}/report", Worker, Read),
    rule("GET",  "/api/v1/worker/runs/{run}/submission", Worker, Read),
    rule("GET",  "/api/v1/worker/runs/{run}/solution", Worker, Read),
    rule("GET",  "/api/v1/worker/runs/{run}/features", Worker, Read),
    rule("GET",  "/api/v1/worker/runs/{run}/program", Worker, Read),
    rule("PUT",  "/api/v1/worker/runs/{run}/predictions", Worker, Read),
];

/// The rule of a route.
pub fn rule_for(method: &str, pattern: &str) -> Option<&'static Rule> {
    let method = if method == "HEAD" { "GET" } else { method };
    RULES
        .iter()
        .find(|rule| rule.method == method && rule.pattern == pattern)
}

/// The methods that a pattern is served with, as an `Allow` header lists them; empty for an unknown one.
pub fn allowed_methods(pattern: &str) -> Vec<&'static str> {
    let mut methods = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.pattern == pattern) {
        methods.push(rule.method);
        if rule.method == "GET" {
            methods.push("HEAD");
        }
    }
    methods
}

/// Whether this caller may call this route.
pub fn check(rule: &Rule, principal: &Principal) -> Result<(), Refusal> {
    match (rule.access, principal) {
        (Access::Worker, Principal::Worker { .. }) => return Ok(()),
        (Access::Worker, _) => return Err(Refusal::SignIn),
        (Access::Anyone, _) => return Ok(()),
        (_, Principal::Visitor | Principal::Worker { .. }) => return Err(Refusal::SignIn),
        (Access::Account, Principal::Browser(_) | Principal::Program(..)) => {}
        (Access::Roles(roles), Principal::Browser(user) | Principal::Program(user, _)) => {
            if user.role != Role::Admin && !roles.contains(&user.role) {
                let needed = roles.first().copied().unwrap_or(Role::Admin);
                return Err(Refusal::Role(needed.as_str()));
            }
        }
    }
    match principal {
        Principal::Program(_, scopes) if !scopes.contains(&rule.scope) => {
            Err(Refusal::Scope(rule.scope))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(role: Role) -> User {
        User {
            id: 1,
            username: "someone".into(),
            role,
        }
    }

    #[test]
    fn no_route_stands_in_the_table_twice() {
        let mut seen = std::collections::HashSet::new();
        for rule in RULES {
            assert!(
                seen.insert((rule.method, rule.pattern)),
                "{} {}",
                rule.method,
                rule.pattern
            );
        }
    }

    #[test]
    fn a_token_can_do_less_than_its_owner_and_never_more() {
        let console = rule_for("GET", "/console").unwrap();
        let organizer = user(Role::Organizer);
        assert_eq!(
            check(console, &Principal::Browser(organizer.clone())),
            Ok(())
        );
        assert_eq!(
            check(console, &Principal::Program(organizer, vec![Scope::Read])),
            Err(Refusal::Scope(Scope::Organize))
        );
        assert_eq!(
            check(
                console,
                &Principal::Program(user(Role::Expert), vec![Scope::Organize])
            ),
            Err(Refusal::Role("organizer"))
        );
    }

    #[test]
    fn a_worker_reaches_only_the_workers_routes() {
        let worker = Principal::Worker {
            name: "north".into(),
        };
        for rule in RULES {
            let passes = check(rule, &worker).is_ok();
            let expected = matches!(rule.access, Access::Worker | Access::Anyone);
            assert_eq!(passes, expected, "{} {}", rule.method, rule.pattern);
        }
    }
}
