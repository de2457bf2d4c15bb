-- JSON: the names of the features' columns beside the id, for the pages and the starter kits.
ALTER TABLE phases ADD COLUMN features_columns TEXT;
