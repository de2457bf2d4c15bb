-- People and their keys ---------------------------------------------------------------------------

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username TEXT NOT NULL,
    -- The lower-cased name: two people may not differ by case alone.
    username_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('expert', 'organizer', 'scout', 'admin')),
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE sessions (
    -- SHA-256 of the cookie's key: a read of this table signs nobody in.
    key_hash TEXT PRIMARY KEY NOT NULL,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    -- Space-separated: read, submit, organize.
    scopes TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    revoked_at TIMESTAMP
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

CREATE TABLE worker_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    token_hash TEXT NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP
);

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at TIMESTAMP NOT NULL,
    actor_id BIGINT REFERENCES users (id),
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_log_by_subject ON audit_log (subject, id);

-- Datasets ----------------------------------------------------------------------------------------

CREATE TABLE datasets (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    owner_id BIGINT NOT NULL REFERENCES users (id),
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    -- The data card, in Markdown.
    card TEXT NOT NULL,
    -- An SPDX identifier.
    licence TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX datasets_by_owner ON datasets (owner_id);

CREATE TABLE releases (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    dataset_id BIGINT NOT NULL REFERENCES datasets (id),
    version INTEGER NOT NULL,
    notes TEXT NOT NULL,
    -- The anonymization policy (TOML) that the release was made under.
    policy TEXT NOT NULL,
    -- JSON: what the transforms did and what the gates measured.
    report TEXT NOT NULL,
    published_at TIMESTAMP NOT NULL,
    UNIQUE (dataset_id, version)
);

CREATE TABLE release_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    release_id BIGINT NOT NULL REFERENCES releases (id),
    path TEXT NOT NULL,
    media_type TEXT NOT NULL,
    description TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    -- JSON: per-column summaries and the first rows.
    summary TEXT NOT NULL,
    UNIQUE (release_id, path)
);

-- Challenges --------------------------------------------------------------------------------------

CREATE TABLE challenges (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    owner_id BIGINT NOT NULL REFERENCES users (id),
    title TEXT NOT NULL,
    tagline TEXT NOT NULL,
    release_id BIGINT REFERENCES releases (id),
    -- True where the predictions rate drivers, so that a talent board can be made of them.
    rates_drivers BOOLEAN NOT NULL,
    -- JSON: the id column and the prediction columns of a submission.
    prediction_format TEXT NOT NULL,
    rules TEXT NOT NULL,
    rules_version INTEGER NOT NULL,
    team_count BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL,
    -- Null while it is a draft.
    published_at TIMESTAMP
);
CREATE INDEX challenges_by_publication ON challenges (published_at, id);
CREATE INDEX challenges_by_owner ON challenges (owner_id, id);

CREATE TABLE challenge_pages (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    position INTEGER NOT NULL,
    slug TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (challenge_id, slug)
);

CREATE TABLE phases (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    starts_at TIMESTAMP NOT NULL,
    ends_at TIMESTAMP NOT NULL,
    metric TEXT NOT NULL,
    submissions_per_day INTEGER NOT NULL,
    submissions_total INTEGER NOT NULL,
    max_bytes BIGINT NOT NULL,
    -- The hidden solution: its content hash under the store's hidden prefix.
    solution_sha256 TEXT NOT NULL,
    solution_rows BIGINT NOT NULL,
    -- JSON: how the solution is read and split.
    solution_format TEXT NOT NULL,
    -- A valid submission that knows nothing, as CSV in the store.
    sample_sha256 TEXT NOT NULL,
    sample_bytes BIGINT NOT NULL,
    entry_count BIGINT NOT NULL DEFAULT 0,
    UNIQUE (challenge_id, position)
);

CREATE TABLE teams (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    name TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    -- Raised first in every transaction that counts the team's submissions: the row's lock.
    revision BIGINT NOT NULL DEFAULT 0,
    UNIQUE (challenge_id, name)
);

CREATE TABLE members (
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    rules_version INTEGER NOT NULL,
    accepted_at TIMESTAMP NOT NULL,
    -- One person is in one team of a challenge.
    PRIMARY KEY (challenge_id, user_id)
);
CREATE INDEX members_by_team ON members (team_id);
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE submissions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    phase_id BIGINT NOT NULL REFERENCES phases (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'scored', 'failed')),
    -- Whether it takes a place of the team's limits: false once it turned out invalid or the platform failed.
    counts BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    file_name TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('csv', 'parquet')),
    -- Where the bytes are under the store's submissions prefix: random, so that a refused upload can be
    -- deleted without asking who else sent the same bytes.
    storage_key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    scored_at TIMESTAMP,
    public_score DOUBLE PRECISION,
    private_score DOUBLE PRECISION,
    -- Null until it ended: ok, invalid, unscorable, platform_fault.
    verdict TEXT,
    reason TEXT,
    error_line BIGINT,
    error_column TEXT
);
CREATE INDEX submissions_by_team ON submissions (phase_id, team_id, id);
CREATE INDEX submissions_counted ON submissions (phase_id, team_id, received_at) WHERE counts;
CREATE INDEX submissions_by_challenge ON submissions (challenge_id, id);

-- The queue: one row for each attempt's holder; `attempt` is the fencing number.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    submission_id BIGINT NOT NULL REFERENCES submissions (id),
    state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'finished')),
    attempt INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    queued_at TIMESTAMP NOT NULL,
    leased_at TIMESTAMP,
    lease_expires_at TIMESTAMP,
    finished_at TIMESTAMP
);
CREATE INDEX runs_waiting ON runs (state, queued_at, id);
CREATE INDEX runs_leased ON runs (state, lease_expires_at, id);
CREATE INDEX runs_by_submission ON runs (submission_id);

-- The leaderboard: one row for each team of a phase that has a score. The keys order it: smaller is better,
-- whatever the metric's direction, so that one index serves every board.
CREATE TABLE entries (
    phase_id BIGINT NOT NULL REFERENCES phases (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    submission_id BIGINT NOT NULL REFERENCES submissions (id),
    submission_count BIGINT NOT NULL,
    scored_at TIMESTAMP NOT NULL,
    public_score DOUBLE PRECISION NOT NULL,
    public_key DOUBLE PRECISION NOT NULL,
    private_score DOUBLE PRECISION NOT NULL,
    private_key DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (phase_id, team_id)
);
CREATE INDEX entries_public ON entries (phase_id, public_key, scored_at, team_id);
CREATE INDEX entries_private ON entries (phase_id, private_key, scored_at, team_id);

-- Talent ------------------------------------------------------------------------------------------

CREATE TABLE talent_boards (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    published_at TIMESTAMP NOT NULL,
    -- JSON: the drivers as the best models rate them.
    board TEXT NOT NULL
);
CREATE INDEX talent_boards_by_challenge ON talent_boards (challenge_id, id);
