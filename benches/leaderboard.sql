-- A full board for the benchmarks, in SQLite: 10,000 teams with 20 scored submissions each in the one phase
-- of the challenge `board`, whose metric is better when lower. The scores are pseudo-random, the same
-- every time, and of 100,003 values, so that some teams are tied.

INSERT INTO users (username, username_key, email, password_hash, role, created_at)
VALUES ('crowd', 'crowd', 'crowd@example.org', '!', 'expert', '2026-01-01 00:00:00');

WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 10000)
INSERT INTO teams (challenge_id, name, created_at)
SELECT challenges.id, printf('Team %05d', n), '2026-01-01 00:00:00'
FROM number JOIN challenges ON slug = 'board';

-- In the order of their arrival: each team's first, then each team's second, one every ten seconds.
WITH RECURSIVE
    attempt (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM attempt WHERE n < 20),
    board (challenge_id, phase_id) AS (
        SELECT challenges.id, phases.id
        FROM challenges JOIN phases ON phases.challenge_id = challenges.id
        WHERE slug = 'board'
    )
INSERT INTO submissions (challenge_id, phase_id, team_id, user_id, state, counts, description, file_name, format,
    storage_key, sha256, bytes, received_at, scored_at, public_score, private_score, verdict)
SELECT board.challenge_id, board.phase_id, teams.id, users.id, 'scored', TRUE, '', 'predictions.csv', 'csv',
    printf('board/%d/%d', teams.id, n), '', 0,
    datetime('2026-01-01', printf('+%d seconds', (n * 10000 + teams.id) * 10)),
    datetime('2026-01-01', printf('+%d seconds', (n * 10000 + teams.id) * 10 + 1)),
    ((teams.id * 7919 + n * 104729) * 2654435761 >> 12) % 100003 / 100003.0,
    ((teams.id * 6271 + n * 130363) * 2654435761 >> 12) % 100003 / 100003.0,
    'ok'
FROM attempt
CROSS JOIN board
JOIN teams ON teams.challenge_id = board.challenge_id AND teams.name LIKE 'Team %'
JOIN users ON users.username = 'crowd'
ORDER BY n, teams.id;

-- What the platform keeps at each score: a team's best, the earlier of two alike.
INSERT INTO entries (phase_id, team_id, submission_id, submission_count, scored_at,
    public_score, public_key, private_score, private_key)
SELECT phase_id, team_id, id, 20, scored_at, public_score, public_score, private_score, private_score
FROM submissions
WHERE id IN (
    SELECT (
        SELECT id FROM submissions
        WHERE phase_id = phases.id AND team_id = teams.id
        ORDER BY public_score, id LIMIT 1
    )
    FROM challenges
    JOIN phases ON phases.challenge_id = challenges.id
    JOIN teams ON teams.challenge_id = challenges.id
    WHERE slug = 'board'
);

UPDATE phases SET entry_count = (SELECT count(*) FROM entries WHERE phase_id = phases.id);
UPDATE challenges SET team_count = (SELECT count(*) FROM teams WHERE challenge_id = challenges.id);
