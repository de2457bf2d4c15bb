//! `paddock serve`: the web server with its worker.

use std::net::TcpListener;

use anyhow::Context;
use clap::Args;

use super::settings::Settings;
use super::{output, stop};
use crate::accounts::passwords::Passwords;
use crate::http::state::State;
use crate::platform::clock::Clock;
use crate::platform::observability;
use crate::server;

/// Run the web server, with a worker beside it
///
/// Serves pages and API, brings the database's schema up to date first, and scores submissions in the
/// same process (worker_concurrency = 0 leaves that to `paddock worker`). Ctrl-C or SIGTERM finishes the
/// requests and runs under way and stops.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock serve\n  \
    paddock serve --listen 0.0.0.0:80 --config /etc/paddock.toml\n  \
    PADDOCK_DATABASE_URL=postgres://paddock:secret@db/paddock paddock serve")]
pub struct ServeArguments {
    /// Address and port [default: the setting `listen`, 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

pub async fn run(settings: &Settings, arguments: ServeArguments) -> anyhow::Result<()> {
    let own: Vec<_> = arguments
        .listen
        .into_iter()
        .map(|listen| ("listen", listen))
        .collect();
    let mut config = settings.load(&own)?;
    observability::start_logging(&config)?;
    let listener = bind(&config.listen)?;
    // Port 0 asks the system for a free one, so what people are told is what it chose.
    config.listen = listener.local_addr()?.to_string();
    let stop = stop::on_signal()?;
    let state = State::open(config, Clock::System, Passwords::owasp())?;
    output::line(format!("Serving at {}", state.config.public_url()))?;
    server::serve(state, listener, stop).await
}

/// Takes the port before anything else is done, so that a taken one is told at once.
pub fn bind(listen: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}; choose another address with --listen, as in --listen 127.0.0.1:8081")
    })
}
