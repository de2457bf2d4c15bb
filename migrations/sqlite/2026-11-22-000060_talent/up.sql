-- Boards said only what models say, as one text. They are made again, with laps behind them, by one act of
-- their organizers.
DELETE FROM talent_boards;

-- A model that a board listens to.
CREATE TABLE board_models (
    board_id BIGINT NOT NULL REFERENCES talent_boards (id),
    submission_id BIGINT NOT NULL REFERENCES submissions (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    -- On the private split, when the board was made.
    rank BIGINT NOT NULL,
    private_score DOUBLE PRECISION NOT NULL,
    -- Its share of the vote; those of a board sum up to 1.
    weight DOUBLE PRECISION NOT NULL,
    -- Models of one number say the same and share a vote.
    cluster INTEGER NOT NULL,
    -- Contributivity: what the consensus loses without it, and its fair share of all that the consensus
    -- knows; NULL where the consensus learned nothing from the truth.
    leave_one_out DOUBLE PRECISION,
    fair_share DOUBLE PRECISION,
    PRIMARY KEY (board_id, submission_id)
);
CREATE INDEX board_models_by_submission ON board_models (submission_id, board_id);
CREATE INDEX board_models_by_team ON board_models (team_id, board_id);

-- A driver on a board. The columns that a scout sorts and filters by stand here, NULL where there is no
-- value; intervals, reasons and the driver's page are in `profile`.
CREATE TABLE rated_drivers (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    board_id BIGINT NOT NULL REFERENCES talent_boards (id),
    driver TEXT NOT NULL,
    -- The order of the board, from 1: only to list by; what can be told apart is the tier.
    position INTEGER NOT NULL,
    tier INTEGER NOT NULL,
    class TEXT,
    age_band TEXT,
    region TEXT,
    laps INTEGER NOT NULL,
    pace_percentile DOUBLE PRECISION,
    top_tenth DOUBLE PRECISION,
    consistency DOUBLE PRECISION,
    improvement DOUBLE PRECISION,
    wet_minus_dry DOUBLE PRECISION,
    weight_adjusted_pace DOUBLE PRECISION,
    pace_for_age DOUBLE PRECISION,
    passes_above_expected DOUBLE PRECISION,
    -- JSON.
    profile TEXT NOT NULL,
    UNIQUE (board_id, driver)
);
CREATE INDEX rated_drivers_by_position ON rated_drivers (board_id, position);

-- A scout's list of drivers.
CREATE TABLE shortlists (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (user_id, name)
);
CREATE TABLE shortlisted_drivers (
    shortlist_id BIGINT NOT NULL REFERENCES shortlists (id),
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    -- The pseudonym in the challenge's release.
    driver TEXT NOT NULL,
    added_at TIMESTAMP NOT NULL,
    PRIMARY KEY (shortlist_id, challenge_id, driver)
);
CREATE INDEX shortlisted_drivers_by_challenge ON shortlisted_drivers (challenge_id, driver);

-- What a scout writes about a driver, for themselves.
CREATE TABLE driver_notes (
    user_id BIGINT NOT NULL REFERENCES users (id),
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    driver TEXT NOT NULL,
    body TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, challenge_id, driver)
);

-- A search that a scout comes back to.
CREATE TABLE saved_searches (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id),
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    name TEXT NOT NULL,
    -- As in the board's address.
    query TEXT NOT NULL,
    -- Whether a new board that changes what is found is told.
    alerts BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (user_id, challenge_id, name)
);
CREATE INDEX saved_searches_by_challenge ON saved_searches (challenge_id);
