//! The whole board as a file, sent page by page.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path, Query};
use futures_util::stream::try_unfold;

use super::{BoardQuery, chosen_board};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::challenges::disclosure::Disclosure;
use crate::challenges::export::{BoardFormat, ROWS_AT_ONCE};
use crate::challenges::leaderboard::{self, Cursor};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::platform::database::DatabaseError;
use crate::web::challenges::choose_phase;

pub async fn file(
    state: Data<State>,
    principal: Principal,
    path: Path<(String, String)>,
    query: Query<BoardQuery>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, format) = path.into_inner();
    let format: BoardFormat = format
        .parse()
        .map_err(|_| Fault::not_found("A leaderboard is served as .csv and as .json."))?;
    let asked = chosen_board(query.board.as_deref())?;
    let asked_phase = query.phase;
    let (slug, phase, board, disclosure) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &principal, &slug)?;
            let (phase, _) = choose_phase(&challenge, &phases, asked_phase, now, "leaderboard")?;
            let may_manage = principal.may_manage(challenge.owner_id);
            let board = leaderboard::visible_board(phase, now, asked, may_manage);
            let disclosure = Disclosure::new(phase, &phases, now, may_manage);
            Ok::<_, Fault>((slug, phase.clone(), board, disclosure))
        })
        .await?;
    let database = state.database.clone();
    // Where the next page begins; nothing before the first, and no more after the last.
    let beginning = Some(None::<Cursor>);
    let pages = try_unfold(beginning, move |place| {
        let (database, phase) = (database.clone(), phase.clone());
        async move {
            let Some(after) = place else {
                return Ok::<_, DatabaseError>(None);
            };
            let (phase_id, from) = (phase.id, after.clone());
            let page = database
                .read(move |connection| {
                    leaderboard::page(connection, phase_id, board, from.as_ref(), ROWS_AT_ONCE)
                })
                .await?;
            let entries: Vec<_> = page
                .entries
                .into_iter()
                .map(|entry| disclosure.entry(board, entry))
                .collect();
            let mut text = match after {
                None => format.head(&phase),
                Some(_) => String::new(),
            };
            text += &format.entries(&entries, &phase, after.is_none());
            if page.next.is_none() {
                text += format.end();
            }
            Ok(Some((Bytes::from(text), page.next.map(Some))))
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.media_type()))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{slug}-{board}-leaderboard.{format}\""),
        ))
        .streaming(pages))
}
