DROP INDEX outgoing_mail_sealed;
ALTER TABLE outgoing_mail DROP COLUMN sealed;
DROP TABLE contact_requests;
