DROP TABLE public_receipts;
DROP TABLE expert_contacts;
DROP TABLE expert_profiles;
DROP TABLE final_standings;
DROP INDEX phases_unsettled;
ALTER TABLE phases DROP COLUMN settled_at;
