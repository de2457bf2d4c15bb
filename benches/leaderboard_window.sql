-- The reference: the top 50 of the same board, as platforms make it that keep no table of best scores. A
-- window over all submissions finds each team's best, another ranks them.
SELECT rank() OVER (ORDER BY public_score) AS rank, team_id, team, public_score, submission_count, scored_at, id
FROM (
    SELECT
        submissions.team_id,
        teams.name AS team,
        submissions.public_score,
        submissions.scored_at,
        submissions.id,
        count(*) OVER (PARTITION BY submissions.team_id) AS submission_count,
        row_number() OVER (PARTITION BY submissions.team_id ORDER BY submissions.public_score, submissions.id) AS place
    FROM submissions
    JOIN teams ON teams.id = submissions.team_id
    WHERE submissions.phase_id = ? AND submissions.state = 'scored'
)
WHERE place = 1
ORDER BY public_score, scored_at, team_id
LIMIT 50
