DROP TABLE discussion_mutes;
DROP INDEX discussion_posts_by_author;
ALTER TABLE discussion_topics DROP COLUMN hidden_reason;
DROP INDEX outgoing_mail_sent;
DROP INDEX outgoing_mail_problems;
DROP INDEX outgoing_mail_waiting;
CREATE INDEX outgoing_mail_waiting ON outgoing_mail (next_attempt_at, id) WHERE sent_at IS NULL;
ALTER TABLE outgoing_mail DROP COLUMN given_up_at;
ALTER TABLE outgoing_mail DROP COLUMN href;
