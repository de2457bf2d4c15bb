-- Submissions that are run: models and code ----------------------------------------------------------

-- JSON: the kinds of submission that the challenge takes.
ALTER TABLE challenges ADD COLUMN kinds TEXT NOT NULL DEFAULT '["predictions"]';
-- JSON: the inputs and outputs of an ONNX model, where it takes such.
ALTER TABLE challenges ADD COLUMN onnx_contract TEXT;
-- JSON: what a run may use; null is the platform's default.
ALTER TABLE challenges ADD COLUMN run_limits TEXT;

-- What a model predicts from: under the store's hidden prefix while features_hidden, else published.
ALTER TABLE phases ADD COLUMN features_sha256 TEXT;
ALTER TABLE phases ADD COLUMN features_bytes BIGINT;
ALTER TABLE phases ADD COLUMN features_format TEXT CHECK (features_format IN ('csv', 'parquet'));
ALTER TABLE phases ADD COLUMN features_hidden BOOLEAN NOT NULL DEFAULT TRUE;
-- JSON: the names of the features' columns beside the id, for the pages and the starter kits.
ALTER TABLE phases ADD COLUMN features_columns TEXT;
-- The organizer's scoring program, where the metric names one.
ALTER TABLE phases ADD COLUMN program_sha256 TEXT;

ALTER TABLE submissions ADD COLUMN kind TEXT NOT NULL DEFAULT 'predictions' CHECK (kind IN ('predictions', 'onnx', 'python'));
-- Where the predictions of a model are, under the store's submissions prefix.
ALTER TABLE submissions ADD COLUMN predictions_key TEXT;
-- What its last run used.
ALTER TABLE submissions ADD COLUMN cpu_seconds DOUBLE PRECISION;
ALTER TABLE submissions ADD COLUMN wall_seconds DOUBLE PRECISION;
ALTER TABLE submissions ADD COLUMN peak_memory_bytes BIGINT;

-- What a worker must be able to run to claim it.
ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'predictions' CHECK (kind IN ('predictions', 'onnx', 'python'));
ALTER TABLE runs ADD COLUMN needs_sandbox BOOLEAN NOT NULL DEFAULT FALSE;
-- The memory that it may use, so that only a worker that has as much claims it; 0 where nothing is run.
ALTER TABLE runs ADD COLUMN memory_bytes BIGINT NOT NULL DEFAULT 0;
-- Asked for by the organizer: its submission keeps its score until the run has another.
ALTER TABLE runs ADD COLUMN rescore BOOLEAN NOT NULL DEFAULT FALSE;

-- What a submission's last run printed.
CREATE TABLE run_logs (
    submission_id BIGINT PRIMARY KEY NOT NULL REFERENCES submissions (id),
    stdout TEXT NOT NULL,
    stderr TEXT NOT NULL
);

-- Signed accounts of scores, one for each time that a submission was scored.
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    submission_id BIGINT NOT NULL REFERENCES submissions (id),
    issued_at TIMESTAMP NOT NULL,
    -- JSON: the receipt, the key and the signature.
    body TEXT NOT NULL
);
CREATE INDEX receipts_by_submission ON receipts (submission_id, id);

-- Who carries runs out, as it last said of itself.
CREATE TABLE workers (
    name TEXT PRIMARY KEY NOT NULL,
    version TEXT NOT NULL,
    -- JSON: the kinds that it takes.
    kinds TEXT NOT NULL,
    concurrency INTEGER NOT NULL,
    running INTEGER NOT NULL,
    memory_bytes BIGINT NOT NULL,
    -- The version of the built runtime that it has.
    runtime TEXT,
    -- Why it cannot run models and what to do, where it cannot.
    sandbox_problem TEXT,
    draining BOOLEAN NOT NULL,
    runs_done BIGINT NOT NULL DEFAULT 0,
    runs_failed BIGINT NOT NULL DEFAULT 0,
    started_at TIMESTAMP NOT NULL,
    last_heartbeat_at TIMESTAMP NOT NULL
);
