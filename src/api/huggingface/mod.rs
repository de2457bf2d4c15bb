//! The part of the Hugging Face hub's API that `huggingface_hub` and `datasets` read datasets by, with
//! `HF_ENDPOINT` set to this site and `HF_TOKEN` to an API token.
//!
//! A dataset is the repository `PUBLISHER/SLUG`; each release is a commit and a tag of it (`v2`, or `2`), and
//! `main` is the newest. May touch: the catalogue and what `http` shares. Start reading at [`repository`],
//! then [`files`] and [`describe`].

mod describe;
mod files;
mod problem;
mod repository;

use actix_web::web::{self, ServiceConfig};

use super::v1::readable;

pub(super) fn configure(routes: &mut ServiceConfig) {
    routes
        .service(readable("/api/whoami-v2", describe::whoami))
        .service(readable(
            "/api/datasets/{namespace}/{name}",
            describe::newest,
        ))
        .service(readable(
            "/api/datasets/{namespace}/{name}/refs",
            describe::refs,
        ))
        .service(readable(
            "/api/datasets/{namespace}/{name}/revision/{revision}",
            describe::revision,
        ))
        .service(readable(
            "/api/datasets/{namespace}/{name}/tree/{revision}",
            describe::tree,
        ))
        .service(readable(
            "/api/datasets/{namespace}/{name}/tree/{revision}/{path:.*}",
            describe::tree_below,
        ))
        .service(
            web::resource("/api/datasets/{namespace}/{name}/paths-info/{revision}")
                .post(describe::paths_info),
        )
        .service(readable(
            "/datasets/{namespace}/{name}/resolve/{revision}/{path:.*}",
            files::resolve,
        ));
}
