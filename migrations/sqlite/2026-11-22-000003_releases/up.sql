-- Datasets: what a release says of itself, and its way from a raw file ------------------------------------

-- How to cite it; empty: made from its title, publisher and year.
ALTER TABLE datasets ADD COLUMN citation TEXT NOT NULL DEFAULT '';
-- As in `10.5281/zenodo.1234`; empty where it has none.
ALTER TABLE datasets ADD COLUMN doi TEXT NOT NULL DEFAULT '';
-- Who may download the files: everybody, or whoever has an account. The page and the card are public.
ALTER TABLE datasets ADD COLUMN access TEXT NOT NULL DEFAULT 'public' CHECK (access IN ('public', 'account'));

-- An admin's reason for publishing it although gates fail; null where they hold.
ALTER TABLE releases ADD COLUMN override_reason TEXT;
ALTER TABLE releases ADD COLUMN overridden_by BIGINT REFERENCES users (id);
-- Whether the identities behind the pseudonyms are sealed, for consented unlock, or destroyed.
ALTER TABLE releases ADD COLUMN identities TEXT NOT NULL DEFAULT 'destroyed' CHECK (identities IN ('destroyed', 'sealed'));

-- The vault: who is behind a pseudonym, encrypted under a key that is not in this database.
CREATE TABLE sealed_identities (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    release_id BIGINT NOT NULL REFERENCES releases (id),
    pseudonym TEXT NOT NULL,
    sealed TEXT NOT NULL,
    UNIQUE (release_id, pseudonym)
);

-- A raw file on its way to a release. Its bytes lie in the store, part by part, until it is published,
-- discarded or out of date.
CREATE TABLE dataset_drafts (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    -- Random: its address, and where its parts are in the store.
    key TEXT NOT NULL UNIQUE,
    owner_id BIGINT NOT NULL REFERENCES users (id),
    file_name TEXT NOT NULL,
    announced_bytes BIGINT NOT NULL,
    received_bytes BIGINT NOT NULL,
    -- JSON: the keys of its parts in the store, in order.
    parts TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('uploading', 'uploaded', 'measuring', 'measured', 'failed')),
    -- What of a logger's file becomes the table: its laps or its samples; as it is for a lap table.
    source TEXT NOT NULL CHECK (source IN ('table', 'laps', 'samples')),
    -- JSON: what the reader understood of the file.
    inspection TEXT,
    -- JSON: title, licence and so on, as far as they are filled in.
    details TEXT NOT NULL,
    -- TOML; empty until it is chosen.
    policy TEXT NOT NULL,
    -- The key of the release's pseudonyms and noise, under the vault's key: what was measured is what
    -- will be published.
    sealed_key TEXT NOT NULL,
    -- JSON: the report and the tables before and after, of the policy as it stands.
    examination TEXT,
    -- Why the last measurement or publication failed.
    problem TEXT,
    -- What the measurement is doing, and how far it is, in percent.
    step TEXT NOT NULL,
    progress INTEGER NOT NULL,
    -- A measurement that is silent until then was interrupted.
    measuring_until TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE INDEX dataset_drafts_by_owner ON dataset_drafts (owner_id, id);
CREATE INDEX dataset_drafts_by_update ON dataset_drafts (updated_at);
