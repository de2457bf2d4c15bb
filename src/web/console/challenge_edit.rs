//! Changing a challenge's texts, and the settings for who takes part. Metric and solution of a phase stay as
//! they were posted; dates are changed among the acts on its life.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use std::collections::HashMap;

use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{
    self as challenges, Challenge, ChallengeError, ChallengeTexts, Page as TextPage,
};
use crate::challenges::settings::{ChallengeSettings, configure};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::http::uploads::{ReceivedForm, receive_form_with_files};
use crate::web::page::{Page, see_other_saying};

/// The most pages that the form can hold.
const PAGES: usize = 20;

#[derive(Template)]
#[template(path = "console/challenge_edit.html")]
struct EditPage {
    page: Page,
    challenge: Challenge,
    form: Form,
    places: Vec<Place>,
}

/// Where the form has a page: the names of its fields.
struct Place {
    number: usize,
    slug: String,
    title: String,
    body: String,
}

impl Place {
    fn new(index: usize) -> Self {
        Self {
            number: index + 1,
            slug: format!("page_{index}_slug"),
            title: format!("page_{index}_title"),
            body: format!("page_{index}_body"),
        }
    }

    fn is_filled(&self, form: &Form) -> bool {
        [&self.slug, &self.title, &self.body]
            .iter()
            .any(|field| !form.text(field).is_empty())
    }
}

fn show(request: &HttpRequest, challenge: Challenge, form: Form) -> Result<HttpResponse, Fault> {
    let filled = (0..PAGES)
        .filter(|index| Place::new(*index).is_filled(&form))
        .count();
    let status = match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = EditPage {
        page: Page::new(request, "console"),
        challenge,
        form,
        // One more, for a new page.
        places: (0..(filled + 1).min(PAGES)).map(Place::new).collect(),
    };
    shown.page.show_as(status, &shown)
}

/// The form with the texts as they are.
pub async fn edit(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let (challenge, pages) = state
        .database
        .read(move |connection| {
            let challenge = challenges::find_managed(connection, &principal, &slug)?;
            let pages = challenges::pages(connection, challenge.id)?;
            Ok::<_, ChallengeError>((challenge, pages))
        })
        .await
        .map_err(Fault::from)?;
    let mut texts = texts_of(&challenge, pages);
    texts.extend(settings_of(&challenge));
    show(&request, challenge, Form::new(texts))
}

/// The fields of the settings as they are.
fn settings_of(challenge: &Challenge) -> [(String, String); 5] {
    [
        ("prizes", challenge.prizes.clone()),
        ("eligibility", challenge.eligibility.clone()),
        ("joining", challenge.joining.to_string()),
        ("max_team_size", challenge.max_team_size.to_string()),
        ("final_selections", challenge.final_selections.to_string()),
    ]
    .map(|(field, text)| (field.to_owned(), text))
}

/// Saves the settings, or shows the form again with what is wrong.
pub async fn save_settings(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    sent: web::Form<HashMap<String, String>>,
) -> Result<HttpResponse, Fault> {
    let (slug, now) = (slug.into_inner(), state.clock.now());
    let mut form = Form::new(sent.into_inner());
    let whole = "give a whole number";
    let max_team_size = form.parse("max_team_size", whole);
    let final_selections = form.parse("final_selections", whole);
    let joining = form.parse("joining", "choose who may join");
    let mut refused = None;
    if let (Some(max_team_size), Some(final_selections), Some(joining)) =
        (max_team_size, final_selections, joining)
    {
        let settings = ChallengeSettings {
            prizes: form.long_text("prizes"),
            eligibility: form.long_text("eligibility"),
            joining,
            max_team_size,
            final_selections,
        };
        let (who, address) = (principal.clone(), slug.clone());
        let saved = state
            .database
            .write(move |connection| configure(connection, now, &who, &address, &settings))
            .await;
        match saved {
            Ok(()) => {
                return Ok(see_other_saying(
                    &request,
                    &format!("/console/challenges/{slug}"),
                    "success",
                    "The settings are saved.",
                ));
            }
            Err(ChallengeError::Invalid { field, problem }) => refused = Some((field, problem)),
            Err(error) => return Err(error.into()),
        }
    }
    if let Some((field, problem)) = refused {
        form.refuse(&field, problem);
    }
    let (challenge, pages) = state
        .database
        .read(move |connection| {
            let challenge = challenges::find_managed(connection, &principal, &slug)?;
            let pages = challenges::pages(connection, challenge.id)?;
            Ok::<_, ChallengeError>((challenge, pages))
        })
        .await
        .map_err(Fault::from)?;
    for (field, text) in texts_of(&challenge, pages) {
        form.put(&field, &text);
    }
    show(&request, challenge, form)
}

/// The fields of the texts as they are.
fn texts_of(challenge: &Challenge, pages: Vec<TextPage>) -> HashMap<String, String> {
    let mut texts = HashMap::from([
        ("title".to_owned(), challenge.title.clone()),
        ("tagline".to_owned(), challenge.tagline.clone()),
        ("rules".to_owned(), challenge.rules.clone()),
    ]);
    for (index, page) in pages.into_iter().enumerate() {
        let place = Place::new(index);
        texts.insert(place.slug, page.slug);
        texts.insert(place.title, page.title);
        texts.insert(place.body, page.body);
    }
    texts
}

/// Saves, or shows the form again with what is wrong.
pub async fn save(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let (slug, now) = (slug.into_inner(), state.clock.now());
    let mut received = ReceivedForm::default();
    receive_form_with_files(sent, &[], 0, &mut received).await?;
    let mut form = Form::new(received.texts);
    let texts = ChallengeTexts {
        title: form.text("title").to_owned(),
        tagline: form.text("tagline").to_owned(),
        rules: form.long_text("rules"),
        pages: pages(&form),
    };
    let (caller, address) = (principal.clone(), slug.clone());
    let saved = state
        .database
        .write(move |connection| challenges::edit(connection, now, &caller, &address, &texts))
        .await;
    match saved {
        Ok(()) => Ok(see_other_saying(
            &request,
            &format!("/console/challenges/{slug}"),
            "success",
            "The texts are saved.",
        )),
        Err(ChallengeError::Invalid { field, problem }) => {
            form.refuse(&field_of(&field, &form), problem);
            let challenge = state
                .database
                .read(move |connection| challenges::find_managed(connection, &principal, &slug))
                .await
                .map_err(Fault::from)?;
            for (field, text) in settings_of(&challenge) {
                form.put(&field, &text);
            }
            show(&request, challenge, form)
        }
        Err(error) => Err(error.into()),
    }
}

/// The pages that the form holds; one whose fields are all empty is gone.
fn pages(form: &Form) -> Vec<TextPage> {
    places(form)
        .map(|place| TextPage {
            slug: form.text(&place.slug).to_owned(),
            title: form.text(&place.title).to_owned(),
            body: form.long_text(&place.body),
        })
        .collect()
}

fn places(form: &Form) -> impl Iterator<Item = Place> {
    (0..PAGES)
        .map(Place::new)
        .filter(|place| place.is_filled(form))
}

/// The form's field for `pages[1].slug`, which counts the filled pages only.
fn field_of(field: &str, form: &Form) -> String {
    field
        .strip_prefix("pages[")
        .and_then(|rest| rest.split_once("]."))
        .and_then(|(index, part)| {
            let place = places(form).nth(index.parse().ok()?)?;
            Some(match part {
                "slug" => place.slug,
                "title" => place.title,
                _ => place.body,
            })
        })
        .unwrap_or_else(|| field.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emptied_page_is_gone_and_errors_still_find_their_field() {
        let form = Form::of([
            ("page_0_slug", String::new()),
            ("page_0_title", "  ".into()),
            ("page_1_slug", "Bad Slug".into()),
            ("page_1_body", "Text\r\nmore".into()),
        ]);
        let pages = pages(&form);
        assert_eq!(pages.len(), 1);
        assert_eq!(pages[0].body, "Text\nmore");
        assert_eq!(field_of("pages[0].slug", &form), "page_1_slug");
        assert_eq!(field_of("title", &form), "title");
    }
}
