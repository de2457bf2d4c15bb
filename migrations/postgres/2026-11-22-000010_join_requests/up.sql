-- The version of the rules that a person accepted who asks to be let in: what holds for them once they are.
ALTER TABLE join_requests ADD COLUMN rules_version INTEGER NOT NULL DEFAULT 0;
