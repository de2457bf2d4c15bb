ALTER TABLE runs DROP COLUMN memory_bytes;
