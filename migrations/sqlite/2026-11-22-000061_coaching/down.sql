DROP TABLE driven_laps;
DROP TABLE driving_sessions;
DROP TABLE coached_drivers;
