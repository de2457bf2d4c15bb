//! `TestApp`: the real server on a port of its own, with a database and a store of its own.

use std::future::Future;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use diesel::RunQueryDsl;
use diesel::prelude::*;
use paddock::accounts::passwords::Passwords;
use paddock::accounts::permissions::Principal;
use paddock::accounts::tokens::{self, Scope};
use paddock::accounts::users::{self, Role, SignUp, User};
use paddock::challenges::challenge::Page;
use paddock::challenges::dispatch::LocalWorker;
use paddock::challenges::draft::{CarryOver, ChallengeDraft, Joining, LatePolicy, PhaseDraft};
use paddock::challenges::life;
use paddock::challenges::posting::{self, ChallengeFiles};
use paddock::datasets::anonymize::ReleaseKey;
use paddock::datasets::publish::{DatasetDraft, Publication, Published};
use paddock::http::fault::Fault;
use paddock::http::state::State;
use paddock::platform::clock::Clock;
use paddock::platform::config::Config;
use paddock::platform::database::Database;
use paddock::scoring::judge::Judge;
use paddock::scoring::kind::SubmissionKind;
use paddock::scoring::predictions::{ColumnKind, PredictionColumn, PredictionFormat};
use paddock::scoring::sandbox::Limits;
use paddock::scoring::solution::SolutionFormat;
use paddock::scoring::worker::{SolutionSpec, Worker};
use reqwest::{Client, RequestBuilder, Response, multipart};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Runs a story on each database.
#[macro_export]
macro_rules! on_both_databases {
    ($(#[$meta:meta])* $name:ident, |$app:ident| $story:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn story($app: $crate::app::TestApp) {
                $story.await
            }

            $(#[$meta])*
            #[test]
            fn sqlite() {
                $crate::app::run($crate::app::Backend::Sqlite, story);
            }

            $(#[$meta])*
            #[test]
            fn postgres() {
                $crate::app::run($crate::app::Backend::Postgres, story);
            }
        }
    };
}

/// Which database a story runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Runs one story in a runtime of its own. The PostgreSQL half does nothing where no server is named:
/// CI names one, always.
pub fn run<F, S>(backend: Backend, story: S)
where
    F: Future<Output = ()>,
    S: FnOnce(TestApp) -> F,
{
    let database = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => match postgres_url() {
            Some(server) => Some(PostgresDatabase::create(&server)),
            None => return,
        },
    };
    let runtime = actix_web::rt::System::new();
    runtime.block_on(async {
        let app = TestApp::start(database).await;
        let (finished, stop) = (app.finished.clone(), app.stop.clone());
        story(app).await;
        stop.cancel();
        finished.cancelled().await;
    });
}

fn postgres_url() -> Option<String> {
    std::env::var("PADDOCK_TEST_POSTGRES_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

/// A database of the test's own, dropped with it.
struct PostgresDatabase {
    server: String,
    name: String,
}

impl PostgresDatabase {
    /// Copies a template that was migrated once in this process: much faster than migrating each.
    fn create(server: &str) -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let template = TEMPLATE.get_or_init(|| {
            let name = format!("paddock_template_{}", std::process::id());
            execute(server, &format!("CREATE DATABASE {name}"));
            let url = with_database(server, &name).parse().unwrap();
            Database::open(&url, 1).unwrap().migrate().unwrap();
            name
        });
        let name = format!(
            "paddock_test_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        execute(
            server,
            &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"),
        );
        Self {
            server: server.to_owned(),
            name,
        }
    }

    fn url(&self) -> String {
        with_database(&self.server, &self.name)
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        execute(
            &self.server,
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

fn execute(server: &str, sql: &str) {
    let mut connection = PgConnection::establish(server).expect("PADDOCK_TEST_POSTGRES_URL");
    diesel::sql_query(sql).execute(&mut connection).unwrap();
}

fn with_database(server: &str, name: &str) -> String {
    let mut url = reqwest::Url::parse(server).unwrap();
    url.set_path(name);
    url.to_string()
}

/// The server under test.
pub struct TestApp {
    /// As in `http://127.0.0.1:40123`.
    pub address: String,
    /// What the server works with: tests look behind the scenes through it.
    pub state: State,
    /// The test's own clock: it stands until the test moves it.
    pub clock: Clock,
    client: Client,
    stop: CancellationToken,
    finished: CancellationToken,
    _folder: TempDir,
    _database: Option<PostgresDatabase>,
}

/// Someone with an account and a token that allows everything.
#[derive(Debug, Clone)]
pub struct Account {
    pub user: User,
    pub password: String,
    pub token: String,
}

impl Account {
    pub fn principal(&self) -> Principal {
        Principal::Browser(self.user.clone())
    }
}

/// The time at which every test begins.
pub fn beginning() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 6, 1, 12, 0, 0).unwrap()
}

impl TestApp {
    async fn start(database: Option<PostgresDatabase>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = listener.local_addr().unwrap().to_string();
        let config = Config {
            listen: listen.clone(),
            data_dir: folder.path().to_owned(),
            database_url: database
                .as_ref()
                .map(PostgresDatabase::url)
                .unwrap_or_default(),
            // Tests run the worker themselves, step by step.
            worker_concurrency: 0,
            sign_in_per_minute: 100_000,
            submissions_per_minute: 100_000,
            messages_per_minute: 100_000,
            // Letters too.
            mail_url: "none".into(),
            invitations_per_minute: 100_000,
            personal_links_per_minute: 100_000,
            ..Config::default()
        };
        let clock = Clock::manual(beginning());
        let state = State::open(config, clock.clone(), Passwords::for_tests()).unwrap();
        let stop = CancellationToken::new();
        let finished = CancellationToken::new();
        let server = paddock::server::serve(state.clone(), listener, stop.clone());
        actix_web::rt::spawn({
            let finished = finished.clone();
            async move {
                server.await.unwrap();
                finished.cancel();
            }
        });
        Self {
            address: format!("http://{listen}"),
            state,
            clock,
            client: Client::new(),
            stop,
            finished,
            _folder: folder,
            _database: database,
        }
    }

    /// A browser that keeps cookies and shows redirects instead of following them.
    pub fn visitor(&self) -> Browser {
        Browser {
            client: Client::builder()
                .cookie_store(true)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            address: self.address.clone(),
        }
    }

    /// A browser in which the account has signed in.
    pub async fn browser_of(&self, account: &Account) -> Browser {
        let browser = self.visitor();
        let form = [
            ("username", account.user.username.as_str()),
            ("password", account.password.as_str()),
        ];
        let response = browser.post("/sign-in", &form).await;
        assert_eq!(response.status(), 303, "{}", response.text().await.unwrap());
        browser
    }

    /// A new account with a token of every scope.
    pub async fn account(&self, role: Role) -> Account {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let username = format!("{role}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.account_named(&username, role).await
    }

    /// A new account of this name.
    pub async fn account_named(&self, username: &str, role: Role) -> Account {
        let password = "correct horse battery".to_owned();
        let sign_up = SignUp {
            username: username.to_owned(),
            email: format!("{username}@paddock.example"),
            password: password.clone(),
        };
        let now = self.clock.now();
        let user = users::sign_up(
            &self.state.database,
            &self.state.passwords,
            now,
            sign_up,
            role,
        )
        .await
        .unwrap();
        let token = self.token_of(&user, Scope::ALL).await;
        Account {
            user,
            password,
            token,
        }
    }

    /// Another token of a user's, with these scopes.
    pub async fn token_of(&self, user: &User, scopes: &'static [Scope]) -> String {
        let (now, id) = (self.clock.now(), user.id);
        self.state
            .database
            .write(move |connection| {
                tokens::create(connection, now, id, "tests", scopes, None).map_err(Fault::from)
            })
            .await
            .unwrap()
    }

    /// A token for a worker of this name.
    pub async fn worker_token(&self, name: &'static str) -> String {
        let now = self.clock.now();
        self.state
            .database
            .write(move |connection| {
                tokens::create_for_worker(connection, now, name).map_err(Fault::from)
            })
            .await
            .unwrap()
    }

    /// A request of nobody.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.address))
    }

    /// Requests of a program.
    pub fn api<'a>(&'a self, token: &'a str) -> Api<'a> {
        Api { app: self, token }
    }

    /// Publishes a small dataset: 24 drivers who all drive the same 20 laps, under k = 11.
    pub async fn publish_sample_dataset(&self, owner: &Account, slug: &str) -> Published {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("laps.csv");
        std::fs::write(&table, sample_laps()).unwrap();
        let draft = DatasetDraft {
            slug: slug.to_owned(),
            title: "Laps of a small school".into(),
            summary: "Two dozen drivers, twenty laps each.".into(),
            card: "# The data\n\nEvery lap of one afternoon.".into(),
            licence: "CC-BY-4.0".into(),
            notes: "First release.".into(),
            policy: SAMPLE_POLICY.into(),
            split: None,
            ..DatasetDraft::default()
        };
        let publication = Publication {
            draft,
            table,
            key: ReleaseKey::new([7; 32]),
            owner: owner.user.clone(),
            overridden: None,
        };
        let publisher = &self.state.publisher;
        publisher
            .publish(self.clock.now(), publication)
            .await
            .unwrap()
    }

    /// Posts and publishes a challenge of ten rows (ids 1 to 10, truth = id, odd ids public) scored by
    /// RMSE, changed as the test likes.
    pub async fn post_challenge(
        &self,
        owner: &Account,
        change: impl FnOnce(&mut ChallengeDraft),
    ) -> String {
        self.post_challenge_of(owner, SAMPLE_SOLUTION, change).await
    }

    /// The same of other rows: their truth and their split.
    pub async fn post_challenge_of(
        &self,
        owner: &Account,
        solution: &str,
        change: impl FnOnce(&mut ChallengeDraft),
    ) -> String {
        let slug = self.post_draft_of(owner, solution, change).await;
        let (principal, now, address) = (owner.principal(), self.clock.now(), slug.clone());
        self.state
            .database
            .write(move |connection| {
                life::publish(connection, now, &principal, &address, false).map_err(Fault::from)
            })
            .await
            .unwrap();
        slug
    }

    /// Posts the same challenge and leaves it a draft.
    pub async fn post_draft(
        &self,
        owner: &Account,
        change: impl FnOnce(&mut ChallengeDraft),
    ) -> String {
        self.post_draft_of(owner, SAMPLE_SOLUTION, change).await
    }

    async fn post_draft_of(
        &self,
        owner: &Account,
        solution: &str,
        change: impl FnOnce(&mut ChallengeDraft),
    ) -> String {
        let text = solution;
        let mut draft = sample_draft(self.clock.now());
        change(&mut draft);
        let folder = tempfile::tempdir().unwrap();
        let solution = folder.path().join("solution.csv");
        std::fs::write(&solution, text).unwrap();
        let slug = draft.slug.clone();
        let files = ChallengeFiles {
            solutions: vec![solution; draft.phases.len()],
            ..ChallengeFiles::default()
        };
        posting::post(
            &self.state.database,
            &self.state.storage,
            self.clock.now(),
            &owner.user,
            draft,
            files,
        )
        .await
        .unwrap();
        slug
    }

    /// Accepts the rules of a challenge for an account.
    pub async fn join(&self, account: &Account, slug: &str) {
        let response = self
            .api(&account.token)
            .post(&format!("/challenges/{slug}/membership"))
            .json(&serde_json::json!({ "rules_version": 1 }))
            .send()
            .await
            .unwrap();
        assert!(
            response.status().is_success(),
            "{}",
            response.text().await.unwrap()
        );
    }

    /// Sends predictions over the API and returns the submission's id.
    pub async fn submit(&self, account: &Account, slug: &str, csv: &str) -> i64 {
        let response = self.try_submit(account, slug, csv).await;
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, 201, "{body}");
        body["id"].as_i64().unwrap()
    }

    /// Sends predictions over the API, whatever comes of it.
    pub async fn try_submit(&self, account: &Account, slug: &str, csv: &str) -> Response {
        let file = multipart::Part::bytes(csv.as_bytes().to_vec())
            .file_name("predictions.csv")
            .mime_str("text/csv")
            .unwrap();
        self.api(&account.token)
            .post(&format!("/challenges/{slug}/submissions"))
            .multipart(multipart::Form::new().part("file", file))
            .send()
            .await
            .unwrap()
    }

    /// What the API says of a submission.
    pub async fn submission(&self, account: &Account, id: i64) -> Value {
        let response = self.api(&account.token).get(&format!("/submissions/{id}"));
        response.send().await.unwrap().json().await.unwrap()
    }

    /// The first page of a leaderboard, over the API.
    pub async fn leaderboard(&self, slug: &str) -> Value {
        let response = self.get(&format!("/api/v1/challenges/{slug}/leaderboard"));
        response.send().await.unwrap().json().await.unwrap()
    }

    /// A worker of the server's own process.
    pub fn worker(&self) -> Arc<Worker<LocalWorker>> {
        let local = LocalWorker {
            dispatch: self.state.dispatch.clone(),
            patience: std::time::Duration::ZERO,
        };
        let scratch = LocalWorker::scratch(&self.state.config.data_dir);
        let judge = Judge::of_machine(&self.state.config, scratch.clone());
        Arc::new(Worker::new(
            local,
            judge,
            SubmissionKind::ALL.to_vec(),
            scratch,
        ))
    }

    /// Runs the worker until nothing waits.
    pub async fn score_all(&self) {
        let worker = self.worker();
        while worker.step().await.unwrap() {}
    }

    /// Tells the server to stop, as a signal does.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Moves the clock.
    pub fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
    }
}

/// A signed-in, or not signed-in, browser.
pub struct Browser {
    pub client: Client,
    pub address: String,
}

impl Browser {
    pub async fn get(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.address))
            .send()
            .await
            .unwrap()
    }

    /// The text of a page that must be there.
    pub async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    /// Sends a form as the page of this server would.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.client
            .post(format!("{}{path}", self.address))
            .header("Sec-Fetch-Site", "same-origin")
            .form(form)
            .send()
            .await
            .unwrap()
    }

    /// Sends a form with files.
    pub async fn post_files(&self, path: &str, form: multipart::Form) -> Response {
        self.client
            .post(format!("{}{path}", self.address))
            .header("Sec-Fetch-Site", "same-origin")
            .multipart(form)
            .send()
            .await
            .unwrap()
    }
}

/// Requests below `/api/v1` with a token.
pub struct Api<'a> {
    app: &'a TestApp,
    token: &'a str,
}

impl Api<'_> {
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.app
            .get(&format!("/api/v1{path}"))
            .bearer_auth(self.token)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.app.address);
        self.app.client.post(url).bearer_auth(self.token)
    }

    pub fn patch(&self, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.app.address);
        self.app.client.patch(url).bearer_auth(self.token)
    }

    pub fn put(&self, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.app.address);
        self.app.client.put(url).bearer_auth(self.token)
    }
}

/// Truth = id; odd ids are public.
pub const SAMPLE_SOLUTION: &str = "id,target,split\n1,1,public\n2,2,private\n3,3,public\n4,4,private\n\
     5,5,public\n6,6,private\n7,7,public\n8,8,private\n9,9,public\n10,10,private\n";

/// Predictions for the sample challenge that are off by `public_error` on the public rows and by
/// `private_error` on the private ones: exactly the RMSE that they get.
pub fn predictions(public_error: f64, private_error: f64) -> String {
    (1..=10).fold("id,prediction\n".to_owned(), |csv, id| {
        let error = if id % 2 == 1 {
            public_error
        } else {
            private_error
        };
        format!("{csv}{id},{}\n", f64::from(id) + error)
    })
}

/// The challenge of [`TestApp::post_challenge`].
pub fn sample_draft(now: DateTime<Utc>) -> ChallengeDraft {
    ChallengeDraft {
        slug: "sample".into(),
        title: "A sample challenge".into(),
        tagline: "Predict ten numbers.".into(),
        dataset: None,
        rates_drivers: false,
        prediction_format: PredictionFormat::new(
            "id",
            vec![PredictionColumn {
                name: "prediction".into(),
                kind: ColumnKind::Number,
            }],
        )
        .unwrap(),
        kinds: vec![SubmissionKind::Predictions],
        onnx: None,
        run_limits: Limits::default(),
        rules: "Be fair.".into(),
        pages: vec![Page {
            slug: "overview".into(),
            title: "Overview".into(),
            body: "Predict the **target**.".into(),
        }],
        prizes: String::new(),
        eligibility: String::new(),
        time_zone: chrono_tz::Tz::UTC,
        joining: Joining::Open,
        max_team_size: 5,
        teams_locked_at: None,
        final_selections: 2,
        phases: vec![PhaseDraft {
            name: "Final".into(),
            starts_at: now - TimeDelta::days(1),
            ends_at: now + TimeDelta::days(30),
            metric: "rmse".parse().unwrap(),
            submissions_per_day: 5,
            submissions_total: 50,
            max_bytes: 1 << 20,
            solution: SolutionSpec {
                format: SolutionFormat {
                    split_column: Some("split".into()),
                    ..SolutionFormat::new("id", "target")
                },
                public_fraction: None,
                split_seed: 0,
            },
            features_file: None,
            grace_minutes: 0,
            late: LatePolicy::Refused,
            carry_over: CarryOver::None,
            secondary_metrics: Vec::new(),
            // Tests of the Ladder turn it on: ten rows would have it by default.
            ladder: Some(false),
            public_digits: None,
            features_hidden: true,
        }],
    }
}

const SAMPLE_POLICY: &str = r#"
version = 1
minimum_class_size = 11
minors = true
subject = "driver"

[[column]]
name = "driver"
action = "pseudonym"
prefix = "D"

[[column]]
name = "age"
action = "band"
width = 4
quasi_identifier = true

[[column]]
name = "lap"
action = "keep"

[[column]]
name = "seconds"
action = "keep"
"#;

fn sample_laps() -> String {
    let mut csv = "driver,age,lap,seconds\n".to_owned();
    for driver in 0..24_u32 {
        for lap in 1..=20_u32 {
            let seconds = 50.0 + f64::from(lap * 13 % 40) / 20.0;
            let age = 14 + driver % 4;
            csv += &format!("Driver Number{driver:02},{age},{lap},{seconds:.3}\n");
        }
    }
    csv
}
