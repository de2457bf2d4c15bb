ALTER TABLE phases DROP COLUMN features_columns;
