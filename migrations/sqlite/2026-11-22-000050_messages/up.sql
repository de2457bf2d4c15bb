-- The page that a letter leads to, on this site; its full address is written when it is sent.
ALTER TABLE outgoing_mail ADD COLUMN href TEXT NOT NULL DEFAULT '';
-- It is not tried any more; `problem` says why.
ALTER TABLE outgoing_mail ADD COLUMN given_up_at TIMESTAMP;
DROP INDEX outgoing_mail_waiting;
CREATE INDEX outgoing_mail_waiting ON outgoing_mail (next_attempt_at, id) WHERE sent_at IS NULL AND given_up_at IS NULL;
-- What has a problem, for admins, and what was sent, to be forgotten.
CREATE INDEX outgoing_mail_problems ON outgoing_mail (id) WHERE problem IS NOT NULL AND sent_at IS NULL;
CREATE INDEX outgoing_mail_sent ON outgoing_mail (sent_at) WHERE sent_at IS NOT NULL;

-- What its author is told.
ALTER TABLE discussion_topics ADD COLUMN hidden_reason TEXT;
-- How much somebody wrote lately.
CREATE INDEX discussion_posts_by_author ON discussion_posts (author_id, created_at);

-- Who may read a challenge's discussion and not write in it.
CREATE TABLE discussion_mutes (
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    reason TEXT NOT NULL,
    muted_at TIMESTAMP NOT NULL,
    muted_by BIGINT NOT NULL REFERENCES users (id),
    PRIMARY KEY (challenge_id, user_id)
);
