-- A driver whom an organizer coaches.
CREATE TABLE coached_drivers (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    owner_id BIGINT NOT NULL REFERENCES users (id),
    -- A number or nickname that the organizer chose; never a name that others know the driver by.
    label TEXT NOT NULL,
    class TEXT NOT NULL,
    weight_kg DOUBLE PRECISION,
    height_cm INTEGER,
    birth_year INTEGER,
    created_at TIMESTAMP NOT NULL,
    -- SHA-256 of the personal link's key; NULL where there is no link, or it was taken back.
    link_hash TEXT UNIQUE,
    link_expires_at TIMESTAMP,
    UNIQUE (owner_id, label)
);
CREATE INDEX coached_drivers_by_class ON coached_drivers (owner_id, class);

-- What a driver drove in one go, at one track in one weather.
CREATE TABLE driving_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    driver_id BIGINT NOT NULL REFERENCES coached_drivers (id),
    track TEXT NOT NULL,
    name TEXT NOT NULL,
    wet BOOLEAN NOT NULL,
    started_at TIMESTAMP NOT NULL,
    -- NULL while laps may come.
    ended_at TIMESTAMP,
    -- What others are compared with, JSON; NULL before there are enough clean laps. Made anew with every lap.
    summary TEXT
);
CREATE INDEX driving_sessions_by_driver ON driving_sessions (driver_id, track);

CREATE TABLE driven_laps (
    -- Rises within a driver in the order in which laps were accepted: where a live page goes on.
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    driver_id BIGINT NOT NULL REFERENCES coached_drivers (id),
    session_id BIGINT NOT NULL REFERENCES driving_sessions (id),
    number INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    -- Milliseconds of each sector, JSON; an empty list where none were timed.
    sectors TEXT NOT NULL,
    out_lap BOOLEAN NOT NULL,
    pit BOOLEAN NOT NULL,
    received_at TIMESTAMP NOT NULL,
    UNIQUE (session_id, number)
);
CREATE INDEX driven_laps_by_driver ON driven_laps (driver_id, id);
