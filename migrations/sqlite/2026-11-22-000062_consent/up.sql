-- A scout asks to meet a driver. Who the driver is stands nowhere here; what the driver writes to the
-- scout, and where letters to the driver go, are sealed under a key that is not in this database.
CREATE TABLE contact_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    challenge_id BIGINT NOT NULL REFERENCES challenges (id),
    -- The release in which the driver has this pseudonym.
    release_id BIGINT NOT NULL REFERENCES releases (id),
    driver TEXT NOT NULL,
    scout_id BIGINT NOT NULL REFERENCES users (id),
    -- Whose dataset it is: they forward or refuse.
    organizer_id BIGINT NOT NULL REFERENCES users (id),
    -- What the scout says of themselves.
    name TEXT NOT NULL,
    organisation TEXT NOT NULL,
    message TEXT NOT NULL,
    reach TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'forwarded', 'refused', 'accepted', 'declined', 'expired', 'withdrawn', 'cancelled')),
    -- Until when it waits for the organizer or for the driver.
    expires_at TIMESTAMP,
    asked_at TIMESTAMP NOT NULL,
    forwarded_at TIMESTAMP,
    accepted_at TIMESTAMP,
    -- When it was refused, declined, withdrawn or cancelled, or when it expired.
    ended_at TIMESTAMP,
    -- What the organizer says who refused it.
    reason TEXT NOT NULL DEFAULT '',
    is_minor BOOLEAN,
    accepted_by TEXT CHECK (accepted_by IN ('driver', 'guardian')),
    -- SHA-256 of what the one-time links end with; NULL where a link opens nothing any more.
    decision_key_hash TEXT UNIQUE,
    withdrawal_key_hash TEXT UNIQUE,
    sealed_address TEXT,
    sealed_contact TEXT,
    -- How often the scout looked at the identity.
    opened_count INTEGER NOT NULL DEFAULT 0,
    opened_at TIMESTAMP
);
-- One at a time from a scout to a driver.
CREATE UNIQUE INDEX contact_requests_open ON contact_requests (scout_id, release_id, driver)
    WHERE state IN ('asked', 'forwarded', 'accepted');
CREATE INDEX contact_requests_by_scout ON contact_requests (scout_id, id);
CREATE INDEX contact_requests_by_organizer ON contact_requests (organizer_id, id);
CREATE INDEX contact_requests_waiting ON contact_requests (organizer_id) WHERE state = 'asked';
CREATE INDEX contact_requests_expiring ON contact_requests (expires_at) WHERE expires_at IS NOT NULL;

-- Recipient, text and link of a letter to somebody who has no account: sealed under the vault's key, and
-- forgotten when it was sent.
ALTER TABLE outgoing_mail ADD COLUMN sealed TEXT;
CREATE INDEX outgoing_mail_sealed ON outgoing_mail (created_at) WHERE sealed IS NOT NULL;
