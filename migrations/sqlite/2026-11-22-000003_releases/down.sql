DROP TABLE dataset_drafts;
DROP TABLE sealed_identities;
ALTER TABLE releases DROP COLUMN identities;
ALTER TABLE releases DROP COLUMN overridden_by;
ALTER TABLE releases DROP COLUMN override_reason;
ALTER TABLE datasets DROP COLUMN access;
ALTER TABLE datasets DROP COLUMN doi;
ALTER TABLE datasets DROP COLUMN citation;
