-- The memory that a run may use, so that only a worker that has as much claims it; 0 where nothing is run.
ALTER TABLE runs ADD COLUMN memory_bytes BIGINT NOT NULL DEFAULT 0;
