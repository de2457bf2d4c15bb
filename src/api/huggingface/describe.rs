//! What a repository is and holds, and who asks.

use actix_web::HttpResponse;
use actix_web::web::{Form, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::repository::{Repository, Revision, Snapshot};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::datasets::metadata::hugging_face::{CARD, MAIN};
use crate::datasets::metadata::licence;
use crate::datasets::publish::Access;
use crate::http::guard;

/// Says whose token it is.
pub async fn whoami(principal: Principal) -> Answer {
    let user = guard::user(&principal)?;
    Ok(HttpResponse::Ok().json(json!({
        "type": "user",
        "id": user.id.to_string(),
        "name": user.username,
        "fullname": user.username,
        "isPro": false,
        "orgs": [],
        "auth": { "type": "access_token", "accessToken": { "displayName": "Paddock", "role": "read" } },
    })))
}

/// Describes the newest release.
pub async fn newest(house: House, address: Path<(String, String)>) -> HttpResponse {
    let (namespace, name) = address.into_inner();
    answer(describe(&house, &namespace, &name, MAIN).await)
}

/// Describes a release.
pub async fn revision(house: House, address: Path<(String, String, String)>) -> HttpResponse {
    let (namespace, name, revision) = address.into_inner();
    answer(describe(&house, &namespace, &name, &revision).await)
}

async fn describe(
    house: &House,
    namespace: &str,
    name: &str,
    revision: &str,
) -> Result<Value, Problem> {
    let repository = Repository::find(house, namespace, name).await?;
    let revision = repository.revision(revision)?;
    let snapshot = Snapshot::read(house, &repository, revision).await?;
    let dataset = &snapshot.dataset;
    let siblings: Vec<Value> = snapshot
        .files()
        .map(|(path, size, _)| json!({ "rfilename": path, "size": size }))
        .collect();
    let mut tags = vec!["karting".to_owned(), "tabular".to_owned()];
    if let Some(licence) = licence::hugging_face_id(&dataset.licence) {
        tags.push(format!("license:{licence}"));
    }
    let published = dataset
        .published_at
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    Ok(json!({
        "_id": dataset.id.to_string(),
        "id": repository.id(),
        "author": repository.namespace,
        "sha": snapshot.revision.commit,
        "lastModified": published,
        "private": false,
        "gated": match dataset.access {
            Access::Public => json!(false),
            // Everybody with an account is let in, without being asked anything.
            Access::Account => json!("auto"),
        },
        "disabled": false,
        "description": dataset.summary,
        "citation": dataset.citation,
        "downloads": 0,
        "likes": 0,
        "tags": tags,
        "siblings": siblings,
    }))
}

/// Lists branches and tags: each release has one.
pub async fn refs(house: House, address: Path<(String, String)>) -> HttpResponse {
    let (namespace, name) = address.into_inner();
    let found = Repository::find(&house, &namespace, &name).await;
    answer(found.map(|repository| {
        let reference = |name: &str, kind: &str, revision: &Revision| {
            json!({
                "name": name,
                "ref": format!("refs/{kind}/{name}"),
                "targetCommit": revision.commit,
            })
        };
        let revisions: Vec<Revision> = repository.revisions().collect();
        let branches: Vec<Value> = revisions
            .first()
            .map(|newest| reference(MAIN, "heads", newest))
            .into_iter()
            .collect();
        let tags: Vec<Value> = revisions
            .iter()
            .map(|revision| reference(&revision.tag(), "tags", revision))
            .collect();
        json!({ "branches": branches, "converts": [], "tags": tags })
    }))
}

/// Whether more is to be told of each file.
#[derive(Deserialize)]
pub struct Detail {
    #[serde(default)]
    expand: bool,
}

/// Lists the files of a release, which has no folders.
pub async fn tree(
    house: House,
    address: Path<(String, String, String)>,
    detail: Query<Detail>,
) -> HttpResponse {
    let (namespace, name, revision) = address.into_inner();
    answer(entries(&house, &namespace, &name, &revision, detail.expand).await)
}

async fn entries(
    house: &House,
    namespace: &str,
    name: &str,
    revision: &str,
    expand: bool,
) -> Result<Value, Problem> {
    let repository = Repository::find(house, namespace, name).await?;
    let revision = repository.revision(revision)?;
    let snapshot = Snapshot::read(house, &repository, revision).await?;
    let entries = snapshot
        .files()
        .map(|file| entry(file, &snapshot, expand))
        .collect();
    Ok(Value::Array(entries))
}

/// A file as the hub lists it. Data files are shown as large ones, whose SHA-256 clients read.
fn entry((path, size, sha256): (&str, u64, &str), snapshot: &Snapshot, expand: bool) -> Value {
    let mut entry = json!({
        "type": "file",
        "path": path,
        "size": size,
        // Git's name for the content is 40 digits long.
        "oid": sha256.get(..40).unwrap_or(sha256),
    });
    if path != CARD {
        entry["lfs"] = json!({ "oid": sha256, "size": size, "pointerSize": 130 });
    }
    if expand {
        let date = snapshot
            .dataset
            .published_at
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        entry["lastCommit"] = json!({
            "id": snapshot.revision.commit,
            "title": format!("Version {}", snapshot.revision.version),
            "date": date,
        });
    }
    entry
}

/// Lists the files of a folder; there is none, so it is not found, as on the hub.
pub async fn tree_below(
    house: House,
    address: Path<(String, String, String, String)>,
    detail: Query<Detail>,
) -> HttpResponse {
    let (namespace, name, revision, folder) = address.into_inner();
    if folder.is_empty() {
        return answer(entries(&house, &namespace, &name, &revision, detail.expand).await);
    }
    let found = Repository::find(&house, &namespace, &name).await;
    let refused = found
        .and_then(|repository| repository.revision(&revision))
        .and_then(|revision| {
            Err(Problem::NoEntry {
                message: format!(
                    "`{folder}` is no folder of this release; its files lie side by side."
                ),
                commit: revision.commit,
            })
        });
    answer(refused)
}

/// Describes the files of the given names; the others are left out.
pub async fn paths_info(
    house: House,
    address: Path<(String, String, String)>,
    form: Form<Vec<(String, String)>>,
) -> HttpResponse {
    let (namespace, name, revision) = address.into_inner();
    let has = |field: &str, value: &str| {
        form.iter()
            .any(|(name, sent)| name == field && sent == value)
    };
    let all = entries(&house, &namespace, &name, &revision, has("expand", "true")).await;
    answer(all.map(|all| {
        let entries = all.as_array().cloned().unwrap_or_default();
        let asked = |entry: &Value| {
            entry["path"]
                .as_str()
                .is_some_and(|path| has("paths", path))
        };
        Value::Array(entries.into_iter().filter(asked).collect())
    }))
}

fn answer(found: Result<Value, Problem>) -> HttpResponse {
    match found {
        Ok(document) => HttpResponse::Ok().json(document),
        Err(problem) => problem.answer(),
    }
}
