ALTER TABLE join_requests DROP COLUMN rules_version;
