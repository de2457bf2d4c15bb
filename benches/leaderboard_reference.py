"""The reference of the load benchmark: the first 50 teams of a board, served by Flask from the same database.

    BOARD=paddock.db gunicorn --chdir benches leaderboard_reference:app

/window ranks all submissions at each request, as platforms do that keep no table of best scores;
/entries reads the platform's own indexed table, to tell the table's share from that of the server.
Both answer HTML, and JSON with ?json.
"""

import os
import sqlite3
from pathlib import Path
from threading import local

from flask import Flask, jsonify, render_template_string, request

WINDOW = (Path(__file__).parent / "leaderboard_window.sql").read_text()
ENTRIES = """
    SELECT 0 AS rank, team_id, teams.name AS team, public_score, submission_count, scored_at, submission_id AS id
    FROM entries JOIN teams ON teams.id = team_id
    WHERE phase_id = ? ORDER BY public_key, scored_at, team_id LIMIT 50
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title></head><body>
<h1>Leaderboard</h1>
<table><thead><tr><th>Rank<th>Team<th>Score<th>Submissions<th>Scored</tr></thead><tbody>
{% for row in rows %}<tr><td>{{ row.rank }}<td>{{ row.team }}<td>{{ row.public_score }}<td>{{ row.submission_count }}
<td>{{ row.scored_at }}</tr>
{% endfor %}</tbody></table></body></html>
"""

app = Flask(__name__)
of_thread = local()


def read(query):
    if not hasattr(of_thread, "connection"):
        of_thread.connection = sqlite3.connect(f"file:{os.environ['BOARD']}?mode=ro", uri=True)
        of_thread.connection.row_factory = sqlite3.Row
    (phase,) = of_thread.connection.execute(
        "SELECT phases.id FROM phases JOIN challenges ON challenges.id = challenge_id WHERE slug = 'board'"
    ).fetchone()
    return [dict(row) for row in of_thread.connection.execute(query, (phase,))]


def ranked(rows):
    for place, row in enumerate(rows, 1):
        before = rows[place - 2] if place > 1 else None
        row["rank"] = before["rank"] if before and before["public_score"] == row["public_score"] else place
    return rows


def answer(rows):
    return jsonify(rows) if "json" in request.args else render_template_string(PAGE, rows=rows)


@app.get("/window")
def window():
    return answer(read(WINDOW))


@app.get("/entries")
def entries():
    return answer(ranked(read(ENTRIES)))
