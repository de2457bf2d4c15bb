-- When the final standings of the phase's challenge were last drawn up; null: since then its board or its
-- dates changed, or it is not over.
ALTER TABLE phases ADD COLUMN settled_at TIMESTAMP;
CREATE INDEX phases_unsettled ON phases (ends_at) WHERE settled_at IS NULL;

-- Where a team stood on the private board of the last phase when its challenge was over. Baselines and
-- disqualified teams stand nowhere.
CREATE TABLE final_standings (
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    phase_id BIGINT NOT NULL REFERENCES phases (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    submission_id BIGINT NOT NULL REFERENCES submissions (id),
    -- Ties share one.
    rank BIGINT NOT NULL,
    -- How many teams were ranked.
    teams BIGINT NOT NULL,
    medal TEXT CHECK (medal IN ('gold', 'silver', 'bronze')),
    -- When the last phase was over, grace included.
    ended_at TIMESTAMP NOT NULL,
    PRIMARY KEY (challenge_id, team_id)
);
CREATE INDEX final_standings_by_team ON final_standings (team_id);

-- What a data expert says of themselves, and what they won. A row is made by its owner, or when the first
-- challenge that everybody could join has ranked them.
CREATE TABLE expert_profiles (
    user_id BIGINT PRIMARY KEY NOT NULL REFERENCES users (id),
    headline TEXT NOT NULL DEFAULT '',
    -- Markdown.
    about TEXT NOT NULL DEFAULT '',
    -- An https address, or empty.
    website TEXT NOT NULL DEFAULT '',
    is_public BOOLEAN NOT NULL DEFAULT TRUE,
    -- Whether scouts may write.
    open_to_contact BOOLEAN NOT NULL DEFAULT FALSE,
    -- Counted from final_standings whenever those change.
    gold BIGINT NOT NULL DEFAULT 0,
    silver BIGINT NOT NULL DEFAULT 0,
    bronze BIGINT NOT NULL DEFAULT 0,
    results BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX expert_profiles_by_medals ON expert_profiles (gold DESC, silver DESC, bronze DESC, results DESC, user_id);

-- What scouts wrote to experts.
CREATE TABLE expert_contacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    expert_id BIGINT NOT NULL REFERENCES users (id),
    sender_id BIGINT NOT NULL REFERENCES users (id),
    organisation TEXT NOT NULL,
    message TEXT NOT NULL,
    -- How the sender can be reached.
    reply_to TEXT NOT NULL,
    sent_at TIMESTAMP NOT NULL
);
CREATE INDEX expert_contacts_by_expert ON expert_contacts (expert_id, id);
CREATE INDEX expert_contacts_by_sender ON expert_contacts (sender_id, sent_at);

-- Receipts that their team shows to everybody once the challenge is over.
CREATE TABLE public_receipts (
    submission_id BIGINT PRIMARY KEY NOT NULL REFERENCES submissions (id),
    shown_by BIGINT NOT NULL REFERENCES users (id),
    shown_at TIMESTAMP NOT NULL
);
