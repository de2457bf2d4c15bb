-- Competitions: a challenge's life, teams, boards that can be trusted, messages --------------------------

-- Where an organizer has brought it; what the clock does to a published one is not stored.
ALTER TABLE challenges ADD COLUMN stage TEXT NOT NULL DEFAULT 'draft' CHECK (stage IN ('draft', 'review', 'published', 'archived'));
UPDATE challenges SET stage = 'published' WHERE published_at IS NOT NULL;
-- What a reviewer wants changed before it is published; empty where nobody sent it back.
ALTER TABLE challenges ADD COLUMN review_note TEXT NOT NULL DEFAULT '';
-- An IANA time zone: days of limits begin at its midnight, and its dates are written in it.
ALTER TABLE challenges ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
-- Who may join: everybody, whoever the organizer lets in, whoever has the link or is on the list.
ALTER TABLE challenges ADD COLUMN joining TEXT NOT NULL DEFAULT 'open' CHECK (joining IN ('open', 'approval', 'invited'));
-- Random: what the invitation's link ends with; null while there is none.
ALTER TABLE challenges ADD COLUMN invitation_key TEXT;
-- Markdown; empty where there are none.
ALTER TABLE challenges ADD COLUMN prizes TEXT NOT NULL DEFAULT '';
ALTER TABLE challenges ADD COLUMN eligibility TEXT NOT NULL DEFAULT '';
ALTER TABLE challenges ADD COLUMN max_team_size INTEGER NOT NULL DEFAULT 5;
-- From then on teams stay as they are; null: until the last phase ends.
ALTER TABLE challenges ADD COLUMN teams_locked_at TIMESTAMP;
-- How many submissions a team may choose for the private board; 0: its best public one stands.
ALTER TABLE challenges ADD COLUMN final_selections INTEGER NOT NULL DEFAULT 2;
-- Whether it is kept as a template for others, and never opened itself.
ALTER TABLE challenges ADD COLUMN is_template BOOLEAN NOT NULL DEFAULT FALSE;

-- An upload that comes that much after the end is taken as if it had been in time.
ALTER TABLE phases ADD COLUMN grace_minutes INTEGER NOT NULL DEFAULT 0;
-- What comes later still: nothing, or scores that never rank.
ALTER TABLE phases ADD COLUMN late TEXT NOT NULL DEFAULT 'refused' CHECK (late IN ('refused', 'unranked'));
-- Which submissions of the phase before are scored here too, on this phase's own task.
ALTER TABLE phases ADD COLUMN carry_over TEXT NOT NULL DEFAULT 'none' CHECK (carry_over IN ('none', 'best', 'all'));
ALTER TABLE phases ADD COLUMN carried_at TIMESTAMP;
-- JSON: the other metrics, and whether they break ties.
ALTER TABLE phases ADD COLUMN secondary_metrics TEXT NOT NULL DEFAULT '[]';
-- Whether the public board moves only by improvements that are more than noise (Blum & Hardt, 2015).
ALTER TABLE phases ADD COLUMN ladder BOOLEAN NOT NULL DEFAULT FALSE;
-- Decimals of the public score as the board shows it; null: all.
ALTER TABLE phases ADD COLUMN public_digits INTEGER;
-- Whether tiers have to be made anew.
ALTER TABLE phases ADD COLUMN standings_stale BOOLEAN NOT NULL DEFAULT FALSE;
-- Raised when its solution or metric is corrected.
ALTER TABLE phases ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

-- The organizer's own, shown on the board without a rank.
ALTER TABLE teams ADD COLUMN is_baseline BOOLEAN NOT NULL DEFAULT FALSE;
-- Who invites, accepts and merges for it; null: its first member.
ALTER TABLE teams ADD COLUMN captain_id BIGINT REFERENCES users (id);
ALTER TABLE teams ADD COLUMN disqualified_at TIMESTAMP;
ALTER TABLE teams ADD COLUMN disqualified_reason TEXT;
-- The team that took its members and submissions.
ALTER TABLE teams ADD COLUMN merged_into BIGINT REFERENCES teams (id);

-- After the end of the phase: scored, never ranked.
ALTER TABLE submissions ADD COLUMN late BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE submissions ADD COLUMN withdrawn_at TIMESTAMP;
-- Chosen by its team for the private board.
ALTER TABLE submissions ADD COLUMN selected BOOLEAN NOT NULL DEFAULT FALSE;
-- The submission of the phase before whose file it is.
ALTER TABLE submissions ADD COLUMN carried_from BIGINT REFERENCES submissions (id);
-- The public score as the board shows it: rounded, and moved by improvements alone where the phase says so.
ALTER TABLE submissions ADD COLUMN shown_score DOUBLE PRECISION;
-- When the organizer had reproduced it.
ALTER TABLE submissions ADD COLUMN verified_at TIMESTAMP;
CREATE INDEX submissions_by_hash ON submissions (phase_id, sha256);
CREATE INDEX submissions_by_state ON submissions (challenge_id, state, received_at);

-- What a score says beside its value.
CREATE TABLE submission_evidence (
    submission_id BIGINT PRIMARY KEY NOT NULL REFERENCES submissions (id),
    -- JSON: the scores on the common resamples of the rows; null where there are none.
    replicates TEXT,
    -- What is particular to the predictions, to find copies.
    fingerprint TEXT,
    -- JSON: the scores by the other metrics.
    secondary TEXT NOT NULL DEFAULT '[]'
);

-- The board's intervals, tiers and tie-breakers; what a team chose may stand on the private board alone.
ALTER TABLE entries ADD COLUMN private_submission_id BIGINT REFERENCES submissions (id);
ALTER TABLE entries ADD COLUMN private_scored_at TIMESTAMP;
ALTER TABLE entries ADD COLUMN is_baseline BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE entries ADD COLUMN is_verified BOOLEAN NOT NULL DEFAULT FALSE;
-- Order like the keys of the tie-breakers: hexadecimal, compared byte by byte.
ALTER TABLE entries ADD COLUMN public_tie TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN private_tie TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN public_low DOUBLE PRECISION;
ALTER TABLE entries ADD COLUMN public_high DOUBLE PRECISION;
ALTER TABLE entries ADD COLUMN private_low DOUBLE PRECISION;
ALTER TABLE entries ADD COLUMN private_high DOUBLE PRECISION;
-- Entries of one tier cannot be told apart from its first; 1 is the best.
ALTER TABLE entries ADD COLUMN public_tier INTEGER;
ALTER TABLE entries ADD COLUMN private_tier INTEGER;
-- How probable it is that the entry above is truly better.
ALTER TABLE entries ADD COLUMN public_lead DOUBLE PRECISION;
ALTER TABLE entries ADD COLUMN private_lead DOUBLE PRECISION;
UPDATE entries SET private_submission_id = submission_id, private_scored_at = scored_at;
UPDATE submissions SET shown_score = public_score;
DROP INDEX entries_public;
DROP INDEX entries_private;
CREATE INDEX entries_public ON entries (phase_id, public_key, public_tie, scored_at, team_id);
CREATE INDEX entries_private ON entries (phase_id, private_key, private_tie, private_scored_at, team_id);

-- Every standing that a team had on the public board, from `at` until `until` (null: it stands).
CREATE TABLE entry_history (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    phase_id BIGINT NOT NULL REFERENCES phases (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    submission_id BIGINT NOT NULL REFERENCES submissions (id),
    at TIMESTAMP NOT NULL,
    until TIMESTAMP,
    score DOUBLE PRECISION NOT NULL,
    board_key DOUBLE PRECISION NOT NULL,
    tie TEXT COLLATE "C" NOT NULL DEFAULT '',
    is_baseline BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX entry_history_by_key ON entry_history (phase_id, board_key, tie, at, team_id);
CREATE INDEX entry_history_by_team ON entry_history (phase_id, team_id, at);

-- Mistakes of the organizer, mended: all submissions of a phase are scored by another task, and when the
-- last of them is, the board changes at once.
CREATE TABLE corrections (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    phase_id BIGINT NOT NULL REFERENCES phases (id),
    author_id BIGINT NOT NULL REFERENCES users (id),
    -- What competitors are told.
    reason TEXT NOT NULL,
    -- JSON: the metric, the solution and what belongs to it, as they shall be, and as they were.
    task TEXT NOT NULL,
    previous TEXT NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    cancelled_at TIMESTAMP,
    -- JSON: what changed, and by how much.
    summary TEXT
);
CREATE INDEX corrections_by_phase ON corrections (phase_id, id);
CREATE TABLE correction_scores (
    correction_id BIGINT NOT NULL REFERENCES corrections (id),
    submission_id BIGINT NOT NULL REFERENCES submissions (id),
    -- JSON: what came of its run.
    outcome TEXT NOT NULL,
    PRIMARY KEY (correction_id, submission_id)
);
-- The correction that a run is for; null: it scores by the phase's own task.
ALTER TABLE runs ADD COLUMN correction_id BIGINT REFERENCES corrections (id);
CREATE INDEX runs_by_correction ON runs (correction_id, state);

-- What an organizer should look at.
CREATE TABLE flags (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    phase_id BIGINT NOT NULL REFERENCES phases (id),
    kind TEXT NOT NULL CHECK (kind IN ('same_file', 'near_identical')),
    submission_id BIGINT NOT NULL REFERENCES submissions (id),
    other_submission_id BIGINT NOT NULL REFERENCES submissions (id),
    similarity DOUBLE PRECISION NOT NULL,
    raised_at TIMESTAMP NOT NULL,
    resolved_at TIMESTAMP,
    resolved_by BIGINT REFERENCES users (id),
    resolution TEXT,
    UNIQUE (submission_id, other_submission_id, kind)
);
CREATE INDEX flags_by_challenge ON flags (challenge_id, resolved_at, id);

-- Who may join, and who asks to -------------------------------------------------------------------------

CREATE TABLE challenge_invitations (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    -- In lower case.
    email TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (challenge_id, email)
);
CREATE TABLE join_requests (
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    message TEXT NOT NULL,
    asked_at TIMESTAMP NOT NULL,
    decided_at TIMESTAMP,
    decided_by BIGINT REFERENCES users (id),
    -- Null until it is decided.
    approved BOOLEAN,
    PRIMARY KEY (challenge_id, user_id)
);
CREATE INDEX join_requests_waiting ON join_requests (challenge_id, decided_at, asked_at);

-- A team that asks a person, or another team, to become one with it.
CREATE TABLE team_invitations (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    kind TEXT NOT NULL CHECK (kind IN ('member', 'merge')),
    user_id BIGINT REFERENCES users (id),
    other_team_id BIGINT REFERENCES teams (id),
    invited_by BIGINT NOT NULL REFERENCES users (id),
    created_at TIMESTAMP NOT NULL,
    answered_at TIMESTAMP,
    answer TEXT CHECK (answer IN ('accepted', 'declined', 'withdrawn'))
);
CREATE INDEX team_invitations_by_user ON team_invitations (user_id, answered_at);
CREATE INDEX team_invitations_by_team ON team_invitations (team_id, answered_at);
CREATE INDEX team_invitations_by_other_team ON team_invitations (other_team_id, answered_at);

-- Messages ----------------------------------------------------------------------------------------------

CREATE TABLE announcements (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    -- Null: the platform itself, of something that happened.
    author_id BIGINT REFERENCES users (id),
    title TEXT NOT NULL,
    -- Markdown.
    body TEXT NOT NULL,
    at TIMESTAMP NOT NULL
);
CREATE INDEX announcements_by_challenge ON announcements (challenge_id, id);

-- The inbox.
CREATE TABLE notifications (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    challenge_id BIGINT REFERENCES challenges (id),
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    -- The page that it leads to, on this site.
    href TEXT NOT NULL,
    at TIMESTAMP NOT NULL,
    read_at TIMESTAMP
);
CREATE INDEX notifications_by_user ON notifications (user_id, id);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL;
-- What a person does not want by e-mail, or not at all.
CREATE TABLE notification_preferences (
    user_id BIGINT NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    in_site BOOLEAN NOT NULL,
    by_email BOOLEAN NOT NULL,
    PRIMARY KEY (user_id, kind)
);
-- Letters that are to be sent, written in the transaction of what they tell.
CREATE TABLE outgoing_mail (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMP NOT NULL,
    sent_at TIMESTAMP,
    problem TEXT
);
CREATE INDEX outgoing_mail_waiting ON outgoing_mail (next_attempt_at, id) WHERE sent_at IS NULL;

CREATE TABLE discussion_topics (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    author_id BIGINT NOT NULL REFERENCES users (id),
    title TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    last_post_at TIMESTAMP NOT NULL,
    post_count BIGINT NOT NULL DEFAULT 0,
    is_pinned BOOLEAN NOT NULL DEFAULT FALSE,
    is_locked BOOLEAN NOT NULL DEFAULT FALSE,
    hidden_at TIMESTAMP
);
CREATE INDEX discussion_topics_by_challenge ON discussion_topics (challenge_id, is_pinned, last_post_at, id);
CREATE TABLE discussion_posts (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    topic_id BIGINT NOT NULL REFERENCES discussion_topics (id),
    author_id BIGINT NOT NULL REFERENCES users (id),
    -- Markdown.
    body TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    edited_at TIMESTAMP,
    hidden_at TIMESTAMP,
    hidden_by BIGINT REFERENCES users (id),
    hidden_reason TEXT
);
CREATE INDEX discussion_posts_by_topic ON discussion_posts (topic_id, id);
CREATE TABLE post_reports (
    post_id BIGINT NOT NULL REFERENCES discussion_posts (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    reason TEXT NOT NULL,
    reported_at TIMESTAMP NOT NULL,
    resolved_at TIMESTAMP,
    PRIMARY KEY (post_id, user_id)
);
CREATE INDEX post_reports_waiting ON post_reports (challenge_id, resolved_at);

-- The challenge that an act belongs to, for its organizer's log.
ALTER TABLE audit_log ADD COLUMN challenge_id BIGINT REFERENCES challenges (id);
CREATE INDEX audit_log_by_challenge ON audit_log (challenge_id, id);
